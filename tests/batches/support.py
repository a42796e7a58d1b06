"""Clients for tests of batches: answered by `echo`, or by doubles of batch APIs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from anymedia.client.aio import AsyncClient
from anymedia.contracts.batch import Batch, BatchItem
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.providers import registry
from anymedia.providers.spec import Pace
from anymedia.store.schema import ledger
from anymedia.testing.double import serving
from anymedia.testing.doubles import double

BASES = {"openai": "/v1", "mistral": "/v1"}
QUICK = Pace(first_seconds=0.05, factor=1.0, longest_seconds=0.05)
SECONDS = 60.0


def lines(count: int, **fields: Any) -> list[dict[str, Any]]:
    """So many questions."""
    return [
        {"custom_id": f"line {number}", "media_type": "text", "prompt": f"Say {number}", **fields}
        for number in range(count)
    ]


def client_in(directory: Path, **settings: Any) -> AsyncClient:
    """A client that `echo` answers."""
    said = Settings(providers=(ProviderSettings(name="echo"),), **settings)
    return AsyncClient(said, data_dir=directory)


@contextmanager
def served(name: str) -> Iterator[tuple[Any, str]]:
    """A double under its address."""
    one = double(name)
    with serving(one) as url:
        yield one, url + BASES.get(name, "")


def client_at(directory: Path, name: str, one: Any, url: str, **settings: Any) -> AsyncClient:
    """A client of one provider's double, which looks after batches without delay."""
    configured = ProviderSettings.model_validate(
        {"name": name, "base_url": url, "api_key": one.key}
    )
    client = AsyncClient(Settings(providers=(configured,), **settings), data_dir=directory)
    provider = registry.provider(name)
    assert provider.batch is not None
    client.providers.register(
        replace(provider, batch=replace(provider.batch, pace=QUICK, timeout_seconds=2.0))
    )
    client.providers.register(configured)
    return client


async def ended(client: AsyncClient, batch: Batch) -> tuple[Batch, dict[str, BatchItem]]:
    """The batch at its end, and its lines by their ids."""
    batch = await client.batches.wait(batch.id, timeout_seconds=SECONDS)
    items = [item async for item in client.batches.results(batch.id)]
    return batch, {str(item.custom_id): item for item in items}


async def until(holds: Callable[[], Awaitable[bool]], seconds: float = 30.0) -> None:
    """Wait for something that others do, and that nobody tells of."""
    async with asyncio.timeout(seconds):
        while not await holds():  # noqa: ASYNC110  there is no event for it
            await asyncio.sleep(0.02)


async def entered(client: AsyncClient) -> Mapping[str, tuple[int, int]]:
    """The ledger: by entry how many rows there are, and nano-dollars."""
    query = select(ledger.c.entry, func.count(), func.sum(ledger.c.amount)).group_by(ledger.c.entry)
    found = await client._database.read(lambda c: c.execute(query).all())
    return {entry: (count, int(amount or 0)) for entry, count, amount in found}
