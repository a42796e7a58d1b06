"""Jobs that wait for room, and whose turn it is when there is some.

There is a line for everything that is full: a provider's slots, a caller's requests per hour, a
paused provider. One job of a line at a time has its turn. It tries; when it gets in, the next one
has its turn; when it does not, it stays the one who tries again, soon or when something is given
back. All others sleep, so a hundred thousand that wait cost what one costs. Who comes later joins
the line, also when there has just become room.

Callers take turns. Between them the more important job goes first, and every job becomes more
important by one for each minute that its caller has waited. Within one caller's jobs, importance and
age are weighed in the same measure. So one caller's ten thousand do not hold up another's one, and
nothing waits for ever.

Every process has lines of its own, for the jobs that it has claimed. It claims them in the same
order of importance and age.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from math import floor, inf

AGEING_SECONDS = 60.0
"""So long a job waits to become more important by one."""
PATIENCE_SECONDS = 3600.0
"""Who does not have the turn sleeps so long, in case nobody wakes them."""
LATE_SECONDS = 10.0
"""Who has the turn and is not heard of for so long has lost it."""


def turn_of(priority: int, since: float) -> float:
    """Who is taken up first: the lowest. The order between two jobs never changes by waiting."""
    return since - priority * AGEING_SECONDS


@dataclass(frozen=True, slots=True)
class Waiter:
    """A job that waits."""

    job_id: str
    owner: str
    priority: int
    since: float
    """When it came, in seconds since 1970."""

    @property
    def turn(self) -> float:
        """Its place among its owner's jobs."""
        return turn_of(self.priority, self.since)


@dataclass(slots=True)
class Crowd:
    """The waiting jobs of one owner, who goes first first."""

    waiting: list[tuple[float, str]] = field(default_factory=list)
    served_at: float = -inf
    served: int = 0
    """A number that grows with every job that got in."""


class Line:
    """Those who wait for one thing."""

    __slots__ = ("count", "crowds", "due", "runner", "served")

    def __init__(self) -> None:
        self.crowds: dict[str, Crowd] = {}
        self.count = 0
        self.served = 0
        self.runner: str | None = None
        """Whose turn it is."""
        self.due = 0.0
        """When the runner should have been heard of."""


class Lines:
    """All lines of this process."""

    def __init__(
        self,
        now: Callable[[], float],
        wake: Callable[[str], None],
        listen: Callable[[bool], None] = lambda _: None,
    ) -> None:
        self._now = now
        """Seconds since 1970."""
        self._wake = wake
        self._listen = listen
        """Is told whether anybody waits, and what is `freed` has to be told."""
        self._listening = False
        self._lines: dict[str, Line] = {}
        self._waiters: dict[str, tuple[Waiter, tuple[str, ...]]] = {}
        self._worker = ""

    def __len__(self) -> int:
        """How many jobs wait."""
        return len(self._waiters)

    def __contains__(self, job_id: str) -> bool:
        """Whether a job waits."""
        return job_id in self._waiters

    def ahead(self, job_id: str, keys: Iterable[str]) -> str | None:
        """The first of some keys that others wait for who go first."""
        for key in keys:
            line = self._lines.get(key)
            if line is not None and line.runner != job_id:
                return key
        return None

    def enter(self, waiter: Waiter, keys: Sequence[str], pause: float, worker: str) -> float:
        """A job found no room for any of these. Seconds until it should look by itself."""
        if worker != self._worker:
            # Another lease: those who wait belong to others now, or will be claimed again.
            self._lines.clear()
            self._waiters.clear()
            self._worker = worker
        before = self._waiters.get(waiter.job_id)
        if before is not None and set(before[1]) != set(keys):
            self._out(waiter.job_id, [key for key in before[1] if key not in keys], went=False)
        self._waiters[waiter.job_id] = (waiter, tuple(keys))
        runs = False
        for key in keys:
            line = self._lines.setdefault(key, Line())
            if before is None or key not in before[1]:
                crowd = line.crowds.setdefault(waiter.owner, Crowd())
                heapq.heappush(crowd.waiting, (waiter.turn, waiter.job_id))
                line.count += 1
            if line.runner in {None, waiter.job_id}:
                line.runner = waiter.job_id
                best = self._best(key, line)
                if best is not None and best != waiter.job_id:
                    self._call(line, best)
                else:
                    line.due = self._now() + pause + LATE_SECONDS
                    runs = True
        self._listen_if_anybody_waits()
        return pause if runs else PATIENCE_SECONDS

    def leave(self, job_id: str, *, went: bool) -> None:
        """A job got in, or waits no more. Whoever is next has the turn."""
        found = self._waiters.pop(job_id, None)
        if found is not None:
            self._waiters[job_id] = found
            self._out(job_id, found[1], went=went)
            del self._waiters[job_id]
            self._listen_if_anybody_waits()

    def freed(self, keys: Sequence[str]) -> None:
        """There may be room for what these stand for; none of them means anywhere."""
        for key in keys or tuple(self._lines):
            line = self._lines.get(key)
            if line is not None and (best := self._best(key, line)) is not None:
                self._call(line, best)

    def tend(self) -> None:
        """Pass on the turn of those who are not heard of: others have taken them over."""
        now = self._now()
        for line in list(self._lines.values()):
            if line.runner is not None and line.due < now:
                self.leave(line.runner, went=False)

    # --- inside ---------------------------------------------------------------------------

    def _listen_if_anybody_waits(self) -> None:
        if self._listening is not bool(self._lines):
            self._listening = bool(self._lines)
            self._listen(self._listening)

    def _call(self, line: Line, job_id: str) -> None:
        line.runner = job_id
        line.due = self._now() + LATE_SECONDS
        self._wake(job_id)

    def _out(self, job_id: str, keys: Iterable[str], *, went: bool) -> None:
        """Take a job out of lines. It stays in the heaps until it comes up."""
        waiter, all_keys = self._waiters[job_id]
        left = tuple(keys)
        self._waiters[job_id] = (waiter, tuple(key for key in all_keys if key not in left))
        for key in left:
            line = self._lines.get(key)
            if line is None:
                continue
            line.count -= 1
            if line.count <= 0:
                del self._lines[key]
                continue
            if went and (crowd := line.crowds.get(waiter.owner)) is not None:
                line.served += 1
                crowd.served, crowd.served_at = line.served, self._now()
            if line.runner == job_id:
                line.runner = None
            # Who got in shows that there is room; where it did not, its turn is another's.
            if (went or line.runner is None) and (best := self._best(key, line)) is not None:
                self._call(line, best)

    def _best(self, key: str, line: Line) -> str | None:
        """Who goes first."""
        now = self._now()
        found: tuple[tuple[float, ...], str] | None = None
        for owner, crowd in list(line.crowds.items()):
            head = self._head(key, crowd)
            if head is None:
                if crowd.served == 0:
                    del line.crowds[owner]
                continue
            waited = now - max(head.since, crowd.served_at)
            level = head.priority + floor(waited / AGEING_SECONDS)
            rank = (float(-level), float(crowd.served), head.turn)
            if found is None or (rank, head.job_id) < found:
                found = (rank, head.job_id)
        return found[1] if found is not None else None

    def _head(self, key: str, crowd: Crowd) -> Waiter | None:
        """Who goes first of one owner's."""
        while crowd.waiting:
            turn, job_id = crowd.waiting[0]
            waiter, keys = self._waiters.get(job_id, (None, ()))
            if waiter is not None and key in keys and waiter.turn == turn:
                return waiter
            heapq.heappop(crowd.waiting)
        return None
