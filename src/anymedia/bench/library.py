"""What a call of the library costs: `python -m anymedia.bench.library PORT SECONDS` in a process of its own.

A text call with everything included (route, fit, attempt, ledger row on the disk), beside the bare
HTTP client below it; and an answer out of the cache. Prints one JSON line.
"""

from __future__ import annotations

import asyncio
import json
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from anymedia.bench.gateway import PATH, configured, question
from anymedia.bench.loops import run
from anymedia.bench.upstream import MODEL

if TYPE_CHECKING:
    from anymedia import AsyncClient

AT_ONCE = 20
ROUNDS = 3
WARM_CALLS = 30
PROVIDER = "far"
CALL: TypeAlias = Callable[[], Awaitable[Any]]


async def one_by_one(call: CALL, seconds: float) -> float:
    """Milliseconds a call, one after another."""
    began, calls = time.perf_counter(), 0
    while (passed := time.perf_counter() - began) < seconds or not calls:
        await call()
        calls += 1
    return 1000 * passed / calls


async def together(call: CALL, seconds: float) -> tuple[float, float]:
    """Calls a second with twenty under way, and microseconds of CPU for each."""
    began, cpu, calls = time.perf_counter(), time.process_time(), 0
    ends = began + seconds

    async def again() -> None:
        nonlocal calls
        while True:
            await call()
            calls += 1
            if time.perf_counter() >= ends:
                return

    await asyncio.gather(*(again() for _ in range(AT_ONCE)))
    spent = time.process_time() - cpu
    return calls / (time.perf_counter() - began), 1e6 * spent / calls


async def compared(calls: dict[str, CALL], seconds: float) -> dict[str, dict[str, float]]:
    """Each in turn, several times; the best of each, since others can only make it slower."""
    found: dict[str, dict[str, float]] = {}
    for call in calls.values():
        for _ in range(WARM_CALLS):
            await call()
    for _ in range(ROUNDS):
        for name, call in calls.items():
            alone = await one_by_one(call, seconds / 2 / ROUNDS)
            rate, cpu = await together(call, seconds / 2 / ROUNDS)
            before = found.get(name)
            figures = {"milliseconds": alone, "per_second": rate, "cpu_microseconds": cpu}
            found[name] = figures if before is None else better(before, figures)
    return found


def better(one: dict[str, float], other: dict[str, float]) -> dict[str, float]:
    """The better of each figure."""
    return {
        name: (max if name == "per_second" else min)(value, other[name])
        for name, value in one.items()
    }


async def measured(port: int, seconds: float, others: Mapping[str, CALL]) -> dict[str, Any]:
    """Ours and the client below it, others beside them, and the cache."""
    from pyreqwest.client import ClientBuilder

    url = f"http://127.0.0.1:{port}"
    body = question(MODEL, stream=False)
    bare = ClientBuilder().build()

    async def raw() -> None:
        await (await bare.post(url + PATH).body_text(body).build().send()).json()

    async with opened(url) as client:

        async def ours() -> None:
            await client.text("Say hello.", model=f"{PROVIDER}/{MODEL}")

        found = await compared({"bare": raw, "ours": ours, **others}, seconds)
    async with opened(url, "cache: {strategy: lru}\n") as keeping:

        async def kept() -> None:
            await keeping.text("Say hello.", model=f"{PROVIDER}/{MODEL}", temperature=0)

        found |= await compared({"cached": kept}, seconds / 2)
    return found


@asynccontextmanager
async def opened(url: str, settings: str = "") -> AsyncIterator[AsyncClient]:
    """A client of that provider; everything of it lies in a folder that goes away."""
    from anymedia import AsyncClient

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = configured(folder, {PROVIDER: f"{url}/v1"}, settings)
        async with AsyncClient(file, data_dir=folder / "data") as client:
            yield client


if __name__ == "__main__":
    print(json.dumps(run(measured(int(sys.argv[1]), float(sys.argv[2]), {}))))  # noqa: T201  for who started us
