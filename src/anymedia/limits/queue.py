"""A waiting room in front of a limiter: who comes when there is no room may wait for it.

Every caller has a line of its own, and a round goes from line to line, so a thousand requests of
one caller do not hold up the one of another. More important ones go first, and everybody becomes
more important by waiting: one step for every `ageing_seconds`. Within a line age and importance
are weighed against each other in the same measure, so nothing starves.

What is full is remembered by key. Only those wait for it who need it; the others are let through,
and whoever comes later and needs it joins the line even when it has just become free.

One task does the waiting, and only while somebody waits. It wakes when this process gives
something back, when the limiter said there may be room, and when somebody's patience ends. Slots
that other processes give back, or whose leases end, are told by nobody: for these it looks again
every `recheck_seconds`.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Sequence
from dataclasses import replace
from math import floor, inf

from anymedia.clock import Clock
from anymedia.limits.claim import Claim, Full, Limiter, Taken

SHORTEST_SECONDS = 0.001


class Waiter:
    """Somebody who waits."""

    __slots__ = (
        "answer", "claim", "deadline", "entered", "keys", "last", "lease_seconds", "order",
        "priority",
    )  # fmt: skip

    def __init__(self, claim: Claim, lease_seconds: float, priority: int, last: Full) -> None:
        self.claim = claim
        self.keys = frozenset(rule.key for rule in claim.rules)
        self.lease_seconds = lease_seconds
        self.priority = priority
        self.entered = self.deadline = 0.0
        self.order = (0.0, 0)
        """Within its line."""
        self.last = last
        """Why it could not enter the last time."""
        self.answer: asyncio.Future[Taken | Full] = asyncio.get_running_loop().create_future()


class Line:
    """The waiters of one caller, who goes first first."""

    __slots__ = ("caller", "served", "waiters")

    def __init__(self, caller: str | None) -> None:
        self.caller = caller
        self.waiters: list[Waiter] = []
        self.served = -inf
        """When one of them was let in."""


class WaitingRoom:
    """Lets claims wait for room, in a fair order. Claims are released at the limiter itself."""

    def __init__(
        self,
        limiter: Limiter,
        clock: Clock,
        *,
        most_waiting: int = 1_000,
        ageing_seconds: float = 10.0,
        recheck_seconds: float = 1.0,
    ) -> None:
        self._limiter = limiter
        self._clock = clock
        self._most_waiting = most_waiting
        self._ageing_seconds = ageing_seconds
        self._recheck_seconds = recheck_seconds
        self._lines: dict[str | None, Line] = {}
        self._blocked: dict[str, tuple[float, Full]] = {}
        """Keys that somebody waits for, until when it is useless to ask, and what was said."""
        self._turns: dict[str | None, int] = {}
        """When callers were last let in, in the order of letting in, while anybody waits."""
        self._wake = asyncio.Event()
        self._usher: asyncio.Task[None] | None = None
        self._numbers = 0
        self._frees = 0
        """How often something was given back, while anybody was here."""
        self._visitors = 0
        """Who waits, or asks whether they have to."""

    def __len__(self) -> int:
        """How many wait."""
        return sum(len(line.waiters) for line in self._lines.values())

    def enter_now(self, claim: Claim, *, lease_seconds: float) -> Taken | None:
        """Take a claim; `None` where it has to be waited for, or somebody has to be asked."""
        if self._blocked:
            return None
        answer = self._limiter.take_now(claim, lease_seconds=lease_seconds)
        return answer if isinstance(answer, Taken) else None

    async def enter(
        self,
        claim: Claim,
        *,
        caller: str | None,
        priority: int = 0,
        deadline_seconds: float,
        lease_seconds: float,
    ) -> Taken | Full:
        """Take a claim, waiting for room. A higher `priority` goes first."""
        self._visitors += 1
        if self._visitors == 1:
            self._limiter.watch(self._freed)
        try:
            return await self._enter(claim, caller, priority, deadline_seconds, lease_seconds)
        finally:
            self._visitors -= 1
            if not self._visitors:
                self._limiter.unwatch(self._freed)
                self._blocked.clear()  # nobody waits for it, and nobody would hear of it

    async def _enter(
        self,
        claim: Claim,
        caller: str | None,
        priority: int,
        deadline_seconds: float,
        lease_seconds: float,
    ) -> Taken | Full:
        frees = self._frees
        full = self._ahead(claim)
        if full is None:
            answer = await self._limiter.take(claim, lease_seconds=lease_seconds)
            if isinstance(answer, Taken):
                return answer
            full = answer
        wait = full.retry_after_seconds
        if full.never or deadline_seconds <= 0 or (wait is not None and wait > deadline_seconds):
            return full
        if len(self) >= self._most_waiting:
            return Full(full.key, "waiting", self._recheck_seconds if wait is None else wait)
        waiter = Waiter(claim, lease_seconds, priority, full)
        line = self._join(waiter, caller, deadline_seconds)
        if self._frees == frees:
            self._block(waiter, full)
        try:
            return await waiter.answer
        except asyncio.CancelledError:
            self._leave(line, waiter)
            self._wake.set()
            if not waiter.answer.cancelled() and isinstance(waiter.answer.result(), Taken):
                await self._limiter.release(claim.id, refund=True)
            raise

    async def close(self) -> None:
        """Send everybody away."""
        if self._usher is not None:
            self._usher.cancel()
            await asyncio.wait([self._usher])
        for line in list(self._lines.values()):
            for waiter in list(line.waiters):
                self._let_go(line, waiter, self._reason(waiter))

    def _join(self, waiter: Waiter, caller: str | None, deadline_seconds: float) -> Line:
        now = self._clock.monotonic()
        self._numbers += 1
        waiter.entered, waiter.deadline = now, now + deadline_seconds
        waiter.order = (now - waiter.priority * self._ageing_seconds, self._numbers)
        line = self._lines.setdefault(caller, Line(caller))
        insort(line.waiters, waiter, key=lambda one: one.order)
        if self._usher is None:
            self._usher = asyncio.create_task(self._serve())
        self._wake.set()
        return line

    def _leave(self, line: Line, waiter: Waiter) -> None:
        if waiter in line.waiters:
            line.waiters.remove(waiter)
        if not line.waiters and self._lines.get(line.caller) is line:
            del self._lines[line.caller]

    def _let_go(self, line: Line, waiter: Waiter, answer: Taken | Full) -> None:
        self._leave(line, waiter)
        if not waiter.answer.done():
            waiter.answer.set_result(answer)

    async def _serve(self) -> None:
        """The usher: lets in who can be let in, sends away who waited long enough, waits."""
        try:
            while self._lines:
                self._wake.clear()
                await self._round()
                self._send_away()
                if self._lines and not self._wake.is_set():
                    await self._pause()
        except Exception as error:  # noqa: BLE001  # whatever it is, those who wait have to hear it
            for line in list(self._lines.values()):
                for waiter in list(line.waiters):
                    self._leave(line, waiter)
                    if not waiter.answer.done():
                        waiter.answer.set_exception(error)
        finally:
            self._usher = None
            self._blocked.clear()
            self._turns.clear()

    async def _round(self) -> None:
        """Let in everybody for whom there is room."""
        now = self._clock.monotonic()
        while (chosen := self._next(now)) is not None:
            line, waiter = chosen
            frees = self._frees
            answer = await self._limiter.take(waiter.claim, lease_seconds=waiter.lease_seconds)
            now = self._clock.monotonic()
            if waiter.answer.done():  # it was cancelled while it was about to be let in
                if isinstance(answer, Taken):
                    await self._limiter.release(waiter.claim.id, refund=True)
            elif isinstance(answer, Taken):
                self._numbers += 1
                self._turns[line.caller] = self._numbers
                line.served = now
                self._let_go(line, waiter, answer)
            elif answer.never:
                self._let_go(line, waiter, answer)
            else:
                waiter.last = answer
                if self._frees == frees:  # otherwise the answer may be outdated already
                    self._block(waiter, answer)
        # Whoever needs one of the others has been let in, or waits for something else.
        self._blocked = {key: said for key, said in self._blocked.items() if said[0] > now}

    def _next(self, now: float) -> tuple[Line, Waiter] | None:
        """Whose turn it is, of those for whom it is not known that there is no room."""
        full = {key for key, (until, _) in self._blocked.items() if until > now}
        heads: list[tuple[Line, Waiter]] = []
        for line in self._lines.values():
            for waiter in line.waiters:
                if full.isdisjoint(waiter.keys):
                    heads.append((line, waiter))
                    break
        return min(heads, key=lambda head: self._rank(head[0], head[1], now), default=None)

    def _rank(self, line: Line, waiter: Waiter, now: float) -> tuple[int, int, float, int]:
        waited = now - max(waiter.entered, line.served)
        level = waiter.priority + floor(waited / self._ageing_seconds)
        return (-level, self._turns.get(line.caller, 0), *waiter.order)

    def _block(self, waiter: Waiter, full: Full) -> None:
        now = self._clock.monotonic()
        wait = self._recheck_seconds
        if full.retry_after_seconds is not None:
            wait = max(full.retry_after_seconds, SHORTEST_SECONDS)
        key = full.key if full.key in waiter.keys else min(waiter.keys)
        if key not in self._blocked or self._blocked[key][0] <= now:
            self._blocked[key] = (now + wait, full)

    def _ahead(self, claim: Claim) -> Full | None:
        """Why a newcomer cannot be first: others wait for something that it needs."""
        for rule in claim.rules:
            if rule.key in self._blocked:
                return self._still(rule.key, self._clock.monotonic())
        return None

    def _still(self, key: str, now: float) -> Full:
        """What was said about a key, as of now."""
        until, full = self._blocked[key]
        if full.retry_after_seconds is None:
            return full
        return replace(full, retry_after_seconds=max(until - now, SHORTEST_SECONDS))

    def _reason(self, waiter: Waiter) -> Full:
        now = self._clock.monotonic()
        return (
            self._still(waiter.last.key, now) if waiter.last.key in self._blocked else waiter.last
        )

    def _send_away(self) -> None:
        """Tell those whose patience has ended why there is no room."""
        now = self._clock.monotonic()
        for line in list(self._lines.values()):
            for waiter in [one for one in line.waiters if one.deadline <= now]:
                self._let_go(line, waiter, self._reason(waiter))

    def _freed(self, keys: Sequence[str]) -> None:
        """The limiter says that there may be room."""
        self._frees += 1
        if not self._blocked:
            return
        for key in keys or tuple(self._blocked):
            if key in self._blocked:
                self._blocked[key] = (-inf, self._blocked[key][1])
                self._wake.set()

    async def _pause(self) -> None:
        """Wait until something may have changed."""
        now = self._clock.monotonic()
        moments = [until for until, _ in self._blocked.values()]
        moments += [one.deadline for line in self._lines.values() for one in line.waiters]
        seconds = max(min(moments) - now, SHORTEST_SECONDS)
        timer = asyncio.ensure_future(self._clock.sleep(seconds))
        woken = asyncio.ensure_future(self._wake.wait())
        try:
            await asyncio.wait({timer, woken}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            woken.cancel()
            await asyncio.wait({timer, woken})
