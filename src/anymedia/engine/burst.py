"""What is written in one round of the event loop leaves in one burst at its end.

Each write may wake somebody who sleeps, on another core as a rule, and that costs as much as the write
itself. Where a hundred microseconds of work lie between two writes, whoever reads them has always
gone back to sleep, and is woken for each. Of several that come together only the first wakes them.
"""

from __future__ import annotations

import asyncio
from typing import Any

MOST_WAITING = 32
"""More wake nobody less often, and a round with much to do is long."""


class Burst:
    """Small writes of one event loop."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: list[tuple[Any, bytes]] = []

    def add(self, loop: asyncio.AbstractEventLoop, transport: Any, data: bytes) -> None:
        """Write at the end of the round, in the order in which it was said."""
        waiting = self.waiting
        if not waiting:
            call_soon = loop.call_soon
            call_soon(self.send)
        waiting.append((transport, data))
        if len(waiting) >= MOST_WAITING:
            self.send()

    def send(self) -> None:
        """Write all of it now. What was hung up on meanwhile is told nothing."""
        waiting, self.waiting = self.waiting, []
        for transport, data in waiting:
            if not transport.is_closing():
                try:
                    transport.write(data)
                except RuntimeError:  # nothing may be written to it any more: others still may
                    transport.abort()


class Bursting:
    """A transport that can write later, and keeps what it writes in order."""

    def __init__(self, transport: Any, loop: asyncio.AbstractEventLoop, burst: Burst) -> None:
        self._transport = transport
        self._loop = loop
        self._burst = burst
        # What it has nothing to add to. There is no `__getattr__`: it would make all else slower.
        self.is_closing = transport.is_closing
        self.abort = transport.abort
        self.pause_reading = transport.pause_reading
        self.resume_reading = transport.resume_reading
        self.get_extra_info = transport.get_extra_info

    def later(self, data: bytes) -> None:
        """Write at the end of the loop's round, with what others write."""
        self._burst.add(self._loop, self._transport, data)

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Write at once, after what was to be written later."""
        if self._burst.waiting:
            self._burst.send()
        self._transport.write(data)

    def write_eof(self) -> None:
        """The same, and nothing any more."""
        self._burst.send()
        self._transport.write_eof()

    def can_write_eof(self) -> bool:
        """Whether one can hang up on one side."""
        found: bool = self._transport.can_write_eof()
        return found

    def close(self) -> None:
        """Hang up when all is written."""
        self._burst.send()
        self._transport.close()
