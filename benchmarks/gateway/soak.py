"""Half of what it can, for long: does it grow? `python -m benchmarks.gateway.soak --minutes 30`.

Chats at a steady rate, and a few streams beside them. Memory, open files, threads, latency and
failures are sampled. Memory at the end is compared with memory when a tenth of the time had gone:
by then caches and pools have their size.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from statistics import median
from time import monotonic
from typing import Any

from anymedia.bench.plan import Plan
from benchmarks.gateway import tools
from benchmarks.gateway.picture import Line, over_time
from benchmarks.gateway.rig import rig, run

GROWTH = 1.10
SAMPLES = 180
CONNECTIONS = 128
STREAMS_SHARE = 0.01
"""Of the chats, so many streams of some two hundred events."""

Sample = dict[str, float]


def soaked(asked: argparse.Namespace) -> dict[str, Any]:
    """Load it, and watch."""
    seconds = asked.minutes * 60
    every = max(0.25, seconds / SAMPLES)
    with rig() as one:
        rate = one.maximum(asked.probe_seconds) * asked.share
        print(f"{rate:,.0f} requests/s for {asked.minutes:g} min", file=sys.stderr, flush=True)
        chats = Plan(
            ask=one.ask("chat"),
            connections=CONNECTIONS,
            seconds=seconds,
            rate=rate,
            every_seconds=every,
        )
        streams = Plan(
            ask=one.ask("stream"),
            connections=CONNECTIONS,
            seconds=seconds,
            rate=max(0.5, rate * STREAMS_SHARE),
        )
        samples: list[Sample] = []
        began = monotonic()
        with one.load(chats) as line, one.load(streams) as other:
            while (found := line()).seconds < seconds:
                now = one.used()
                samples.append(
                    {
                        "at_seconds": round(monotonic() - began, 2),
                        "megabytes": round(now.megabytes, 2),
                        "files": now.files,
                        "threads": now.threads,
                        "per_second": round(found.per_second, 1),
                        "p50_ms": found.p50_ms or 0.0,
                        "p99_ms": found.p99_ms or 0.0,
                        "failed": found.failed + found.refused,
                    }
                )
                if len(samples) % 20 == 1:
                    print(samples[-1], file=sys.stderr, flush=True)
            streamed = other()
    if asked.picture is not None:
        asked.picture.write_text(drawn(samples, rate, asked.share))
    grown = growth(samples)
    failed = found.failed + found.refused + found.unanswered + streamed.failed + streamed.refused
    return {
        "minutes": asked.minutes,
        "machine": tools.machine(),
        "rate_per_second": round(rate, 1),
        "chats": found.answered,
        "streams": streamed.answered,
        "failed": failed,
        "p50_ms": found.p50_ms,
        "p99_ms": found.p99_ms,
        "megabytes": (samples[0]["megabytes"], samples[-1]["megabytes"]),
        "files": (samples[0]["files"], samples[-1]["files"]),
        "threads": (samples[0]["threads"], samples[-1]["threads"]),
        "grown_by": round(grown, 4),
        "reached": grown <= GROWTH and failed == 0,
        "samples": samples,
    }


def growth(samples: Sequence[Sample]) -> float:
    """Memory at the end as a multiple of memory after a tenth of the time, as medians."""
    tenth = max(1, len(samples) // 10)
    sizes = [one["megabytes"] for one in samples]
    return median(sizes[-tenth:]) / median(sizes[tenth : 2 * tenth] or sizes[:1])


def drawn(samples: Sequence[Sample], rate: float, share: float) -> str:
    """Memory over time."""
    return over_time(
        "Memory of the gateway under steady load",
        f"{rate:,.0f} requests per second, {share:.0%} of what it can; every feature on, one process",
        "MB",
        [Line("resident", [(one["at_seconds"], one["megabytes"]) for one in samples])],
    )


def main() -> int:
    """The exit code: 0 when it has not grown and nothing has failed."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway.soak", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--minutes", type=tools.positive, default=30.0)
    parser.add_argument("--share", type=tools.positive, default=0.5, help="of the maximum")
    parser.add_argument("--probe-seconds", type=tools.positive, default=5.0)
    parser.add_argument("--picture", type=tools.file(".svg"), metavar="FILE.svg")
    return run(parser, soaked)


if __name__ == "__main__":
    sys.exit(main())
