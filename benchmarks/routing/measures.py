"""What is counted of runs: averages over seeds, by policy and by what was going on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from benchmarks.routing.policies import EVERYBODY, REFERENCES
from benchmarks.routing.providers import SCHEDULE, Setting, setting_of
from benchmarks.routing.simulation import Result, Run, simulate
from benchmarks.routing.workload import Workload

PERIODS = tuple(name for name, *_ in SCHEDULE)


@dataclass(frozen=True, slots=True)
class Measured:
    """One policy on one workload, over all seeds."""

    workload: str
    policy: str
    steady_loss: float
    """Mean loss of a request where nothing happens."""
    losses: dict[str, float]
    """Mean loss by trouble: from its beginning to the beginning of the next."""
    troubled_loss: float
    """Mean loss from the first trouble on."""
    success: float
    """Share of the requests that were served, of those that anybody could have served."""
    p50_seconds: float
    p95_seconds: float
    p99_seconds: float
    usd_per_thousand: float
    wasted: float
    """Calls to providers that served nobody, per run."""
    wasted_after_notice: float | None
    """Of a hundred requests after an outage was noticed, how many called the dead provider."""
    notice_seconds: float | None
    """Until five calls to it had failed; nothing where that never came to be."""
    recovery_seconds: float | None
    """From the end of an outage until the provider first served again."""


@dataclass(frozen=True, slots=True)
class Line:
    """How a policy went over time, for the picture."""

    policy: str
    points: tuple[tuple[float, float], ...]


def measured(workloads: Sequence[Sequence[Workload]], policies: Sequence[str]) -> list[Measured]:
    """Every policy on every workload; `workloads` has the same ones once for every seed."""
    found = []
    for versions in zip(*workloads, strict=True):
        settings = [setting_of(workload, seed) for seed, workload in enumerate(versions, 1)]
        for policy in policies:
            steady, runs = [], []
            for seed, setting in enumerate(settings, 1):
                calm = replace(setting, troubles=(), periods=())
                steady.append(simulate(policy, calm, seed))
                runs.append(simulate(policy, setting, seed))
            found.append(summed_up(policy, settings, steady, runs))
    return found


def summed_up(
    policy: str, settings: Sequence[Setting], steady: Sequence[Run], runs: Sequence[Run]
) -> Measured:
    """The figures of one policy on one workload."""
    by_period: dict[str, list[float]] = {name: [] for name in PERIODS}
    for setting, run in zip(settings, runs, strict=True):
        for period in setting.periods:
            if period.name in by_period:
                by_period[period.name] += [
                    one.loss for one in run.results if period.begins <= one.at < period.ends
                ]
    results = [one for run in runs for one in run.results]
    seconds = sorted(one.seconds for one in results if one.served)
    outages = [outage for run in runs for outage in run.outages]
    after = sum(outage.requests_after for outage in outages)
    noticed = [o.noticed_at - o.begins for o in outages if o.noticed_at is not None]
    back = [o.recovered_at - o.ends for o in outages if o.recovered_at is not None]
    wasted_after = sum(outage.wasted_after for outage in outages)
    return Measured(
        workload=settings[0].workload.name,
        policy=policy,
        steady_loss=mean([one.loss for run in steady for one in run.results]),
        losses={name: mean(losses) for name, losses in by_period.items()},
        troubled_loss=mean([loss for losses in by_period.values() for loss in losses]),
        success=served_share(results),
        p50_seconds=seconds[len(seconds) // 2],
        p95_seconds=seconds[int(len(seconds) * 0.95)],
        p99_seconds=seconds[int(len(seconds) * 0.99)],
        usd_per_thousand=1000 * mean([one.usd for one in results]),
        wasted=sum(outage.wasted for outage in outages) / len(runs),
        wasted_after_notice=100 * wasted_after / after if after else None,
        notice_seconds=mean(noticed) if noticed else None,
        recovery_seconds=mean(back) if back else None,
    )


def served_share(results: Sequence[Result]) -> float:
    """Of the requests that somebody could have served."""
    possible = [one for one in results if not one.helpless]
    return sum(one.served for one in possible) / len(possible)


def mean(figures: Sequence[float]) -> float:
    """The mean."""
    return sum(figures) / len(figures)


def line(policy: str, setting: Setting, seed: int, stretches: int = 150) -> Line:
    """The mean loss in each of so many stretches of time."""
    width = setting.workload.seconds / stretches
    sums: dict[int, list[float]] = {}
    for one in simulate(policy, setting, seed).results:
        sums.setdefault(int(one.at / width), []).append(one.loss)
    return Line(
        policy, tuple((place * width, mean(losses)) for place, losses in sorted(sums.items()))
    )


@dataclass(frozen=True, slots=True)
class Target:
    """A promise, and whether it is kept."""

    words: str
    reached: str
    kept: bool


def targets(table: Sequence[Measured]) -> list[Target]:
    """What `adaptive` is to reach, and what it does."""
    found = []
    for workload in dict.fromkeys(one.workload for one in table):
        of = {one.policy: one for one in table if one.workload == workload}
        ours, oracle = of["adaptive"], of["oracle"]
        more = ours.steady_loss / oracle.steady_loss - 1
        found.append(
            Target(
                f"{workload}: within 5 % of the oracle where nothing happens",
                f"{more * 100:.1f} %",
                more <= 0.05,
            )
        )
        for period in PERIODS:
            best = min(REFERENCES, key=lambda name: of[name].losses[period])
            ahead = 1 - ours.losses[period] / of[best].losses[period]
            found.append(
                Target(
                    f"{workload}, {period}: better than every reference",
                    f"{ahead * 100:+.0f} % against {best}",
                    ahead > 0,
                )
            )
        found.append(
            Target(
                f"{workload}: over 99 % served whenever somebody could",
                f"{ours.success * 100:.3f} %",
                ours.success > 0.99,
            )
        )
        wasted = ours.wasted_after_notice or 0.0
        found.append(
            Target(
                f"{workload}: at most 1 in 100 to a dead provider once noticed",
                f"{wasted:.2f}",
                wasted <= 1.0,
            )
        )
    return found


__all__ = ["EVERYBODY", "Line", "Measured", "Target", "line", "measured", "targets"]
