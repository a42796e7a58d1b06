"""Answers that were given before, and those that are just being asked for, before anybody is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias, TypeVar

from anymedia.cache.cache import Cache
from anymedia.cache.kept import Kept, names
from anymedia.cache.key import CacheKey
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.request import Request
from anymedia.contracts.result import Result
from anymedia.engine.candidate import Asker
from anymedia.engine.providers import Providers
from anymedia.engine.wishes import wish_of, without_alias
from anymedia.state.redis import RedisLink
from anymedia.store.ledger import LedgerRow, nano

ResultT = TypeVar("ResultT", bound=Result)
GivenAgain: TypeAlias = Callable[[str, Decimal | None], None]
"""Hears whose answer was given once more, as `provider/model`, and what making it cost."""


def cache_of(
    settings: Settings, clock: Clock, link: RedisLink | None, report: Callable[[str], None]
) -> Cache | None:
    """The cache that the configuration asks for, if it does."""
    if settings.cache is None:
        return None
    return Cache(
        settings.cache,
        clock=clock,
        link=link,
        report=report,
        timeout_seconds=settings.state.timeout_seconds,
    )


async def key_of(
    cache: Cache, request: Request[ResultT], asker: Asker, providers: Providers
) -> CacheKey:
    """What an answer to a request is found by."""
    wish = wish_of(without_alias(request, providers), providers)
    named = f"{wish.provider or ''}/{wish.model or ''}" if wish.provider or wish.model else ""
    return await cache.key_aside(request, caller=asker.caller, wish=named)


async def answered_once(
    cache: Cache,
    key: CacheKey,
    request: Request[ResultT],
    ask: Callable[[], Awaitable[ResultT]],
    *,
    clock: Clock,
    given_again: GivenAgain,
    is_whole: Callable[[Result], Awaitable[bool]] | None = None,
) -> ResultT:
    """A kept answer, or one that is asked for once by all who want the same at this moment.

    `is_whole` says whether what a kept answer refers to is still there.
    """
    kept = await cache.find(key)
    if kept is not None:
        result = kept.result(request)
        if is_whole is None or await is_whole(result):
            given_again(kept.names[-1], kept.cost)
            return result

    async def asked() -> ResultT:
        result = await ask()
        await cache.keep(key, Kept.of(result, made_at=clock.now()))
        return result

    landed = await cache.ask_once(key, asked)
    if not landed.joined:
        return landed.value
    given_again(names(landed.value)[-1], landed.value.cost.amount)
    return cache.joined(landed.value, request)


def row_of_kept(
    name: str,
    cost: Decimal | None,
    request: Request[Any],
    asker: Asker,
    attempt_id: str,
    at: datetime,
) -> LedgerRow:
    """The ledger's word on an answer from the cache: it costs nothing, and saves so much."""
    provider, _, model = name.partition("/")
    return LedgerRow(
        id=f"{attempt_id}:cached",
        at=at.timestamp(),
        entry="cached",
        attempt_id=attempt_id,
        provider=provider,
        model=model,
        medium=request.medium,
        owner=asker.caller or "local",
        tags=request.tags,
        amount=0,
        computed=nano(cost),
        outcome="cached",
    )
