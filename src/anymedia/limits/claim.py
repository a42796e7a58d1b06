"""What is asked of the limits, and what they answer.

An attempt makes one `Claim` on all of its rules at once: requests, tokens, dollars and slots of
every rule are taken together or not at all. The life of a claim:

    take     before the request is sent; amounts are estimates
    renew    while it lasts, well before its lease ends (a third of it is a good rhythm)
    settle   once it is known what it was; before `release`, which forgets the claim
    release  at its end, `refund=True` when the request was certainly not accepted
    end      the last two at once, after an attempt that went well

Every step may be repeated, and a claim that nobody knows (any more) is no mistake.

What needs nobody's answer needs no waiting either: `take_now`, `end` and `left_now` do at once what
can be done at once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, Self, TypeAlias

import msgspec

from anymedia.contracts.limit import Limits
from anymedia.limits.learned import Learned
from anymedia.limits.plan import LARGEST, Plan, plan_of, tighter

if TYPE_CHECKING:
    from anymedia.limits.counting import Counting


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is counted, and how much of it there may be.

    Building one costs some microseconds: keep it as long as the configuration it comes from.
    """

    key: str
    """Such as `provider:runway` or `caller:key_1`. What has the same key is counted together, so
    whoever names it names the same limits."""
    limits: Limits
    plan: Plan = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "plan", plan_of(self.limits))


class Rules(tuple[Rule, ...]):  # noqa: SLOT001  # a tuple of any length cannot have them
    """What is claimed together: no two with the same key.

    Whoever claims often keeps it: where it is counted is looked up with the first claim.
    """

    counting: Counting | None = None
    """The limiter's own, which knows whether it still holds."""

    def __new__(cls, rules: Iterable[Rule] = ()) -> Self:
        """Those with the same key become one that keeps the limits of all."""
        return super().__new__(cls, distinct(rules))


class Claim:
    """What one attempt wants, on all of its rules at once: all or nothing."""

    __slots__ = ("id", "micro_usd", "rules", "tokens")

    def __init__(
        self,
        id: str,  # noqa: A002  # as everything that has one calls it
        rules: Sequence[Rule],
        tokens: int = 0,
        micro_usd: int = 0,
    ) -> None:
        if not id:
            raise ValueError("a claim needs an id")
        if tokens < 0 or micro_usd < 0:
            raise ValueError("a claim cannot ask for less than nothing")
        self.id = id
        """The attempt's. Who claims with the same id makes the same claim, until it is released."""
        self.rules = rules if isinstance(rules, Rules) else Rules(rules)
        # For every claim: a comparison is less than a call.
        self.tokens = tokens if tokens < LARGEST else LARGEST  # noqa: FURB136
        """An estimate. 0 says that it uses none, and no limit on tokens holds it up."""
        self.micro_usd = micro_usd if micro_usd < LARGEST else LARGEST  # noqa: FURB136
        """An estimate, in millionths of a dollar. 0 says that it is free."""


def distinct(rules: Iterable[Rule]) -> tuple[Rule, ...]:
    """The rules, those with the same key as one that keeps the limits of all."""
    found: dict[str, Rule] = {}
    for rule in rules:
        before = found.get(rule.key)
        found[rule.key] = (
            rule if before is None else Rule(rule.key, tighter(before.limits, rule.limits))
        )
    return tuple(found.values())


class Taken(msgspec.Struct, frozen=True):
    """There was room, and now it is the claim's."""

    claim_id: str
    shared: bool = False
    """Whether every process knows. Not when there is no Redis, or when it did not answer."""


@dataclass(frozen=True, slots=True)
class Full:
    """There is no room, and nothing was taken."""

    key: str
    """The rule's."""
    amount: str
    """What there is too little of, as `Limits` calls it: `per_minute`, `concurrent`, ...; what a
    provider said of itself is `provider_requests`, `provider_tokens`, ..."""
    retry_after_seconds: float | None
    """When there may be room; `None` when nobody knows, as with slots."""
    never: bool = False
    """Whether it asks for more than the limit itself, so that waiting does not help."""


class Left(msgspec.Struct, frozen=True):
    """What is left of one amount of a rule."""

    amount: str
    """As `Limits` calls it: `per_minute`, `tokens_per_day`, ..."""
    limit: int
    left: int
    whole_in_seconds: float
    """When all of it is there again, if nobody takes any more."""


Freed: TypeAlias = Callable[[Sequence[str]], None]
"""Is told the keys where there may be room now; none of them means anywhere."""


class Limiter(Protocol):
    """Counts what was asked for, and says whether there is room for more."""

    def take_now(self, claim: Claim, *, lease_seconds: float) -> Taken | Full | None:
        """The same as `take`; `None` where somebody has to be asked."""
        ...

    async def take(self, claim: Claim, *, lease_seconds: float) -> Taken | Full:
        """Take all of it or nothing. After `lease_seconds` without `renew` it is forgotten."""
        ...

    async def settle(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> None:
        """Replace estimates by what it was. More than estimated is counted from now on."""
        ...

    async def release(self, claim_id: str, *, refund: bool = False) -> None:
        """Free its slots and forget it; with `refund` its amounts come back too."""
        ...

    def end(
        self, claim_id: str, *, tokens: int | None = None, micro_usd: int | None = None
    ) -> Awaitable[None] | None:
        """Settle and release it; what is left to be waited for, where somebody has to be told."""
        ...

    async def renew(self, claim_ids: Sequence[str], *, lease_seconds: float) -> None:
        """Keep claims alive that still run."""
        ...

    async def adopt(self, claim: Claim, *, lease_seconds: float) -> None:
        """Hold the slots of something that runs already, even when that is over the limit."""
        ...

    async def room(self, rule: Rule) -> Full | None:
        """Whether one more request would fit; nothing is taken."""
        ...

    def left_now(self, rule: Rule) -> tuple[Left, ...] | Awaitable[tuple[Left, ...]]:
        """The same as `left`; something to wait for where somebody has to be asked."""
        ...

    async def left(self, rule: Rule) -> tuple[Left, ...]:
        """What is left of each window of a rule."""
        ...

    async def saturation(self, rules: Sequence[Rule]) -> float:
        """How full the fullest of them is, from 0 to 1."""
        ...

    def learn(self, key: str, learned: Learned) -> None:
        """Heed what a response said about the limits behind a rule, until it is outdated."""
        ...

    def watch(self, freed: Freed) -> None:
        """Tell somebody when this process gives something back, while they wait for it."""
        ...

    def unwatch(self, freed: Freed) -> None:
        """They do not wait any more."""
        ...
