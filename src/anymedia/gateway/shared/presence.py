"""Whether the caller is still there: nobody answers into a closed connection."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import TypeAlias

from starlette.types import Receive

from anymedia.engine.attendance import Attendance
from anymedia.gateway.shared.stepping import Watch

Leaving: TypeAlias = Callable[[Callable[[], None] | None], None]
"""Takes who shall be told that the caller hangs up, or nobody any more."""


class CallerGone(Exception):
    """The caller has hung up."""


class attended(Attendance):  # noqa: N801  it is used like a function
    """What runs inside is stopped when the caller hangs up, and ends as `CallerGone`.

    What cannot be stopped any more is waited for (`Attendance`). The body must have been read
    before: whatever comes now can only be the end.
    """

    __slots__ = ("_leaving", "_receive", "_watch")

    def __init__(self, receive: Receive) -> None:
        Attendance.__init__(self, getattr(receive, "loop", None))
        self._receive = receive
        self._leaving: Leaving | None = getattr(receive, "leaving", None)
        """Our own server tells; of any other the next message is waited for."""
        self._watch: Watch | None = None

    def __enter__(self) -> None:
        self.begin()
        leaving = self._leaving
        if leaving is not None:
            leaving(self.leave)
        else:
            self._watch = Watch(self._receive, self.leave)
            self._watch.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        leaving = self._leaving
        if leaving is not None:
            leaving(None)
        elif self._watch is not None:
            self._watch.end()
        self.end()
        if error is None:
            if self.gone:
                raise CallerGone
        elif isinstance(error, asyncio.CancelledError):
            assert self.task is not None
            others = self.task.uncancel() if self.stopped else self.task.cancelling()
            if self.gone and others == 0:
                raise CallerGone from None
