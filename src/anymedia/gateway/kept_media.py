"""Kept answers to requests for media that the gateway takes on as jobs.

`AsyncClient.run` waits for its job and asks the cache before. The gateway's own routes answer with
the job when the caller's patience is over, so they ask here before one is made, and what a job
brings, whenever that is, is kept from here.
"""

from __future__ import annotations

import asyncio
from typing import Any

from anymedia.cache.cache import Cache
from anymedia.cache.kept import Kept
from anymedia.cache.key import CacheKey
from anymedia.client.handle import AsyncJobHandle
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaResult
from anymedia.engine.answers import key_of
from anymedia.engine.candidate import Asker
from anymedia.engine.engine import Engine
from anymedia.jobs.normalizing import with_default
from anymedia.jobs.service import Jobs

MOST_AWAITED = 1_000
"""Jobs of this process whose results are to be kept. More are not waited for."""


class KeptMedia:
    """What jobs have brought, for who asks for the same once more."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._awaited: set[asyncio.Task[None]] = set()

    async def find(
        self, request: MediaRequest[Any], asker: Asker, jobs: Jobs, settings: Settings
    ) -> MediaResult | None:
        """An answer that was kept for this caller; its row is in the ledger by then.

        Who names the job that is wanted, by an idempotency key, a callback or a time to begin,
        gets a job.
        """
        cache = self._cache_for(request)
        if cache is None or wants_a_job(request):
            return None
        kept = await cache.find(await self._key(cache, request, asker, settings))
        if kept is None:
            return None
        result = kept.result(request)
        if not await jobs.still_holds(result):
            return None
        self._engine.given_again(request, asker)(kept.names[-1], kept.cost)
        assert isinstance(result, MediaResult)
        return result

    async def keep(
        self, request: MediaRequest[Any], asker: Asker, result: MediaResult, settings: Settings
    ) -> None:
        """Keep what was brought in time, so that whoever asks next finds it."""
        cache = self._cache_for(request)
        if cache is not None:
            key = await self._key(cache, request, asker, settings)
            await cache.keep(key, Kept.of(result, made_at=self._engine.clock.now()))

    async def keep_when_done(
        self,
        request: MediaRequest[Any],
        asker: Asker,
        handle: AsyncJobHandle,
        settings: Settings,
    ) -> None:
        """Keep what a job brings, without holding anybody up."""
        cache = self._cache_for(request)
        if cache is None or len(self._awaited) >= MOST_AWAITED:
            return
        key = await self._key(cache, request, asker, settings)
        task = asyncio.create_task(self._keep(cache, key, handle))
        self._awaited.add(task)
        task.add_done_callback(self._awaited.discard)

    async def close(self) -> None:
        """Wait for nothing any more."""
        for task in tuple(self._awaited):
            task.cancel()
        await asyncio.gather(*self._awaited, return_exceptions=True)

    def _cache_for(self, request: MediaRequest[Any]) -> Cache | None:
        cache = self._engine.cache
        if cache is None or request.cache is False or not cache.suits(request):
            return None
        return cache

    async def _key(
        self, cache: Cache, request: MediaRequest[Any], asker: Asker, settings: Settings
    ) -> CacheKey:
        whole = with_default(request, settings)
        return await key_of(cache, whole, asker, self._engine.providers)

    async def _keep(self, cache: Cache, key: CacheKey, handle: AsyncJobHandle) -> None:
        try:
            result = await handle.wait()
        except GenerationError:
            return  # a failure is not kept
        await cache.keep(key, Kept.of(result, made_at=self._engine.clock.now()))


def wants_a_job(request: MediaRequest[Any]) -> bool:
    """Whether a request says that it wants a job of its own."""
    said = (request.idempotency_key, request.callback_url, request.not_before)
    return any(one is not None for one in said)
