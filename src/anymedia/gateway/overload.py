"""How much is under way here, and when more is refused.

Whoever is refused at once can go elsewhere or come again; whoever waits in a queue that grows makes
everybody after them wait as well. So there is no queue: beyond a number of requests, or while this
process is late with what it has, new ones are told to come back. Whether the gateway is well can
always be asked.

How late it is, a clock tells: it is to strike every twentieth of a second, and the loop that it is
to strike on also carries the requests. One late stroke is a pause, unless it is a very long one;
two in a row are too much work. Long before nobody is let in, fewer are: whoever is in waits for
several rounds of the loop, and a round is as long as the work of all of them. So their number falls
while strokes are a little late and rises while they are in time. With few requests under way it is
late because of something else, and refusing would help nobody.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from time import monotonic

from anymedia.contracts.gateway import GatewaySettings
from anymedia.gateway.spec import Refused

HEALTH = frozenset({"/livez", "/readyz", "/health", "/api/health", "/metrics"})
"""Asked by whoever has to decide what to do about it."""
STRIKE_SECONDS = 0.05
SOON_SECONDS = (1.0, 3.0)
"""When to come back: not everybody at the same moment."""
QUARTERS = 4
"""Of a second: what is told to many is one of few things (`turned_away`)."""
LATE_STROKES = 2
LONG = 4.0
"""A pause of so many times the delay allowed is no pause any more."""
LATE, IN_TIME = 0.16, 0.04
"""Shares of the delay allowed: later than the first, and fewer are let in; sooner than the last, and
more are."""
FEWEST, FEWER, MORE = 0.4, 0.9, 1.1
"""How many then, as a multiple of those there were: with each stroke, between the first two."""
FEW = 20
"""Requests beside which another one is always let in."""
MANY = 200
"""Requests under way that are work enough to be late for."""
FLOOD = 1_000
"""Requests let in since the clock last struck that are to be seen to before any other."""


class Load:
    """What one process has to do."""

    def __init__(
        self,
        settings: Callable[[], GatewaySettings],
        *,
        now: Callable[[], float] = monotonic,
        chance: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self._settings = settings
        self._seen: GatewaySettings | None = None
        """The settings that the next two are of."""
        self._allowed_at_once = 0
        self._allowed_seconds = 0.0
        self._now = now
        self._chance = chance
        self._due: float | None = None
        self._late_strokes = self._slow_strokes = 0
        """In a row: later than is allowed, and a little late."""
        self._room = inf
        """How many may be under way."""
        self._most = 0
        """How many were, at most, since the last stroke."""
        self._begun = 0
        """How many were let in since then."""
        self._ticking: asyncio.TimerHandle | None = None
        self.streams = 0
        """Answers that are being told bit by bit."""

    # --- deciding -------------------------------------------------------------------------

    def full(self, path: str, under_way: int) -> Refused | None:
        """Why a request is not let in beside so many, if so."""
        told = self._settings
        settings = told()
        if settings is not self._seen:
            self._seen, self._allowed_at_once = settings, settings.max_concurrent
            self._allowed_seconds = settings.max_delay_seconds
        if under_way >= self._allowed_at_once:
            return None if path in HEALTH else self.refusal("too many requests are under way")
        allowed_seconds = self._allowed_seconds
        if under_way < FEW or not allowed_seconds or path in HEALTH:
            return None
        if under_way < self._room and not self.is_late(allowed_seconds):
            self._most = max(self._most, under_way)
            self._begun += 1
            return None
        return self.refusal("the gateway has more to do than it can")

    def is_late(self, allowed_seconds: float) -> bool:
        """Whether there is more to do than is done in time."""
        if self._due is None:
            return False
        since = self._now() - self._due
        if self._begun >= FLOOD and since > IN_TIME * allowed_seconds:
            return True
        return self._late_strokes >= LATE_STROKES or since > LONG * allowed_seconds

    @contextmanager
    def stream(self) -> Iterator[None]:
        """An answer that is told bit by bit. Raises `Refused` where there are too many."""
        if self.streams >= self._settings().max_streams:
            raise self.refusal("too many streams are open")
        self.streams += 1
        try:
            yield
        finally:
            self.streams -= 1

    def refusal(self, why: str) -> Refused:
        """Come again."""
        seconds = round(self._chance(*SOON_SECONDS) * QUARTERS) / QUARTERS
        return Refused(why, status=503, retryable=True, retry_after=seconds)

    # --- the clock ------------------------------------------------------------------------

    def begin(self) -> None:
        """Look at the clock from now on, on the loop that runs."""
        self._due = self._now() + STRIKE_SECONDS
        self._ticking = asyncio.get_running_loop().call_later(STRIKE_SECONDS, self.strike)

    def end(self) -> None:
        """Look at it no longer."""
        if self._ticking is not None:
            self._ticking.cancel()
        self._ticking = self._due = None

    def strike(self) -> None:
        """The clock strikes."""
        assert self._due is not None
        settings, most = self._settings(), self._most
        late, allowed = self._now() - self._due, settings.max_delay_seconds
        self._late_strokes = self._late_strokes + 1 if late > allowed else 0
        self._slow_strokes = self._slow_strokes + 1 if late > LATE * allowed else 0
        if (self._slow_strokes >= LATE_STROKES and most >= FEW) or (
            late > allowed and most >= MANY
        ):
            share = min(FEWER, max(FEWEST, LATE * allowed / late))
            self._room = max(FEW, share * min(self._room, most))
        elif late < IN_TIME * allowed and self._room < settings.max_concurrent:
            self._room = MORE * self._room + FEW
        self._most = self._begun = 0
        self.begin()
