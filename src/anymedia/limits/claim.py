"""What is asked of the limits, and what they answer.

An attempt makes one `Claim` on all of its rules at once: requests, tokens, dollars and slots of
every rule are taken together or not at all. The life of a claim:

    take     before the request is sent; amounts are estimates
    renew    while it lasts, well before its lease ends (a third of it is a good rhythm)
    settle   once it is known what it was; before `release`, which forgets the claim
    release  at its end, `refund=True` when the request was certainly not accepted

Every step may be repeated, and a claim that nobody knows (any more) is no mistake.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol, TypeAlias

from anymedia.contracts.limit import Limits
from anymedia.limits.learned import Learned
from anymedia.limits.plan import LARGEST, Plan, plan_of, tighter


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


@dataclass(frozen=True, slots=True)
class Claim:
    """What one attempt wants, on all of its rules at once: all or nothing."""

    id: str
    """The attempt's. Who claims with the same id makes the same claim, until it is released."""
    rules: tuple[Rule, ...]
    tokens: int = 0
    """An estimate. 0 says that it uses none, and no limit on tokens holds it up."""
    micro_usd: int = 0
    """An estimate, in millionths of a dollar. 0 says that it is free."""

    @classmethod
    def of_distinct(cls, id: str, rules: tuple[Rule, ...], tokens: int, micro_usd: int) -> Claim:  # noqa: A002
        """The same, where the rules are known to have keys of their own and amounts to be sane."""
        claim = object.__new__(cls)
        object.__setattr__(claim, "id", id)
        object.__setattr__(claim, "rules", rules)
        object.__setattr__(claim, "tokens", min(tokens, LARGEST))
        object.__setattr__(claim, "micro_usd", min(micro_usd, LARGEST))
        return claim

    def __post_init__(self) -> None:
        if not self.id:
            raise ValueError("a claim needs an id")
        if self.tokens < 0 or self.micro_usd < 0:
            raise ValueError("a claim cannot ask for less than nothing")
        if self.tokens > LARGEST or self.micro_usd > LARGEST:
            object.__setattr__(self, "tokens", min(self.tokens, LARGEST))
            object.__setattr__(self, "micro_usd", min(self.micro_usd, LARGEST))
        if len({rule.key for rule in self.rules}) < len(self.rules):
            object.__setattr__(self, "rules", distinct(self.rules))


def distinct(rules: Sequence[Rule]) -> tuple[Rule, ...]:
    """The rules, those with the same key as one that keeps the limits of all."""
    found: dict[str, Rule] = {}
    for rule in rules:
        before = found.get(rule.key)
        found[rule.key] = (
            rule if before is None else Rule(rule.key, tighter(before.limits, rule.limits))
        )
    return tuple(found.values())


class Taken(NamedTuple):
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


class Left(NamedTuple):
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

    async def renew(self, claim_ids: Sequence[str], *, lease_seconds: float) -> None:
        """Keep claims alive that still run."""
        ...

    async def adopt(self, claim: Claim, *, lease_seconds: float) -> None:
        """Hold the slots of something that runs already, even when that is over the limit."""
        ...

    async def room(self, rule: Rule) -> Full | None:
        """Whether one more request would fit; nothing is taken."""
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
        """Tell somebody when this process gives something back."""
        ...
