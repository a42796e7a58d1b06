"""A claim under way, and what it was charged with."""

from __future__ import annotations

from anymedia.limits.claim import Claim
from anymedia.limits.count import Count
from anymedia.limits.counting import Counting
from anymedia.limits.plan import Kind


class Held:
    """What a limiter remembers of a claim until it ends."""

    __slots__ = ("at", "buckets", "claim", "counting", "extras", "first", "places", "until")

    def __init__(self, claim: Claim, counting: Counting, now: int, until: int) -> None:
        self.claim = claim
        self.counting = counting
        """Where it was charged; nowhere when that was elsewhere. What has been forgotten of it since
        was idle: there is nothing left in it that could come back."""
        self.first = [1, claim.tokens, claim.micro_usd]
        """Requests, tokens, micro-dollars: what of the estimate is left, after it turned out to be less."""
        self.at = now
        """When it was charged."""
        self.until = until
        self.places = counting.places
        """Where it holds slots."""
        self.extras: dict[Kind, tuple[int, int]] | None = None
        """What it was more than estimated, and when that was charged."""
        self.buckets: list[tuple[Count, float, float]] | None = None
        """Token buckets before and after it."""
