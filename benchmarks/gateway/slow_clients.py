"""Thousands who read slowly, and one who does not: `python -m benchmarks.gateway.slow_clients`.

Each slow one asks for a stream of megabytes, and takes half a kilobyte a second of it. Meanwhile a
usual client asks for chats: while they begin, when the kernel takes megabytes for each of them, and
when these are full. What counts is that it is answered as before, and that nobody's answer is kept
in memory whole.
"""

from __future__ import annotations

import argparse
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from time import monotonic, sleep
from typing import Any

from anymedia.bench.plan import Ask, Plan
from benchmarks.gateway import tools
from benchmarks.gateway.rig import Rig, rig, run

RATE = 20.0
"""Chats a second of the usual client."""
WINDOW_BYTES = 4096
TAKEN_BYTES = 512
PAUSE_SECONDS = 1.0
QUIET_SHARE = 0.15
"""Of a core: less than that the gateway uses when it only passes on what is taken."""
SLOWER = 2.0
"""What the usual client's median may be, as a multiple of before."""


class SlowReaders:
    """So many connections, each of which takes a little once a second."""

    def __init__(self, ask: Ask, number: int) -> None:
        self._sockets = [opened(ask) for _ in range(number)]
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read, daemon=True)
        self.taken = [0] * number
        self._thread.start()

    @property
    def served(self) -> int:
        """How many have got anything but a refusal so far."""
        return sum(taken > 0 for taken in self.taken)

    def until_served(self, seconds: float) -> None:
        """Wait until all have got something, or so long."""
        ends = monotonic() + seconds
        while self.served < len(self.taken) and monotonic() < ends:
            sleep(PAUSE_SECONDS / 4)

    def close(self) -> None:
        """They go away in the middle."""
        self._over.set()
        self._thread.join()
        for one in self._sockets:
            one.close()

    def _read(self) -> None:
        begun: set[int] = set()
        while not self._over.wait(PAUSE_SECONDS):
            for number, one in enumerate(self._sockets):
                with suppress(OSError):  # nothing is there yet, or it was closed
                    data = one.recv(TAKEN_BYTES, socket.MSG_DONTWAIT)
                    if number in begun or data.startswith(b"HTTP/1.1 200"):
                        begun.add(number)
                        self.taken[number] += len(data)


def opened(ask: Ask) -> socket.socket:
    """A connection with a small window that has asked."""
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, WINDOW_BYTES)  # before it is connected
    one.settimeout(30)
    one.connect((ask.host, ask.port))
    one.sendall(ask.wire())
    return one


@contextmanager
def reading_slowly(ask: Ask, number: int) -> Iterator[SlowReaders]:
    """While the block runs."""
    readers = SlowReaders(ask, number)
    try:
        yield readers
    finally:
        readers.close()


def until_quiet(one: Rig, seconds: float) -> None:
    """Wait until all that the kernel holds for slow readers is full, or so long."""
    ends, before = monotonic() + seconds, one.used().cpu_seconds
    while monotonic() < ends:
        sleep(PAUSE_SECONDS)
        now = one.used().cpu_seconds
        if now - before < QUIET_SHARE * PAUSE_SECONDS:
            return
        before = now


def starved(asked: argparse.Namespace) -> dict[str, Any]:
    """Without them, with them, and when they have gone."""
    with rig(more=asked.more) as one:
        plan = Plan(ask=one.ask("chat"), connections=8, seconds=asked.seconds, rate=RATE)
        before, alone = one.loaded(plan), one.used()
        with reading_slowly(one.ask("long"), asked.number) as readers:
            beginning = one.loaded(plan)
            readers.until_served(asked.settle)
            until_quiet(one, asked.settle)
            beside, among = one.loaded(plan), one.used()
            served, most = readers.served, max(readers.taken)
        after, left = one.loaded(plan), one.used()
    phases = (before, beginning, beside, after)
    ratio = beside.p50_ms / before.p50_ms if beside.p50_ms and before.p50_ms else None
    return {
        "machine": tools.machine(),
        "slow_clients": asked.number,
        "of_which_served": served,
        "most_bytes_taken_by_one": most,
        "phases": ("alone", "while they begin", "beside them", "afterwards"),
        **{
            name: [getattr(found, name) for found in phases]
            for name in ("p50_ms", "p99_ms", "answered", "refused", "failed", "unanswered")
        },
        "p50_ratio": None if ratio is None else round(ratio, 2),
        "megabytes": (round(alone.megabytes), round(among.megabytes), round(left.megabytes)),
        "files": (alone.files, among.files, left.files),
        "kilobytes_each": round(1024 * (among.megabytes - alone.megabytes) / max(1, served), 1),
        "reached": ratio is not None
        and ratio <= SLOWER
        and not any(found.refused + found.failed + found.unanswered for found in phases),
    }


def main() -> int:
    """The exit code: 0 when the usual client was answered as before."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.gateway.slow_clients", description=__doc__.partition("\n\n")[0]
    )
    parser.add_argument("--number", type=tools.count, default=2000)
    parser.add_argument("--seconds", type=tools.positive, default=10.0)
    parser.add_argument(
        "--settle", type=tools.positive, default=60.0, help="seconds to wait for them, at most"
    )
    parser.add_argument("--more", default="", help="further lines of the configuration")
    return run(parser, starved)


if __name__ == "__main__":
    sys.exit(main())
