"""Jobs per second, what waiting ones cost, and how soon others go on after a kill -9.

`python -m benchmarks.jobs [sqlite] [postgres] [--jobs 1000] [--pending 10000] [--json FILE]`

Each job is accepted one by one (its row is on the disk before it is answered for), guarded
(intent, sending, accepted, each on the disk) and submitted to a provider that is played inside the
process: no network, so what is measured is the database and what stands before it. CPU is that of
our processes without the server's; it hardly depends on what else the machine does. Postgres runs
with two processes on the database that ANYMEDIA_BENCH_DATABASE_URL names, in a schema of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import secrets
import signal
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, func, select, text

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
URL = os.environ.get("ANYMEDIA_BENCH_DATABASE_URL", "")


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
        chance=random.Random(),
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


def used(pid: int) -> tuple[float, float]:
    """A process' CPU seconds and megabytes."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    ticks = os.sysconf("SC_CLK_TCK")
    return (int(fields[11]) + int(fields[12])) / ticks, pages * os.sysconf("SC_PAGE_SIZE") / 2**20


async def measured(url: str | None, count: int, processes: int, idle_seconds: float) -> Any:
    """Everything about one database."""
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
        for one in running:
            one.start()
        await asyncio.gather(*(asyncio.to_thread(near.recv) for near, _ in pairs))
        idle = [used(one.pid or 0)[0] for one in running]
        began = time.perf_counter()
        for near, _ in pairs:
            near.send("go")
        await asyncio.gather(*(asyncio.to_thread(near.recv) for near, _ in pairs))
        took_in = time.perf_counter() - began
        total = count // processes * processes
        while (await counted(database))[0] < total:  # noqa: ASYNC110  rows tell nobody
            await asyncio.sleep(0.1)
        guarded = time.perf_counter() - began
        shares = sorted((await counted(database))[1].values())
        before = [used(one.pid or 0) for one in running]
        await asyncio.sleep(idle_seconds)
        after = [used(one.pid or 0) for one in running]
        found = {
            "jobs": total,
            "processes": processes,
            "accepted_per_second": round(total / took_in, 1),
            "accepted_and_guarded_per_second": round(total / guarded, 1),
            "cpu_milliseconds_per_job": round(
                1000 * (sum(one[0] for one in before) - sum(idle)) / total, 2
            ),
            "jobs_by_process": shares,
            "waiting_cpu_share": [
                round((b[0] - a[0]) / idle_seconds, 3) for a, b in zip(before, after, strict=True)
            ],
            "waiting_megabytes": [round(one[1]) for one in after],
        }
        if processes > 1:
            first = running[0]
            os.kill(first.pid or 0, signal.SIGKILL)
            killed = time.perf_counter()
            survivors = len(running) - 1
            while len(set((await counted(database))[1]) - {"None"}) > survivors:  # noqa: ASYNC110  as above
                await asyncio.sleep(0.2)
            found["others_go_on_after_seconds"] = round(time.perf_counter() - killed, 1)
        for one in running:
            one.kill()
            one.join()
        await database.close()
        return found


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    """A schema that is dropped afterwards."""
    schema = f"bench_{secrets.token_hex(6)}"
    yield f"{url}?schema={schema}"

    def dropped(connection: Connection) -> None:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))

    async def drop() -> None:
        database = database_at(Path(), url)
        await database.write(dropped)
        await database.close()

    asyncio.run(drop())


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    if "sqlite" in asked.kinds:
        found["sqlite"] = asyncio.run(measured(None, asked.jobs, 1, asked.idle))
    if "postgres" in asked.kinds:
        if not URL:
            parser.error("set ANYMEDIA_BENCH_DATABASE_URL")
        with own_schema(URL) as url:
            found["postgres"] = asyncio.run(measured(url, asked.jobs, 2, asked.idle))
    table = Table("figure", *found)
    for name in next(iter(found.values()), {}) | found.get("postgres", {}):
        table.add_row(name, *(str(one.get(name, "")) for one in found.values()))
    Console().print(table)
    text_found = json.dumps(found, indent=2)
    print(text_found)
    if asked.json:
        asked.json.write_text(text_found + "\n")


if __name__ == "__main__":
    main()
