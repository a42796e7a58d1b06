"""Run all policies through all settings: `python -m benchmarks.routing`.

Prints a table, writes `routing.json` and `routing.png`. With `--page` the page and the picture in
`docs/` are written anew. About a minute and a half on one core.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.routing.measures import PERIODS, Measured, Target, line, measured, targets
from benchmarks.routing.page import page
from benchmarks.routing.picture import draw
from benchmarks.routing.policies import EVERYBODY
from benchmarks.routing.providers import setting_of
from benchmarks.routing.workload import REPOSITORY, clips, text_workloads, traces_folder

SHOWN = ("adaptive", "oracle", "ref: lowest latency", "ref: in turn", "cost")


def main() -> None:
    """Measure, tell, write."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--traces", help="folder of the traces; else `ANYMEDIA_TRACES`")
    arguments.add_argument("--seeds", type=int, default=3)
    arguments.add_argument("--out", type=Path, default=REPOSITORY / ".cache" / "routing")
    arguments.add_argument("--page", action="store_true", help="write docs/benchmarks-routing.md")
    given = arguments.parse_args()
    began = time.perf_counter()
    folder = traces_folder(given.traces)
    workloads = [[*text_workloads(folder, seed), clips(seed)] for seed in range(1, given.seeds + 1)]
    table = measured(workloads, EVERYBODY)
    reached = targets(table)
    show(table, reached)
    origins = {one.name: one.origin for one in workloads[0]}
    given.out.mkdir(parents=True, exist_ok=True)
    document = {
        "seeds": given.seeds,
        "workloads": origins,
        "policies": [asdict(one) for one in table],
        "targets": [asdict(one) for one in reached],
    }
    (given.out / "routing.json").write_text(json.dumps(document, indent=1) + "\n")
    setting = setting_of(workloads[0][0], 1)
    lines = [line(policy, setting, 1) for policy in SHOWN]
    title = "Conversations: what a request costs while providers fail"
    pictures = [given.out / "routing.png"]
    if given.page:
        pictures.append(REPOSITORY / "docs" / "pictures" / "routing.png")
        text = page(table, reached, origins, given.seeds)
        (REPOSITORY / "docs" / "benchmarks-routing.md").write_text(text)
    for picture in pictures:
        draw(picture, setting, lines, title)
    print(f"\n{time.perf_counter() - began:.0f} s; written to {given.out}")


def show(table: Sequence[Measured], reached: Sequence[Target]) -> None:
    """The table, as text."""
    workload = ""
    for one in table:
        if one.workload != workload:
            workload = one.workload
            print(
                f"\n{workload:26}steady {' '.join(f'{name:>9}' for name in PERIODS)}"
                "   served    p50    p95    p99  $/1000  wasted  after notice  notice  back"
            )
        losses = " ".join(f"{one.losses[name]:9.2f}" for name in PERIODS)
        print(
            f"{one.policy:26}{one.steady_loss:6.2f} {losses} {one.success * 100:8.3f}"
            f" {one.p50_seconds:6.1f} {one.p95_seconds:6.1f} {one.p99_seconds:6.1f}"
            f" {one.usd_per_thousand:7.2f} {one.wasted:7.0f} {maybe(one.wasted_after_notice, 2):>13}"
            f" {maybe(one.notice_seconds):>7} {maybe(one.recovery_seconds):>5}"
        )
    print()
    for target in reached:
        print(f"{'reached' if target.kept else 'MISSED ':8} {target.words}: {target.reached}")


def maybe(figure: float | None, digits: int = 0) -> str:
    """A figure, if there is one."""
    return "-" if figure is None else f"{figure:.{digits}f}"


if __name__ == "__main__":
    main()
