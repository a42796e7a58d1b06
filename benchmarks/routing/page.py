"""The result as a page of the documentation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from benchmarks.routing.measures import PERIODS, Measured, Target

HEAD = """# How well strategies choose

Written by `python -m benchmarks.routing --page`; do not edit.

Every strategy, through the real `Chooser` and the real circuit breakers, on virtual time, beside
four reference policies written anew (at random, in turn, least busy, lowest mean of the last ten
times; each with a cool-down of five seconds after more than three failures in a minute) and an
oracle that knows the state of every provider at every moment.

![Mean loss over time](pictures/routing.png)

## Method

- Requests: {origins}.
  Text carries its real sizes; clips are 4 to 12 seconds long.
- Five providers differ in price, speed, capacity and reliability; the figures, their order, the
  times and all noise come from a seed. Figures below are means over {seeds} seeds.
- The cheapest by far is also what most troubles befall, one after the other: an *outage* (fails at
  once), a *hang* (times out, while a second provider is dead), a *brown-out* (six times as slow, one
  in four fails), a *limit* (429 beyond half of the usual load), eight times the price (*dearer*), and
  a slow *drift* (it becomes three times as slow, another three times as fast). A column runs from
  the beginning of its trouble to the beginning of the next, so it includes the recovery.
- *Loss* of a request = what it cost / the median price of a mean request + how long it took, failed
  attempts included, / the median time; 10 more if nobody served it. Smaller is better.
- *Steady* is a run of its own without troubles.
- What an answer costs is estimated before with the mean length; the oracle has no more to go by.
  The last row knows the length of every answer too, which nobody can. Prices are those of the
  moment: a catalogue that is out of date would cost `cost` and `adaptive` some of their lead.
- The references know nothing of prices, and have no circuit breakers: the figures compare what is
  there as a whole. Who wants nothing but speed sees it in the seconds, where the lowest mean of the
  last ten is ahead of everyone, at a higher price.
- *Wasted*: calls to a provider while it served nobody, per run. *Noticed*: when five of them had
  come back failed. *After*: of 100 requests from then on, how many called it. *Back*: seconds from
  the end of an outage until the provider served again; with circuit breakers that is mostly their
  pause (60 s, doubled when a probe fails), and never for who does not want the provider anyway.
"""


def page(
    table: Sequence[Measured], reached: Sequence[Target], origins: Mapping[str, str], seeds: int
) -> str:
    """All of it, as Markdown."""
    listed = ", ".join(f"{name} ({origin})" for name, origin in origins.items())
    parts = [HEAD.format(origins=listed, seeds=seeds)]
    for workload in origins:
        mine = [one for one in table if one.workload == workload]
        parts.append(f"## {workload.capitalize()}\n\n{losses(mine)}\n\n{services(mine)}\n")
    rows = [
        f"| {one.words} | {one.reached} | {'yes' if one.kept else '**no**'} |" for one in reached
    ]
    head = "## What `adaptive` is to reach\n\n| | | reached |\n|---|---:|---|\n"
    parts.append(head + "\n".join(rows) + "\n")
    return "\n".join(parts)


def losses(table: Sequence[Measured]) -> str:
    """Mean losses by period."""
    head = "| mean loss | steady | " + " | ".join(PERIODS) + " | all troubles |\n"
    rule = "|---|" + "---:|" * (len(PERIODS) + 2) + "\n"
    rows = [
        f"| {one.policy} | {one.steady_loss:.2f} | "
        + " | ".join(f"{one.losses[name]:.2f}" for name in PERIODS)
        + f" | {one.troubled_loss:.2f} |"
        for one in table
    ]
    return head + rule + "\n".join(rows)


def services(table: Sequence[Measured]) -> str:
    """How the requests of the run with troubles were served."""
    head = (
        "| with troubles | served | p50 s | p95 s | p99 s | USD per 1,000 | wasted | after | noticed s "
        "| back s |\n|---|" + "---:|" * 9 + "\n"
    )
    rows = [
        f"| {one.policy} | {one.success * 100:.3f} % | {one.p50_seconds:.1f} | "
        f"{one.p95_seconds:.1f} | {one.p99_seconds:.1f} | {one.usd_per_thousand:.2f} | "
        f"{one.wasted:.0f} | {figure(one.wasted_after_notice, 2)} | "
        f"{figure(one.notice_seconds, 0)} | {figure(one.recovery_seconds, 0)} |"
        for one in table
    ]
    return head + "\n".join(rows)


def figure(value: float | None, digits: int) -> str:
    """A figure, if there is one."""
    return "–" if value is None else f"{value:.{digits}f}"  # noqa: RUF001 -- a dash for nothing
