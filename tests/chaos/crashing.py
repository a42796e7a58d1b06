"""A worker that dies at a point: by what it is given to work with, which ends the process.

`python -m tests.chaos.crashing DIRECTORY BASE_URL ABILITY CALLBACK_BASE POINT`
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import msgspec
from sqlalchemy import Connection, func, select

from anymedia.clock import Clock, SystemClock
from anymedia.contracts.callback import CallbackSettings
from anymedia.contracts.configuration import Settings
from anymedia.contracts.media import MediaBytes
from anymedia.engine.engine import Engine
from anymedia.engine.transport import Incoming, NetworkTransport, Outgoing, Transport
from anymedia.jobs.service import Jobs
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import Database
from anymedia.store.journal import Journal
from anymedia.store.schema import timeline
from anymedia.store.transaction import write_rest
from anymedia.wire.http import HttpResponse
from tests.chaos.works import works
from tests.support.postgres import database_in

T = TypeVar("T")
REPORT_SECONDS = 130.0
BEFORE: dict[str, tuple[str, ...]] = {
    "intent-unwritten": ("attempt-prepared",),
    "answered": ("attempt-accepted",),
    "stored": ("artifact-stored",),
    "settling": ("attempt-succeeded",),
}
"""Points in a transaction that writes such a line into the timeline: it never ends."""
AFTER: dict[str, tuple[str, ...]] = {
    "intent-written": ("attempt-prepared",),
    "opened": ("attempt-sending",),
    "accepted": ("attempt-accepted",),
    "settled": ("job-succeeded",),
}
"""Points right after such a transaction."""
AT_ONCE_BEFORE = {"answered": ("attempt-finishing",)}


def die() -> NoReturn:
    """As by kill -9: nothing is tidied up."""
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("nobody survives that")


class DoomedDatabase:
    """A database whose user dies at, or right after, a certain line of the timeline."""

    def __init__(
        self, within: Database, before: tuple[str, ...] = (), after: tuple[str, ...] = ()
    ) -> None:
        self._within = within
        self._before, self._after = before, after
        self.directory, self.url = within.directory, within.url

    async def write(self, work: Callable[[Connection], T], *, job: str | None = None) -> T:
        written: list[str] = []

        def watched(connection: Connection) -> T:
            last = connection.execute(select(func.max(timeline.c.row))).scalar() or 0
            outcome = work(connection)
            write_rest(connection)
            new = select(timeline.c.event).where(timeline.c.row > last)
            written[:] = connection.execute(new).scalars()
            if set(self._before) & set(written):
                die()
            return outcome

        outcome = await self._within.write(watched, job=job)
        if set(self._after) & set(written):
            die()
        return outcome

    async def read(self, work: Callable[[Connection], T]) -> T:
        return await self._within.read(work)

    def time(self, now: float) -> float:
        return self._within.time(now)

    async def close(self) -> None:
        await self._within.close()


class DoomedTransport:
    """A network whose user dies while something is on its way."""

    def __init__(self, within: Transport, point: str, base_url: str) -> None:
        self._within = within
        self._point = point
        self._base_url = base_url

    async def send(self, outgoing: Outgoing, *, limit_bytes: int) -> HttpResponse:
        async with self.stream(outgoing) as incoming:
            incoming.head.content = b"".join([chunk async for chunk in incoming.chunks])
        return incoming.head

    def stream(self, outgoing: Outgoing) -> AbstractAsyncContextManager[Incoming]:
        return self._streamed(outgoing)

    @asynccontextmanager
    async def _streamed(self, outgoing: Outgoing) -> AsyncIterator[Incoming]:
        at_provider = outgoing.url.startswith(self._base_url)
        if self._point == "sent" and at_provider and outgoing.method == "POST":
            await self._taken_on(outgoing)
        async with self._within.stream(outgoing) as incoming:
            if self._point == "polling" and "/work/" in outgoing.url:
                die()
            if self._point == "told" and b'"job.succeeded"' in (outgoing.body or b""):
                die()
            doomed = self._point == "downloading" and "/result/" in outgoing.url
            chunks = first_of(incoming.chunks) if doomed else incoming.chunks
            yield Incoming(incoming.head, chunks)

    async def _taken_on(self, outgoing: Outgoing) -> NoReturn:
        """Send it, and die when the provider has it, before it answers."""

        async def sent() -> None:
            async with self._within.stream(outgoing):
                raise AssertionError("the answer came first")

        asking = asyncio.create_task(sent())
        label = msgspec.json.decode(bytes(outgoing.body or b""))["label"]
        seen = Outgoing(method="GET", url=f"{self._base_url}/work?label={label}", headers={})
        while not asking.done():
            told = await self._within.send(seen, limit_bytes=10**6)
            if b'"id"' in told.content:
                die()
        raise AssertionError("the answer came first")

    async def close(self) -> None:
        await self._within.close()


class Inside:
    """Where the inputs of jobs are kept: with them."""

    jobs: Jobs

    async def read_input(self, artifact_id: str) -> MediaBytes:
        return await self.jobs.read_input(artifact_id)


async def first_of(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The first of them."""
    async for chunk in chunks:
        yield chunk[:1000]
        die()


def jobs_in(
    directory: Path,
    base_url: str,
    ability: str,
    callback_base: str,
    *,
    point: str = "",
    clock: Clock | None = None,
) -> Jobs:
    """The jobs of a directory, in hands that are doomed where a point is named."""
    before = {**BEFORE, **(AT_ONCE_BEFORE if ability == "at-once" else {})}.get(point, ())
    settings = Settings(
        data_dir=str(directory), callbacks=CallbackSettings(allow_private=("127.0.0.0/8",))
    )
    engine = Engine(
        settings,
        network=DoomedTransport(NetworkTransport(), point, base_url),
        clock=clock or SystemClock(),
        chance=random.Random(7),
        ledger=Journal(directory / "journal"),
        kept=(kept := Inside()),
    )
    engine.providers.register(works(ability, base_url, report_seconds=REPORT_SECONDS))
    flush: Callable[[int], object] = os.fsync if point != "flushed" else lambda _: die()
    store = ArtifactStore(directory, limit_bytes=10**8, flush=flush)  # type: ignore[arg-type]  # what it returns is not looked at
    database = DoomedDatabase(database_in(directory), before, AFTER.get(point, ()))
    kept.jobs = Jobs(engine, database, store, callback_base_url=callback_base)
    return kept.jobs


async def main() -> None:
    """Work until the point is reached."""
    directory, base_url, ability, callback_base, point = sys.argv[1:]
    jobs = jobs_in(Path(directory), base_url, ability, callback_base, point=point)
    await jobs.work(until_idle=True)
    print("idle, and alive", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
