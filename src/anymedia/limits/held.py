"""A claim under way, and what it was charged with."""

from __future__ import annotations

import msgspec

from anymedia.limits.claim import Claim
from anymedia.limits.count import Count
from anymedia.limits.counting import Counting
from anymedia.limits.plan import Kind
from anymedia.limits.slots import Slots


class Held(msgspec.Struct):
    """What a limiter remembers of a claim until it ends."""

    claim: Claim
    counting: Counting
    """Where it was charged; nowhere when that was elsewhere. What has been forgotten of it since was
    idle: there is nothing left in it that could come back."""
    at: int
    """When it was charged."""
    until: int
    places: tuple[Slots, ...]
    """Where it holds slots."""
    first: list[int]
    """Requests, tokens, micro-dollars: what of the estimate is left, after it turned out to be less."""
    extras: dict[Kind, tuple[int, int]] | None = None
    """What it was more than estimated, and when that was charged."""
    buckets: list[tuple[Count, float, float]] | None = None
    """Token buckets before and after it."""


def remembered(claim: Claim, counting: Counting, now: int, until: int) -> Held:
    """What there is to be remembered of a claim that has just been charged."""
    first = [1, claim.tokens, claim.micro_usd]
    return Held(claim, counting, now, until, counting.places, first)
