"""Puts options in order by a strategy, and listens to what became of them."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from types import MappingProxyType
from typing import Final, Protocol, get_args

from anymedia.choosing.adaptive import Adaptive, Taste
from anymedia.choosing.fixed import Cost, Priority
from anymedia.choosing.homes import KEPT_SECONDS, MOST_HOMES, Homes
from anymedia.choosing.known import Known
from anymedia.choosing.memory import Memory
from anymedia.choosing.option import Option, Ranked, Situation
from anymedia.choosing.quality import Quality
from anymedia.choosing.speed import Latency, LeastLoaded
from anymedia.choosing.successes import Successes
from anymedia.choosing.turns import RoundRobin, Weighted
from anymedia.clock import Clock
from anymedia.contracts.route import Strategy


class Ordering(Protocol):
    """A strategy at work."""

    def order(self, options: Sequence[Option], situation: Situation) -> list[Ranked]:
        """All options, the best first."""
        ...


class Rule(Protocol):
    """How a strategy is made."""

    def __call__(self, memory: Memory, chance: random.Random) -> Ordering: ...


RULES: Final[Mapping[Strategy, Rule]] = MappingProxyType(
    {
        "priority": Priority,
        "round_robin": RoundRobin,
        "weighted": Weighted,
        "least_loaded": LeastLoaded,
        "latency": Latency,
        "cost": Cost,
        "quality": Quality,
        "adaptive": Adaptive,
    }
)
BY_PRICE: Final[frozenset[Strategy]] = frozenset({"cost", "adaptive", "quality"})
"""Strategies that compare models, not only providers, and want to know what each would cost."""
TURNS: Final[frozenset[Strategy]] = frozenset({"round_robin", "weighted"})
"""Strategies that go by who has begun and by nothing else."""
BLIND: Final[frozenset[Strategy]] = TURNS | {"priority"}
"""Strategies that do not look at what was learnt."""


class Chooser:
    """Every strategy over one memory, so that changing the strategy forgets nothing."""

    def __init__(
        self,
        *,
        clock: Clock,
        chance: random.Random,
        taste: Taste | None = None,
        most_homes: int = MOST_HOMES,
        kept_seconds: float = KEPT_SECONDS,
    ) -> None:
        self._memory = Memory(clock)
        self._homes = Homes(clock, most=most_homes, kept_seconds=kept_seconds)
        self._turns = RoundRobin(self._memory, chance)
        self._weights = Weighted(self._memory, chance)
        self._orderings: dict[Strategy, Ordering] = {
            strategy: rule(self._memory, chance) for strategy, rule in RULES.items()
        }
        self._orderings["round_robin"] = self._turns
        self._orderings["weighted"] = self._weights
        self._orderings["adaptive"] = Adaptive(self._memory, chance, taste)
        self._catch_up: Callable[[], None] = lambda: None
        self.takes_turns = False
        """Whether anybody wants to be told of every beginning (`turned`)."""

    def expect(self, catch_up: Callable[[], None]) -> None:
        """Call this before anything is looked at or told: it brings what waits to be told."""
        self._catch_up = catch_up

    def order(
        self, strategy: Strategy, options: Sequence[Option], situation: Situation
    ) -> list[Ranked]:
        """All options, the best first; the rest is the order of fallback."""
        ordering = self._orderings.get(strategy)
        if ordering is None:
            raise ValueError(
                f"`{strategy}` is no strategy. Choose one of {', '.join(get_args(Strategy))}"
            )
        if not options:
            return []
        if strategy in TURNS:
            self.takes_turns = True
        if strategy not in BLIND:
            self._catch_up()
        self._memory.kind(situation.kind).calls += 1
        ranked = ordering.order(options, situation)
        home = self._homes.find(situation.session) if situation.session is not None else None
        return ranked if home is None else at_home_first(ranked, home)

    def needs_price(self, strategy: Strategy) -> bool:
        """Whether every option has to be fitted and priced before they can be put in order."""
        return strategy in BY_PRICE

    # --- what becomes of them -------------------------------------------------------------

    def begun(self, name: str, kind: str) -> None:
        """A request of this kind was sent to an option."""
        self._catch_up()
        self._memory.begun(name, kind)
        self.turned(name, kind)

    def turned(self, name: str, kind: str) -> None:
        """An option was asked, perhaps in another's place."""
        self._turns.begun(name, kind)
        self._weights.begun(name, kind)

    def succeeded(self, name: str, kind: str, begun: Sequence[float], done: Successes) -> None:
        """So many have begun (whose turns were told already), and so many went well.

        As many calls of `begun` and `ended` would have it, but for what `experience` says of fading.
        """
        self._memory.succeeded(name, kind, begun, done)

    def ended(
        self,
        name: str,
        kind: str,
        *,
        succeeded: bool | None,
        seconds: float | None = None,
        first_seconds: float | None = None,
        usd: Decimal | None = None,
        conformed: bool | None = None,
    ) -> None:
        """It is over. `succeeded=None` says nothing about the option."""
        self._catch_up()
        memory = self._memory
        memory.landed(name)
        of_kind = memory.kind(kind)
        experience = of_kind.of.get(name) or memory.experience(name, kind)
        experience.finish(
            memory.now(),
            of_kind.growth,
            succeeded=succeeded,
            seconds=seconds if first_seconds is None else first_seconds,
            whole_seconds=seconds,
            usd=usd,
            conformed=conformed,
        )

    # --- what stays together --------------------------------------------------------------

    def kept(self, key: str) -> str | None:
        """Where a session, user or lineage was served last."""
        return self._homes.find(key)

    def stick(self, key: str, name: str) -> None:
        """It was served there; the next request had better go there too."""
        self._homes.keep(key, name)

    def unstick(self, key: str) -> None:
        """Its home is of no use any more."""
        self._homes.forget(key)

    # --- what was learnt ------------------------------------------------------------------

    def snapshot(self) -> tuple[Known, ...]:
        """What is known of every option that was tried, by kind."""
        self._catch_up()
        return tuple(self._memory.everything())

    def known(self, name: str, kind: str) -> Known | None:
        """What is known of one option and one kind of request."""
        return next((one for one in self.snapshot() if (one.name, one.kind) == (name, kind)), None)


def at_home_first(ranked: list[Ranked], home: str) -> list[Ranked]:
    """The same order with one option, or all of one provider, in front."""
    at_home = [
        Ranked(one.option, "where it was before")
        for one in ranked
        if home in {one.option.name, one.option.provider}
    ]
    return at_home + [one for one in ranked if home not in {one.option.name, one.option.provider}]
