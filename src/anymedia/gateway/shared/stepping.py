"""Coroutines driven by hand, where a task or a timer for each request would cost more than the work.

A server's `receive` has the whole body at hand as a rule, and then waits for the caller's end, which
as a rule comes after the answer. The first needs no timer, and the second no task.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Generator
from typing import Any

from starlette.types import Message, Receive


class Rest(Exception):
    """What is left of a coroutine that has to wait. Await it to go on."""

    def __init__(self, begun: Coroutine[Any, Any, Any], waits_for: Any) -> None:
        super().__init__()
        self._begun = begun
        self._waits_for = waits_for

    def __await__(self) -> Generator[Any, Any, Any]:
        try:
            while True:
                try:
                    news = yield self._waits_for
                except BaseException as error:  # noqa: BLE001  it is the coroutine's to handle
                    self._waits_for = self._begun.throw(error)
                else:
                    self._waits_for = self._begun.send(news)
        except StopIteration as said:
            return said.value


def at_once(coroutine: Any) -> Any:
    """What a coroutine returns without waiting. Raises its `Rest` where it has to wait."""
    try:
        waits_for = coroutine.send(None)
    except StopIteration as said:
        return said.value
    raise Rest(coroutine, waits_for)


class Watch:
    """Waits for a caller's hanging up, and tells."""

    __slots__ = ("_coming", "_gone", "_receive", "_waits_for")

    def __init__(self, receive: Receive, gone: Callable[[], None]) -> None:
        self._receive = receive
        self._gone = gone
        self._coming: Any = None
        self._waits_for: asyncio.Future[Any] | None = None

    def begin(self) -> None:
        """Listen from now on."""
        self._step(None)

    def end(self) -> None:
        """Listen no longer."""
        if self._waits_for is not None:
            self._waits_for.remove_done_callback(self._step)
            self._waits_for = None
        if self._coming is not None:
            self._coming.close()
            self._coming = None

    def _step(self, _: asyncio.Future[Any] | None) -> None:
        """Go on where it waited."""
        self._waits_for = None
        while True:
            if self._coming is None:
                self._coming = self._receive()
            try:
                waits_for = self._coming.send(None)
            except StopIteration as said:
                self._coming = None
                message: Message = said.value
                if message["type"] == "http.disconnect":
                    self._gone()
                    return
                continue
            except OSError:  # nobody is there
                self._coming = None
                self._gone()
                return
            if not asyncio.isfuture(waits_for):  # it only lets others go first
                waits_for = asyncio.get_running_loop().create_future()
                asyncio.get_running_loop().call_soon(waits_for.set_result, None)
            else:
                # As a task does that takes note of what it waits for.
                waits_for._asyncio_future_blocking = False  # noqa: SLF001
            self._waits_for = waits_for
            waits_for.add_done_callback(self._step)
            return
