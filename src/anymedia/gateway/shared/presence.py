"""Whether the caller is still there: nobody answers into a closed connection."""

from __future__ import annotations

import asyncio
from types import TracebackType

from starlette.types import Receive

from anymedia.engine.attendance import Attendance
from anymedia.gateway.shared.stepping import Watch


class CallerGone(Exception):
    """The caller has hung up."""


class attended:  # noqa: N801  it is used like a function
    """What runs inside is stopped when the caller hangs up, and ends as `CallerGone`.

    What cannot be stopped any more is waited for (`Attendance`). The body must have been read
    before: whatever comes now can only be the end.
    """

    __slots__ = ("_attendance", "_inside", "_watch", "_working")

    def __init__(self, receive: Receive) -> None:
        working = asyncio.current_task()
        assert working is not None
        self._working = working
        self._attendance = Attendance()
        self._inside = self._attendance.attended()
        self._watch = Watch(receive, self._attendance.leave)

    async def __aenter__(self) -> None:
        self._inside.__enter__()
        self._watch.begin()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        attendance = self._attendance
        self._watch.end()
        self._inside.__exit__(kind, error, trace)
        if isinstance(error, asyncio.CancelledError):
            working = self._working
            others = working.uncancel() if attendance.stopped else working.cancelling()
            if not attendance.gone or others > 0:
                return
            raise CallerGone from None
        if error is None and attendance.gone:
            raise CallerGone
