"""One request of a hundred megabytes beside usual ones: `python -m benchmarks.gateway.large`.

Usual chats come at a steady rate; in every third interval one of them is very large. What counts
is how much longer the others take then. Sender, provider and load share what the gateway leaves of
the machine, and hold each other up as well: so in another third the same goes to the provider past
the gateway. Intervals are interleaved, and medians compared.
"""

from __future__ import annotations

import argparse
import http.client
import sys
import threading
from collections.abc import Sequence
from statistics import median
from time import perf_counter, sleep
from typing import Any

import msgspec

from anymedia.bench.plan import Ask, Found, Plan
from benchmarks.gateway import tools
from benchmarks.gateway.rig import Rig, rig, run

RATE, CONNECTIONS = 100.0, 512
LATER_SECONDS = 0.5
"""After the interval's beginning the large one is sent."""
WATCH_SECONDS = 0.02
SLOWER = 2.0
MEGABYTE = 10**6


class Large:
    """One large request, sent by a thread of its own, and what came of it."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._thread = threading.Thread(target=self._send, daemon=True)
        self.status = 0
        self.said = ""
        self.seconds = 0.0

    def start(self) -> None:
        """Send it soon."""
        self._thread.start()

    @property
    def going(self) -> bool:
        return self._thread.is_alive()

    def _send(self) -> None:
        sleep(LATER_SECONDS)
        began = perf_counter()
        connection = http.client.HTTPConnection(self._ask.host, self._ask.port, timeout=300)
        try:
            headers = {"content-type": "application/json", **self._ask.headers}
            connection.request("POST", self._ask.path, self._ask.body.encode(), headers)
            answer = connection.getresponse()
            self.status, self.said = answer.status, answer.read(300).decode("utf-8", "replace")
        except OSError as error:
            self.said = repr(error)
        finally:
            self.seconds = perf_counter() - began
            connection.close()


def interval(one: Rig, seconds: float, large: Large | None) -> tuple[Found, float]:
    """Usual chats for so long, and the most memory that the gateway had meanwhile."""
    plan = Plan(ask=one.ask("chat"), connections=CONNECTIONS, seconds=seconds, rate=RATE)
    most = 0.0
    with one.load(plan) as line:
        if large is not None:
            large.start()
            while large.going:
                most = max(most, one.used().megabytes)
                sleep(WATCH_SECONDS)
        found = line()
    return found, max(most, one.used().megabytes)


def disturbed(asked: argparse.Namespace) -> dict[str, Any]:
    """Interval by interval, without and with a large one."""
    without: list[Found] = []
    beside: list[Found] = []
    past: list[Found] = []
    larges: list[Large] = []
    with rig() as one:
        ask = one.ask("chat", "a" * (asked.megabytes * MEGABYTE))
        around = msgspec.structs.replace(ask, port=one.provider_port, path=f"/chat{ask.path}")
        begun, most = one.used().megabytes, 0.0
        for _ in range(asked.rounds):
            without.append(interval(one, asked.seconds, None)[0])
            past.append(interval(one, asked.seconds, Large(around))[0])
            large = Large(ask)
            found, size = interval(one, asked.seconds, large)
            beside.append(found)
            larges.append(large)
            most = max(most, size)
        ended = one.used().megabytes
    names = ("p50_ms", "p99_ms", "longest_ms")
    ratios = {
        name: round(middle(beside, name) / max(middle(without, name), 1e-6), 2) for name in names
    }
    failed = sum(
        found.failed + found.refused + found.unanswered for found in (*without, *past, *beside)
    )
    return {
        "machine": tools.machine(),
        "megabytes_sent": asked.megabytes,
        "statuses_of_the_large": [one.status for one in larges],
        "seconds_of_the_large": [round(one.seconds, 2) for one in larges],
        "said_to_the_large": larges[-1].said[:200],
        "without": {name: middle(without, name) for name in names},
        "past": {name: middle(past, name) for name in names},
        "beside": {name: middle(beside, name) for name in names},
        "ratios": ratios,
        "ratios_to_past": {
            name: round(middle(beside, name) / max(middle(past, name), 1e-6), 2) for name in names
        },
        "failed": failed,
        "megabytes": (round(begun), round(most), round(ended)),
        "reached": failed == 0 and max(ratios["p50_ms"], ratios["p99_ms"]) <= SLOWER,
    }


def middle(found: Sequence[Found], name: str) -> float:
    """The median of a figure over intervals."""
    return float(median(getattr(one, name) or 0.0 for one in found))


def main() -> int:
    """The exit code: 0 when the others took no more than twice as long."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway.large", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--megabytes", type=tools.count, default=100)
    parser.add_argument("--seconds", type=tools.positive, default=8.0, help="of an interval")
    parser.add_argument("--rounds", type=tools.count, default=3)
    return run(parser, disturbed)


if __name__ == "__main__":
    sys.exit(main())
