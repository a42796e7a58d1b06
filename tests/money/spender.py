"""A process that spends: it asks for its share of the wishes, many at a time.

`python -m tests.money.spender DATA_DIR CONFIGURATION REAL HERE PACE PLAN`, where the plan lists the
numbers of its wishes, and the three before it say what time it is. It tells on stdout when it
begins and ends one, and is killed in between. Without wishes it carries on what others have begun,
until nothing is left.
"""

from __future__ import annotations

import asyncio
import json
import sys
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anymedia.client.aio import AsyncClient
from anymedia.contracts.errors import GenerationError
from tests.money.market import Wish, hurried, wish

AT_ONCE = 10
HELD_SECONDS = 0.7
"""How long a submission keeps others from being made; a lost one is waited for no longer."""


async def spent(client: AsyncClient, one: Wish) -> str:
    """Have a wish come true, or not; in a word what came of it."""
    try:
        if one.stall.medium != "text":
            return await taken(client, one)
        if one.stall.stream:
            async for _ in client.stream_text(one.words, **one.fields):
                pass
        else:
            await client.text(one.words, **one.fields)
    except GenerationError as error:
        return type(error).__name__
    return "answered"


async def taken(client: AsyncClient, one: Wish) -> str:
    """A job, which is asked for once however often this process begins anew.

    Of those that are cancelled a third is before anybody is asked, a third at about that time, and
    a third after it.
    """
    submit = getattr(client, f"submit_{one.stall.medium}")
    fields = dict(one.fields)
    if one.cancelled and one.number % 3 == 0:
        fields["not_before"] = datetime(2100, 1, 1, tzinfo=UTC)
    handle = await submit(one.words, idempotency_key=one.tag, **fields)
    if one.number % 3 == 2 or not one.cancelled:
        with suppress(TimeoutError):
            async with asyncio.timeout(HELD_SECONDS):
                await handle.submitted()
    if not one.cancelled:
        return "taken"
    await handle.cancel()
    return "cancelled"


def read(path: str) -> Any:
    """What a file says."""
    return json.loads(Path(path).read_text())


async def main() -> None:
    """Ask for everything, or carry on what is under way."""
    directory, configuration, *times, plan = sys.argv[1:]
    config, numbers = read(configuration), read(plan)
    clock = hurried(*map(float, times))
    room = asyncio.Semaphore(AT_ONCE)

    async def begun(client: AsyncClient, number: int) -> None:
        async with room:
            print("begun", number, flush=True)
            print("ended", number, await spent(client, wish(number)), flush=True)

    async with AsyncClient(config, data_dir=directory, clock=clock, seed=7) as client:
        async with asyncio.TaskGroup() as group:
            for number in numbers:
                group.create_task(begun(client, number))
        if not numbers:
            await client.jobs.work(until_idle=True)


if __name__ == "__main__":
    asyncio.run(main())
