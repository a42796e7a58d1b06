"""All that was observed, by kind of request and option, within bounds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from anymedia.choosing.experience import USUAL_SIZE, Experience
from anymedia.choosing.growth import Growth
from anymedia.choosing.known import Known
from anymedia.choosing.successes import Successes
from anymedia.clock import Clock

MOST_KINDS: Final = 256
SCALE_FOLLOWS: Final = 0.005
"""By how much of the difference a scale follows each request: it is about the last few hundred."""
MOST_NAMES: Final = 1024
"""Of a kind. Beyond, those that were tried longest ago are forgotten."""


class Kind:
    """What was observed of one kind of request."""

    __slots__ = (
        "calls",
        "credit",
        "growth",
        "of",
        "priced",
        "seconds_scale",
        "size",
        "timed",
        "usd_scale",
    )

    def __init__(self) -> None:
        self.of: dict[str, Experience] = {}
        self.calls = 0
        """How many of it were put in order."""
        self.priced = self.timed = 0
        self.usd_scale = self.seconds_scale = 0.0
        """The usual price and time: what prices and times are compared with."""
        self.size = USUAL_SIZE
        """How large the latest request is, by its price beside the usual one."""
        self.growth = Growth()
        self.credit = 0.0
        """How many of them may still be spent on finding out."""

    def learn_usd_scale(self, usd: float) -> None:
        """What the options of one more request cost, in the middle."""
        self.priced += 1
        self.usd_scale += max(1.0 / self.priced, SCALE_FOLLOWS) * (usd - self.usd_scale)

    def learn_seconds_scale(self, seconds: float) -> None:
        """What they take."""
        self.timed += 1
        share = max(1.0 / self.timed, SCALE_FOLLOWS)
        self.seconds_scale += share * (seconds - self.seconds_scale)


class Memory:
    """Finds experiences, makes them, and forgets the oldest."""

    def __init__(self, clock: Clock) -> None:
        self.now = clock.monotonic
        self._kinds: dict[str, Kind] = {}
        self.loads: dict[str, int] = {}
        """How many are under way with an option, whatever their kind."""

    def kind(self, name: str) -> Kind:
        """What is known about a kind of request."""
        found = self._kinds.get(name)
        if found is None:
            if len(self._kinds) >= MOST_KINDS:
                del self._kinds[next(iter(self._kinds))]
            found = self._kinds[name] = Kind()
        return found

    def experience(self, name: str, kind: str) -> Experience:
        """The experience with an option, made if there is none."""
        known = self.kind(kind).of
        found = known.get(name)
        if found is None:
            if len(known) >= MOST_NAMES:
                idle = sorted(known, key=lambda one: known[one].tried_at)
                for oldest in idle[: MOST_NAMES // 8]:
                    del known[oldest]
            found = known[name] = Experience(self.now())
        return found

    def begun(self, name: str, kind: str) -> None:
        """A request was sent."""
        self.loads[name] = self.loads.get(name, 0) + 1
        of_kind = self.kind(kind)
        experience = of_kind.of.get(name) or self.experience(name, kind)
        experience.start(self.now(), of_kind.calls, of_kind.size)

    def landed(self, name: str, count: int = 1) -> None:
        """A request is over, or several; those that have begun meanwhile are taken off."""
        loads = self.loads
        load = loads.get(name, 0) - count
        if load > 0:
            loads[name] = load
        else:
            loads.pop(name, None)

    def succeeded(self, name: str, kind: str, begun: Sequence[float], done: Successes) -> None:
        """Requests were sent at these times, and some came back with what was asked for."""
        self.landed(name, len(done.at) - len(begun))
        of_kind = self.kind(kind)
        experience = of_kind.of.get(name) or self.experience(name, kind)
        unsized = of_kind.size == USUAL_SIZE and not of_kind.growth.spread
        if unsized and experience.settled:
            experience.succeed(begun, of_kind.calls, done)
            return
        # The first ones count much, and where sizes are known, each is found by when it began.
        when = [(now, 0, 0) for now in begun] + [(now, 1, n) for n, now in enumerate(done.at)]
        for now, ended, n in sorted(when):
            if ended:
                experience.finish(
                    now,
                    of_kind.growth,
                    succeeded=True,
                    seconds=done.seconds[n],
                    whole_seconds=done.whole_seconds[n],
                    usd=done.usd[n],
                    conformed=None,
                )
            else:
                experience.start(now, of_kind.calls, of_kind.size)

    def everything(self) -> Iterator[Known]:
        """What is known of every option that was tried."""
        for kind, known in self._kinds.items():
            for name, experience in known.of.items():
                experience.fade(self.now())
                yield experience.known(name, kind)
