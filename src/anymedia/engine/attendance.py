"""Whether somebody still waits for what is being done, and what becomes of it when nobody does.

Whoever hangs up stops what can be stopped. A question that a provider has heard sometimes cannot be:
the HTTP library (pyreqwest 0.15) goes on waiting for the head of the answer, whatever becomes of the
one who awaits it, and the provider goes on working. Then its answer is waited for, so that its cost
is known, its place under the limits stays taken for as long as it is, and nothing else is begun.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar, Token

_ATTENDANCE: ContextVar[Attendance | None] = ContextVar("attendance", default=None)


class Attendance:
    """Of one caller, at one task: what runs inside is done for this caller."""

    __slots__ = ("_held", "_token", "gone", "stopped", "task")

    def __init__(self, loop: asyncio.AbstractEventLoop | None = None) -> None:
        self.task = asyncio.current_task(loop)
        self._token: Token[Attendance | None] | None = None
        self._held = 0
        self.gone = False
        """Whether the caller has hung up."""
        self.stopped = False
        """Whether the task was cancelled for it."""

    def leave(self) -> None:
        """The caller has hung up: stop at once, or when nothing is held any more."""
        self.gone = True
        if not self._held and self.task is not None:
            self.stopped = self.task.cancel()

    def begin(self) -> None:
        """What runs from here on is done for this caller."""
        self._token = _ATTENDANCE.set(self)

    def end(self) -> None:
        """It is no more."""
        if self._token is not None:
            _ATTENDANCE.reset(self._token)
            self._token = None

    @contextmanager
    def holding(self) -> Iterator[None]:
        """What runs inside cannot be taken back, and is waited for."""
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1

    @property
    def own(self) -> bool:
        """Whether this task is the one that is waited for, and none that it has started."""
        return self.task is asyncio.current_task()


def attendance() -> Attendance | None:
    """Whoever waits for what this task does, if that is known."""
    found = _ATTENDANCE.get()
    return found if found is not None and found.own else None


def is_deserted() -> bool:
    """Whether the caller of this task has gone while something had to be waited for."""
    found = attendance()
    return found is not None and found.gone and not found.stopped


def held() -> AbstractContextManager[None]:
    """What runs inside cannot be taken back, and is waited for, whoever hangs up."""
    found = attendance()
    return nullcontext() if found is None else found.holding()
