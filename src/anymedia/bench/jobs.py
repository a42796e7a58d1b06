"""Jobs a second: each accepted by a row on the disk, guarded, and submitted to a played provider.

Accepted one by one (its row is on the disk before it is answered for), guarded (intent, sending,
accepted, each on the disk) and submitted to a provider that is played inside the process: no
network, so what is measured is the database and what stands before it. CPU is that of our
processes without the server's; it hardly depends on what else the machine does.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from anymedia.bench.processes import used
from anymedia.clock import SystemClock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Running
from anymedia.engine.engine import Engine
from anymedia.engine.transport import Incoming, Outgoing
from anymedia.jobs.service import Jobs
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import Brief, Job, Nothing, Pace, Provider, Submitted
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import Database, database_at
from anymedia.store.journal import Journal
from anymedia.store.schema import attempts, jobs
from anymedia.wire.auth import NoAuth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, get, post

POLL_SECONDS = 10.0
AT_ONCE = 32


async def nothing() -> AsyncIterator[bytes]:
    """No bytes."""
    for piece in (b"",):
        yield piece


class Played:
    """A provider that takes everything on and is never done."""

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        return HttpResponse(200, b"{}")

    @asynccontextmanager
    async def stream(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        yield Incoming(HttpResponse(200, b"{}"), nothing())

    async def close(self) -> None:
        """Nothing is open."""


def submit(_: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """One POST."""
    yield post("/work", json={"label": brief.marker})
    return Submitted(handle=brief.marker)


def poll(handle: str) -> Exchange[JobState]:
    """Never done."""
    yield get(f"/work/{handle}")
    return Running(poll_after_seconds=POLL_SECONDS)


PLAYED = Provider(
    name="played",
    title="Played",
    base_url="http://127.0.0.1:9",
    auth=NoAuth(),
    operations=(
        Job(
            ImageRequest,
            submit,
            poll,
            recovery=Nothing(),
            pace=Pace(first_seconds=POLL_SECONDS, longest_seconds=POLL_SECONDS),
            timeout_seconds=30.0,
        ),
    ),
    explain=ErrorTable(),
)


def opened(directory: Path, url: str | None) -> tuple[Jobs, Database]:
    """One process' jobs."""
    database = database_at(directory, url)
    engine = Engine(
        Settings(data_dir=str(directory)),
        network=Played(),
        clock=SystemClock(),
        chance=random.Random(),  # noqa: S311  when to ask again is no secret
        ledger=Journal(directory / "journal"),
    )
    engine.providers.register(PLAYED)
    return Jobs(engine, database, ArtifactStore(directory, limit_bytes=10**9)), database


async def submitting(directory: Path, url: str | None, count: int, pipe: Any) -> None:
    """Accept so many jobs and work on them until killed."""
    own, database = opened(directory, url)
    own.start()
    await database.read(lambda _: None)
    pipe.send("ready")
    await asyncio.to_thread(pipe.recv)
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(number: int) -> None:
        async with gate:
            await own.submit(ImageRequest(prompt=f"job {number}", model="played/one"))

    await asyncio.gather(*map(one, range(count)))
    pipe.send("accepted")
    await asyncio.Event().wait()


def child(directory: str, url: str | None, count: int, pipe: Any) -> None:
    """A process of its own."""
    asyncio.run(submitting(Path(directory), url, count, pipe))


def counted(database: Database) -> Any:
    """How many jobs are accepted by the provider, and by whom they are held."""

    def work(c: Any) -> tuple[int, dict[str, int]]:
        states = select(func.count()).where(attempts.c.state == "accepted")
        held = select(jobs.c.worker, func.count()).group_by(jobs.c.worker)
        return c.execute(states).scalar_one(), {str(k): n for k, n in c.execute(held).all()}

    return database.read(work)


async def measured(url: str | None, count: int, processes: int, idle_seconds: float) -> Any:
    """Everything about one database. `None` is what the kernel does not tell."""
    with tempfile.TemporaryDirectory() as folder:
        directory = Path(folder)
        database = database_at(directory, url)
        await database.read(lambda _: None)
        context = multiprocessing.get_context("spawn")
        pairs = [context.Pipe() for _ in range(processes)]
        running = [
            context.Process(target=child, args=(folder, url, count // processes, far), daemon=True)
            for _, far in pairs
        ]
        try:
            for one in running:
                one.start()
            return await watched(
                database, running, [near for near, _ in pairs], count, idle_seconds
            )
        finally:
            for one in running:
                one.kill()
                one.join()
            await database.close()


async def watched(
    database: Database,
    running: Sequence[Any],
    pipes: Sequence[Any],
    count: int,
    idle_seconds: float,
) -> dict[str, Any]:
    """Let processes that have started begin, and see how far they are."""
    await asyncio.gather(*(asyncio.to_thread(one.recv) for one in pipes))
    idle = cpu(running)
    began = time.perf_counter()
    for one in pipes:
        one.send("go")
    await asyncio.gather(*(asyncio.to_thread(one.recv) for one in pipes))
    took_in = time.perf_counter() - began
    total = count // len(running) * len(running)
    while (await counted(database))[0] < total:  # noqa: ASYNC110  rows tell nobody
        await asyncio.sleep(0.1)
    guarded = time.perf_counter() - began
    shares = sorted((await counted(database))[1].values())
    spent = cpu(running)
    found: dict[str, Any] = {
        "jobs": total,
        "processes": len(running),
        "accepted_per_second": round(total / took_in, 1),
        "accepted_and_guarded_per_second": round(total / guarded, 1),
        "cpu_milliseconds_per_job": None
        if spent is None or idle is None
        else round(1000 * (sum(spent) - sum(idle)) / total, 2),
        "jobs_by_process": shares,
    }
    if idle_seconds and spent is not None:
        await asyncio.sleep(idle_seconds)
        held = [used(one.pid) for one in running]
        found["waiting_cpu_share"] = [
            round((after - before) / idle_seconds, 3)
            for before, after in zip(spent, cpu(running) or spent, strict=True)
        ]
        found["waiting_megabytes"] = [round(one.megabytes) for one in held if one is not None]
    if len(running) > 1:
        os.kill(running[0].pid, signal.SIGKILL)
        killed = time.perf_counter()
        survivors = len(running) - 1
        while len(set((await counted(database))[1]) - {"None"}) > survivors:  # noqa: ASYNC110  as above
            await asyncio.sleep(0.2)
        found["others_go_on_after_seconds"] = round(time.perf_counter() - killed, 1)
    return found


def cpu(running: Sequence[Any]) -> list[float] | None:
    """Seconds that each process has used so far, where the kernel tells."""
    found = [used(one.pid) for one in running]
    return [one.cpu_seconds for one in found if one is not None] if all(found) else None
