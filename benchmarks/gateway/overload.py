"""Twice of what it can: does it refuse, or let all wait? `python -m benchmarks.gateway.overload`.

Requests are due at a steady rate, whether the last ones were answered or not, over more
connections than the gateway takes requests at once. What counts is how long those waited who were
let in, and whether the others were told at once to come again, and when.
"""

from __future__ import annotations

import argparse
import sys
from typing import Any

from anymedia.bench.plan import Found, Plan
from benchmarks.gateway import tools
from benchmarks.gateway.rig import rig, run

MOST_MS = 1000.0
"""What 99 of 100 wait at most who are let in."""


def overloaded(asked: argparse.Namespace) -> dict[str, Any]:
    """Measure the maximum, half of it, and a multiple of it."""
    with rig(more=asked.more) as one:
        maximum = one.maximum(asked.seconds)

        def at(share: float) -> Found:
            return one.loaded(
                Plan(
                    ask=one.ask("chat"),
                    connections=asked.connections,
                    seconds=asked.seconds,
                    rate=maximum * share,
                )
            )

        half = at(0.5)
        before = one.used()
        over = at(asked.times)
        after = one.used()
        again = at(0.5)
    asked_for = over.sent + over.unanswered
    return {
        "machine": tools.machine(),
        "maximum_per_second": round(maximum, 1),
        "offered_per_second": round(asked_for / over.seconds, 1),
        "accepted_per_second": round(over.per_second, 1),
        "share_refused": round(over.refused / max(1, over.sent), 3),
        "refusals_that_say_when": round(over.told_when / max(1, over.refused), 3),
        "failed": over.failed,
        "unanswered": over.unanswered,
        "statuses": over.statuses,
        "half_p50_ms": half.p50_ms,
        "half_p99_ms": half.p99_ms,
        "accepted_p50_ms": over.p50_ms,
        "accepted_p99_ms": over.p99_ms,
        "refused_p99_ms": over.refused_p99_ms,
        "half_again_p99_ms": again.p99_ms,
        "megabytes": (round(before.megabytes), round(after.megabytes)),
        "reached": over.failed == 0
        and over.refused > 0
        and over.told_when == over.refused
        and (over.p99_ms or MOST_MS) < MOST_MS,
    }


def main() -> int:
    """The exit code: 0 when the wait was bounded by refusing."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway.overload", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--seconds", type=tools.positive, default=10.0)
    parser.add_argument("--times", type=tools.positive, default=2.0, help="of the maximum")
    parser.add_argument("--connections", type=tools.count, default=4000)
    parser.add_argument("--more", default="", help="further lines of the configuration")
    return run(parser, overloaded)


if __name__ == "__main__":
    sys.exit(main())
