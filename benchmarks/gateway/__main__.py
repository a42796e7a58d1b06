"""The gateway beside nginx and others: `python -m benchmarks.gateway`.

Everybody is started anew in every round, on a core of its own; nginx as the provider and wrk share
the other cores. Rounds are interleaved (A B C, A B C), so that a busy moment meets everybody. Who
else is installed is found by BENCH_LITELLM (a virtual environment with `litellm[proxy]`),
BENCH_PORTKEY (a folder after `npm install @portkey-ai/gateway`) and BENCH_TENSORZERO (a virtual
environment with `tensorzero`). Absolute figures are those of the machine and the hour; ratios are
what to look at.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console

from anymedia.bench.processes import cores
from benchmarks.gateway import nginx, tools
from benchmarks.gateway.candidates import NGINX, OURS, Candidate
from benchmarks.gateway.measuring import Extent, Figures, measured
from benchmarks.gateway.page import page
from benchmarks.gateway.peers import PEERS
from benchmarks.gateway.picture import bars
from benchmarks.gateway.report import document, show

USUAL = (OURS.name, NGINX.name)
DOCS = Path(__file__).parents[2] / "docs"
WIDTH = 120
"""Of the table in a pipe, where all columns should fit."""


def main(words: Sequence[str] | None = None) -> int:
    """Measure and tell; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--seconds", type=tools.positive, default=5.0, help="of each measurement")
    parser.add_argument("--rounds", type=tools.count, default=3)
    parser.add_argument("--streams", type=tools.count, default=1000, help="open at once")
    parser.add_argument(
        "--peers",
        type=names,
        help=f"of {', '.join(PEERS)}, or `none`; all that are installed unless said",
    )
    parser.add_argument("--json", type=tools.file(".json"), metavar="FILE.json")
    parser.add_argument("--picture", type=tools.file(".svg"), metavar="FILE.svg")
    parser.add_argument("--page", action="store_true", help="write docs/benchmarks-gateway.md")
    asked = parser.parse_args(words)
    tools.end_in_order()
    try:
        tools.checked(("nginx", "wrk"))
        candidates, absent = chosen(asked.peers)
    except tools.Missing as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    found = run(candidates, absent, asked)
    show(found, Console() if sys.stdout.isatty() else Console(width=WIDTH))
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    if asked.picture is not None:
        asked.picture.write_text(bars(found))
    if asked.page:
        (DOCS / "benchmarks-gateway.md").write_text(page(found))
        (DOCS / "pictures" / "gateway.svg").write_text(bars(found))
    return 0 if set(USUAL) <= set(found["candidates"]) else 1


def names(words: str) -> tuple[str, ...]:
    """The peers that were named."""
    said = tuple(one for one in words.split(",") if one and one != "none")
    if unknown := [one for one in said if one not in PEERS]:
        raise argparse.ArgumentTypeError(
            f"nobody is called {', '.join(unknown)}; there are {', '.join(PEERS)}"
        )
    return said


def chosen(peers: tuple[str, ...] | None) -> tuple[list[Candidate], dict[str, str]]:
    """Who is compared, and why others are not. `Missing` for those who were named."""
    candidates, absent = [NGINX, OURS], {}
    for name in PEERS if peers is None else peers:
        try:
            candidates.append(PEERS[name].candidate(os.environ))
        except tools.Missing as error:
            if peers is not None:
                raise
            absent[name] = str(error)
    return candidates, absent


def run(
    candidates: Sequence[Candidate], absent: dict[str, str], asked: argparse.Namespace
) -> dict[str, Any]:
    """All rounds."""
    tools.many_files()
    apart = cores()
    extent = Extent(seconds=asked.seconds, streams=asked.streams)
    about = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": tools.machine(),
        "seconds": asked.seconds,
        "rounds": asked.rounds,
        "streams": asked.streams,
    }
    rounds: dict[str, list[Figures]] = {}
    failures, remarks = dict(absent), dict[str, str]()
    told = Console(stderr=True)
    with (
        tempfile.TemporaryDirectory() as folder,
        nginx.providing(Path(folder) / "provider", apart.around) as provider,
        told.status("") as status,
    ):
        for number in range(asked.rounds):
            for one in candidates:
                if one.name in failures:
                    continue
                begins = f"round {number + 1} of {asked.rounds}: {one.title}"

                def tell(words: str, begins: str = begins) -> None:
                    status.update(f"{begins}: {words}")

                place = Path(folder) / f"{one.name}-{number}"
                try:
                    figures, missing = measured(one, place, provider, apart, extent, tell)
                except RuntimeError as error:
                    failures[one.name] = str(error)
                    continue
                rounds.setdefault(one.name, []).append(figures)
                if missing is not None:
                    remarks[one.name] = missing
                told.print(
                    f"{begins}: {figures['requests_per_second']:,.0f} requests/s, "
                    f"{figures['cpu_microseconds_per_request']:,.0f} µs CPU each",
                    highlight=False,
                )
    return document(candidates, rounds, failures | remarks, about)


if __name__ == "__main__":
    sys.exit(main())
