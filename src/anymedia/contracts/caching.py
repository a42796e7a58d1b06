"""What may be answered again without asking again."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium

CacheStrategy: TypeAlias = Literal["lru", "lfu", "ttl"]
"""What goes first from memory when there is no room: the least recently used, the least often used,
the oldest. What is older than `ttl_seconds` goes before all others, whatever the strategy."""

CacheTier: TypeAlias = Literal["memory", "redis", "memcached"]


class CacheSettings(Contract):
    """What is kept, where, and for how long. Without it nothing is."""

    strategy: CacheStrategy = "lru"
    max_entries: int = Field(default=1000, ge=1, le=10_000_000)
    """In memory. Redis and Memcached have limits of their own."""
    max_bytes: int = Field(default=64 * 1024 * 1024, ge=1024)
    """In memory; elsewhere, of a single answer."""
    ttl_seconds: float = Field(default=3600.0, gt=0)
    media: dict[Medium, bool] = Field(default_factory=dict)
    """Text, transcription and embeddings unless switched off; generated media only when switched
    on, and then only requests with a seed."""
    tiers: tuple[CacheTier, ...] = Field(default=("memory",), min_length=1)
    """Asked in this order; what is found further down is kept further up."""
    memcached_url: str | None = Field(default=None, pattern=r"^memcached://")
    """A path sets installations apart that share one: `memcached://127.0.0.1:11211/studio`."""
    shared_by_callers: bool = False
    """Whether one caller may be answered with what another asked. Unsafe where prompts are
    private; each caller sees only its own unless said. Generated media are never shared, nor answers to
    requests that name artifacts: those belong to their callers."""


Cache: TypeAlias = CacheSettings
"""As callers write it: `Client(cache=Cache(strategy="lru", max_entries=1000))`."""


class CacheStatistics(Contract):
    """How the cache of this process has done."""

    hits: int = 0
    hits_by_tier: dict[CacheTier, int] = Field(default_factory=dict)
    misses: int = 0
    stores: int = 0
    evictions: int = 0
    """Answers that had to go from memory for want of room; neither too old nor invalidated."""
    invalidated: int = 0
    too_large: int = 0
    """Answers that a tier could not take."""
    joined: int = 0
    """Requests that waited for an identical one under way instead of being sent."""
    entries: int = 0
    """In memory."""
    bytes: int = 0
    """In memory."""
    saved_usd: Decimal = Decimal(0)
    """What hits and joined requests would have cost, as far as the cost was known."""
