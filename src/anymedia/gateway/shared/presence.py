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


class attended:  # noqa: N801  it is used like a function
    """What runs inside is stopped when the caller hangs up, and ends as `CallerGone`.

    What cannot be stopped any more is waited for (`Attendance`). The body must have been read
    before: whatever comes now can only be the end.
    """

    __slots__ = ("_attendance", "_leaving", "_receive", "_watch")

    def __init__(self, receive: Receive) -> None:
        self._attendance = Attendance()
        self._receive = receive
        self._leaving: Leaving | None = getattr(receive, "leaving", None)
        """Our own server tells; of any other the next message is waited for."""
        self._watch: Watch | None = None

    def __enter__(self) -> None:
        attendance = self._attendance
        attendance.__enter__()
        if self._leaving is not None:
            self._leaving(attendance.leave)
        else:
            self._watch = Watch(self._receive, attendance.leave)
            self._watch.begin()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        attendance = self._attendance
        if self._leaving is not None:
            self._leaving(None)
        elif self._watch is not None:
            self._watch.end()
        attendance.__exit__()
        if isinstance(error, asyncio.CancelledError):
            working = attendance.task
            assert working is not None
            others = working.uncancel() if attendance.stopped else working.cancelling()
            if not attendance.gone or others > 0:
                return
            raise CallerGone from None
        if error is None and attendance.gone:
            raise CallerGone
