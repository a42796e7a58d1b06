"""The cache: its tiers as one, in the order in which they are asked."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from decimal import Decimal
from typing import Any, TypeVar

from anymedia.cache.flight import Flights, Landed
from anymedia.cache.kept import Kept, free
from anymedia.cache.key import CacheKey, cache_key, owner, readable, takes_long
from anymedia.cache.memcached import MemcachedShelf
from anymedia.cache.memcached_link import MemcachedLink
from anymedia.cache.memory import Memory
from anymedia.cache.order import Order
from anymedia.cache.redis import RedisShelf
from anymedia.cache.replay import replayed
from anymedia.cache.shared import Shared
from anymedia.clock import Clock
from anymedia.contracts.caching import CacheSettings, CacheStatistics, CacheTier
from anymedia.contracts.errors import InvalidConfiguration, InvalidRequest
from anymedia.contracts.event import TextEvent
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.result import Result
from anymedia.contracts.text import TextResult
from anymedia.state.redis import RedisLink

T = TypeVar("T")
ResultT = TypeVar("ResultT", bound=Result)

LISTEN_SECONDS = 1.0
"""How long this process may give answers from its memory that another has thrown out."""
DEFAULT_TIMEOUT_SECONDS = 0.25


class Cache:
    """Answers that were given before."""

    def __init__(
        self,
        settings: CacheSettings,
        *,
        clock: Clock,
        link: RedisLink | None = None,
        report: Callable[[str], None],
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._flights = Flights()
        self._memcached: MemcachedLink | None = None
        self._memory: Memory | None = None
        self._tiers: list[Memory | Shared] = []
        for name in dict.fromkeys(settings.tiers):
            self._tiers.append(self._tier(name, link, report, timeout_seconds))
        self._shared = [tier for tier in self._tiers if isinstance(tier, Shared)]
        self._listen_at = float("-inf")
        self._obeyed = 0
        """Orders that this process has heard of: what was on its way meanwhile is not kept."""
        self._hits: dict[CacheTier, int] = {}
        self._misses = self._stores = self._joined = self._invalidated = self._too_large = 0
        self._saved = Decimal(0)

    # --- asked and answered ---------------------------------------------------------------

    def suits(self, request: Request[Any]) -> bool:
        """Whether an answer to it may be kept at all, as configured.

        Generated media only when switched on and with a seed: without one, asking twice means
        wanting two.
        """
        if isinstance(request, MediaRequest):
            wanted = self._settings.media.get(request.medium, False) and request.seed is not None
        else:
            wanted = self._settings.media.get(request.medium, True)
        return wanted and readable(request)

    def key(self, request: Request[Any], *, caller: str | None, wish: str) -> CacheKey:
        """What its answer is found by. Reads the local files that it names.

        `wish` is what was asked for as `provider/model`, with aliases resolved; empty when
        nothing was. Raises `UnreadableInput`.
        """
        shared = self._settings.shared_by_callers
        return cache_key(request, caller=caller, wish=wish, shared=shared)

    async def key_aside(self, request: Request[Any], *, caller: str | None, wish: str) -> CacheKey:
        """The same, with files and large inputs hashed in a thread."""
        if takes_long(request):
            return await asyncio.to_thread(self.key, request, caller=caller, wish=wish)
        return self.key(request, caller=caller, wish=wish)

    async def find(self, key: CacheKey) -> Kept | None:
        """An answer that was kept and is still good, from the nearest tier that has it."""
        now = self._clock.monotonic()
        if self._shared and self._memory is not None and now >= self._listen_at:
            await self._listen(now)
        obeyed = self._obeyed
        for place, tier in enumerate(self._tiers):
            if isinstance(tier, Memory):
                kept = tier.find(key.digest, now)
                if kept is not None:
                    return self._hit("memory", kept)
            elif (found := await tier.find(key)) is not None:
                if obeyed == self._obeyed:
                    await self._keep(self._tiers[:place], key, found.kept, found.seconds_left)
                return self._hit(tier.name, found.kept)
        self._misses += 1
        return None

    async def keep(self, key: CacheKey, kept: Kept | None) -> None:
        """Keep an answer in every tier. `None`, which must not be given again, is not kept."""
        if kept is None:
            return
        self._stores += 1
        await self._keep(self._tiers, key, kept, self._settings.ttl_seconds)

    async def ask_once(self, key: CacheKey, ask: Callable[[], Awaitable[T]]) -> Landed[T]:
        """What `ask` brings, asked once for all who want the same at the same time.

        Only requests join that would also fail alike: of one caller, with the same patience. The
        work goes on as long as somebody waits for it, and ends with the last one who stops.
        Its failure is everybody's who waits, and nobody's who comes later.
        """
        landed = await self._flights.once(key.flight, ask)
        if landed.joined:
            self._joined += 1
            if isinstance(landed.value, Result):
                self._saved += landed.value.cost.amount or Decimal(0)
        return landed

    def joined(self, result: ResultT, request: Request[ResultT]) -> ResultT:
        """What another request has brought, for one that had joined it: a copy, and free."""
        kept = Kept.of(result, made_at=self._clock.now())
        if kept is not None:
            return kept.result(request)
        facts = {"cost": free(result.cost), "attempts": (), "metadata": request.metadata}
        return result.model_copy(update=facts, deep=True)

    def replay(self, result: TextResult) -> Iterator[TextEvent]:
        """A kept text as a stream."""
        return replayed(result)

    # --- thrown out -----------------------------------------------------------------------

    async def invalidate(
        self,
        *,
        provider: str | None = None,
        model: str | None = None,
        pattern: str | None = None,
        caller: str | None = None,
        everything: bool = False,
    ) -> int:
        """Throw out the answers for which everything holds that is said; how many were found.

        `provider` and `model` are those that answered, whatever was asked for; `pattern` is a
        glob over `provider/model`, such as `openai/gpt-5*` or `*/veo-*`. Other processes on the
        same Redis or Memcached obey within a second. In Memcached, which cannot list what it
        holds, answers are made worthless without being found or counted. An answer on its way
        is not affected.
        """
        said = [one for one in (provider, model, pattern, caller) if one is not None]
        if everything == bool(said):
            raise InvalidRequest(
                "expected at least one of `provider`, `model`, `pattern`, `caller`, or "
                "`everything` alone"
            )
        whose = None if caller is None else owner(caller)
        order = Order(provider=provider, model=model, pattern=pattern, owner=whose)
        gone = self._obey(order)
        for tier in self._shared:
            gone |= await tier.obey(order)
        self._invalidated += len(gone)
        return len(gone)

    # --- told and closed ------------------------------------------------------------------

    def statistics(self) -> CacheStatistics:
        """How it has done in this process since it began."""
        memory = self._memory
        if memory is not None:
            memory.sweep(self._clock.monotonic())
        return CacheStatistics(
            hits=sum(self._hits.values()),
            hits_by_tier=dict(self._hits),
            misses=self._misses,
            stores=self._stores,
            evictions=memory.evictions if memory else 0,
            invalidated=self._invalidated,
            too_large=self._too_large + sum(tier.too_large for tier in self._shared),
            joined=self._joined,
            entries=len(memory) if memory is not None else 0,
            bytes=memory.size_bytes if memory else 0,
            saved_usd=self._saved,
        )

    async def close(self) -> None:
        """Close its connections. The Redis link is somebody else's."""
        if self._memcached is not None:
            await self._memcached.close()

    def _tier(
        self,
        name: CacheTier,
        link: RedisLink | None,
        report: Callable[[str], None],
        timeout_seconds: float,
    ) -> Memory | Shared:
        settings = self._settings
        if name == "memory":
            self._memory = Memory(
                settings.strategy,
                max_entries=settings.max_entries,
                max_bytes=settings.max_bytes,
            )
            return self._memory
        if name == "redis":
            if link is None:
                raise InvalidConfiguration("`cache.tiers` names `redis`: set `state.redis_url`")
            shelf = RedisShelf(link, largest_bytes=settings.max_bytes)
            return Shared(shelf, now=self._clock.now, tell=self._told)
        if settings.memcached_url is None:
            raise InvalidConfiguration("`cache.tiers` names `memcached`: set `cache.memcached_url`")
        self._memcached = MemcachedLink(
            settings.memcached_url,
            clock=self._clock,
            report=report,
            timeout_seconds=timeout_seconds,
        )
        far = MemcachedShelf(self._memcached, settings.memcached_url)
        return Shared(far, now=self._clock.now, tell=self._told)

    def _hit(self, tier: CacheTier, kept: Kept) -> Kept:
        self._hits[tier] = self._hits.get(tier, 0) + 1
        if kept.cost is not None:
            self._saved += kept.cost
        return kept

    async def _keep(
        self, tiers: list[Memory | Shared], key: CacheKey, kept: Kept, ttl_seconds: float
    ) -> None:
        ttl_seconds = min(ttl_seconds, self._settings.ttl_seconds)
        for tier in tiers:
            if isinstance(tier, Shared):
                await tier.keep(key, kept, ttl_seconds=ttl_seconds)
            elif not tier.keep(key, kept, now=self._clock.monotonic(), ttl_seconds=ttl_seconds):
                self._too_large += 1

    async def _listen(self, now: float) -> None:
        self._listen_at = now + LISTEN_SECONDS
        for tier in self._shared:
            await tier.listen()

    def _told(self, order: Order | None) -> None:
        """An order of another process, or `None` when some may have been missed."""
        if order is not None:
            self._obey(order)
        elif self._memory is not None:
            self._obeyed += 1
            self._memory.clear()

    def _obey(self, order: Order) -> set[str]:
        self._obeyed += 1
        return self._memory.obey(order) if self._memory is not None else set()
