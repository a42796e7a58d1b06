"""Answers that were given before, and those that are just being asked for, before anybody is asked."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from anymedia.cache.cache import Cache
from anymedia.cache.kept import Kept
from anymedia.cache.key import CacheKey
from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.request import Request
from anymedia.contracts.result import Result
from anymedia.engine.candidate import Asker
from anymedia.engine.providers import Providers
from anymedia.engine.wishes import wish_of, without_alias
from anymedia.state.redis import RedisLink

ResultT = TypeVar("ResultT", bound=Result)


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
    is_whole: Callable[[Result], Awaitable[bool]] | None = None,
) -> ResultT:
    """A kept answer, or one that is asked for once by all who want the same at this moment.

    `is_whole` says whether what a kept answer refers to is still there.
    """
    kept = await cache.find(key)
    if kept is not None:
        result = kept.result(request)
        if is_whole is None or await is_whole(result):
            return result

    async def asked() -> ResultT:
        result = await ask()
        await cache.keep(key, Kept.of(result, made_at=clock.now()))
        return result

    landed = await cache.ask_once(key, asked)
    return cache.joined(landed.value, request) if landed.joined else landed.value
