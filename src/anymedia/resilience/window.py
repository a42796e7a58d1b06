"""What happened lately, in a fixed amount of memory.

Time is cut into slots of a twelfth of the window. Events of the present slot are added up in
place; slots that have passed stand in a short queue and leave it at the other end. So the window
that is counted is between eleven twelfths of what was asked for and all of it: what is told is
never older than promised. Recording costs one addition, unless a slot has just ended.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

SLOTS = 12


class Counts(NamedTuple):
    """How many calls, and how many of them failed or were slow."""

    calls: int = 0
    failed: int = 0
    slow: int = 0

    def plus(self, other: Counts) -> Counts:
        """Both together."""
        return Counts(self.calls + other.calls, self.failed + other.failed, self.slow + other.slow)


NOTHING = Counts()


class Window:
    """Calls of the last seconds."""

    __slots__ = ("_calls", "_failed", "_past", "_queue", "_slot", "_slow", "_width")

    def __init__(self, seconds: float, now: float) -> None:
        self._width = seconds / SLOTS
        self._queue: deque[tuple[int, Counts]] = deque()
        self._past = NOTHING
        self._slot = int(now // self._width)
        self._calls = self._failed = self._slow = 0

    def add(self, now: float, *, calls: int = 1, failed: int = 0, slow: int = 0) -> None:
        """One more call, or several of the same moment."""
        # A clock that went back stays in the present slot until time has caught up.
        if now // self._width > self._slot:
            self._turn(now)
        self._calls += calls
        self._failed += failed
        self._slow += slow

    def add_all(self, at: Sequence[float]) -> None:
        """More calls, of these times in order, that were neither slow nor failed."""
        if at[0] // self._width == at[-1] // self._width:
            self.add(at[-1], calls=len(at))
        else:
            for now in at:
                self.add(now)

    def counts(self, now: float) -> Counts:
        """What is in the window."""
        if now // self._width > self._slot:
            self._turn(now)
        return self._past.plus(Counts(self._calls, self._failed, self._slow))

    @property
    def touched(self) -> float:
        """When the present slot began: nothing was recorded long after that."""
        return self._slot * self._width

    def clear(self) -> None:
        """Forget everything."""
        self._queue.clear()
        self._past = NOTHING
        self._calls = self._failed = self._slow = 0

    def resized(self, seconds: float, now: float) -> Window:
        """A window of another length that knows what this one knows, as if it were of now."""
        other = Window(seconds, now)
        other._calls, other._failed, other._slow = self.counts(now)
        return other

    def _turn(self, now: float) -> None:
        """The present slot has passed; those that are too old leave."""
        present = Counts(self._calls, self._failed, self._slow)
        if present.calls:
            self._queue.append((self._slot, present))
            self._past = self._past.plus(present)
        self._calls = self._failed = self._slow = 0
        self._slot = int(now // self._width)
        oldest = self._slot - SLOTS + 1
        while self._queue and self._queue[0][0] < oldest:
            _, gone = self._queue.popleft()
            self._past = Counts(*(a - b for a, b in zip(self._past, gone, strict=True)))
