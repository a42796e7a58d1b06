"""A run: doubles, a receiver, a gateway and workers, all of whom but the first two are killed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import Connection, func, select

from anymedia.client.aio import AsyncClient
from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.job import Job
from anymedia.store.database import database_at
from anymedia.store.schema import attempts, callbacks, jobs, ledger, timeline, workers
from anymedia.testing.double import serving
from tests.chaos.carrier import register
from tests.chaos.doubles import Taken, WorkDouble, content
from tests.chaos.fates import ABILITIES, SEED, Fate, fate
from tests.jobs.test_killed import free_port
from tests.support.hurried import HurriedClock
from tests.webhooks.receiver import Got, Receiver, receiving

ROOT = Path(__file__).parents[2]
PACE = 6.0
"""A lease of fifteen seconds is two and a half here."""
PATIENCE_SECONDS = 120.0
AT_ONCE = 24
JOB_ID = re.compile(r"job_[0-9a-f]{32}")
CIRCUITS = {"failure_threshold": 1000, "failure_rate": 1.0, "minimum_calls": 100_000}
CIRCUITS |= {"minimum_jobs": 100_000}
"""Faults are the point: nobody is left alone because of them."""


@dataclass
class Process:
    """A process that can be killed, and started again."""

    run: Run
    what: str
    number: int
    database_url: str | None = None
    popen: subprocess.Popen[bytes] | None = None
    kills: int = 0

    def start(self) -> None:
        """Begin, whatever was before."""
        clock = self.run.clock
        words = [
            self.what,
            str(self.run.directory),
            *map(str, (clock.real, clock.here, clock.pace)),
        ]
        url = self.database_url or self.run.database_url
        with self.errors.open("ab") as errors:
            self.popen = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.carrier", *words, *([url] if url else [])],
                cwd=ROOT,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )

    @property
    def errors(self) -> Path:
        """What it says when something is wrong."""
        return self.run.directory / f"{self.what}-{self.number}.txt"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.popen is not None
        os.kill(self.popen.pid, number)

    def kill(self) -> None:
        """As by `kill -9`."""
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait()
        self.kills += 1

    def leave(self) -> None:
        """Leave nothing behind, whatever happened."""
        assert self.popen is not None
        self.popen.kill()
        self.popen.wait()

    def end(self) -> int:
        """Ask it to stop; its exit code."""
        assert self.popen is not None
        self.popen.terminate()
        return self.popen.wait(60)


@dataclass
class Run:
    """Everything that a run consists of, and what is left of it."""

    directory: Path
    number_of_jobs: int
    database_url: str | None = None
    clock: HurriedClock = field(
        default_factory=lambda: HurriedClock(time.time(), time.time(), PACE)
    )
    doubles: dict[str, WorkDouble] = field(default_factory=dict)
    receiver: Receiver = field(default_factory=Receiver)
    processes: list[Process] = field(default_factory=list)
    frozen: int = 0
    stack: ExitStack = field(default_factory=ExitStack)
    seconds: float = 0.0
    job_ids: dict[int, str] = field(default_factory=dict)
    refused: Counter[str] = field(default_factory=Counter)
    """Submissions over HTTP that met nobody and were made again under the same key."""

    # --- beginning ------------------------------------------------------------------------

    def prepare(self) -> None:
        """Serve the doubles and the receiver, and write down what all processes have to know."""
        for ability in ABILITIES:
            self.doubles[ability] = WorkDouble(ability)
            self.stack.enter_context(serving(self.doubles[ability]))
        self.receiver = self.stack.enter_context(receiving())
        self.port = free_port()
        (self.directory / "run.json").write_text(json.dumps(self.plan))

    @property
    def plan(self) -> dict[str, Any]:
        """The same for all."""
        return {
            "configuration": self.configuration,
            "doubles": {name: one.base_url for name, one in self.doubles.items()},
            "port": self.port,
        }

    @property
    def configuration(self) -> dict[str, Any]:
        """Of the gateway, the workers, and of who submits by library."""
        config: dict[str, Any] = {
            "data_dir": str(self.directory / "data"),
            "circuit_breaker": CIRCUITS,
            "callbacks": {"allow_private": ["127.0.0.0/8"]},
            "gateway": {"public_url": f"http://127.0.0.1:{self.port}"},
            "retry": {"max_attempts": 20},
            "retry_budget": {"ratio": 10},
        }
        if self.database_url is not None:
            config["database_url"] = self.database_url
        return config

    def process(self, what: str, database_url: str | None = None) -> Process:
        """A new one, which runs."""
        one = Process(self, what, len(self.processes), database_url)
        self.processes.append(one)
        one.start()
        self.stack.callback(one.leave)
        return one

    def ready(self) -> None:
        """Wait until all of them work."""
        wanted = {one.popen.pid for one in self.processes if one.popen is not None}
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.2)  # other processes start: there is nothing else to wait for
            if wanted <= set(self.read(lambda c: c.execute(select(workers.c.pid)).scalars().all())):
                return
        raise AssertionError(self.said())

    # --- submitting -----------------------------------------------------------------------

    async def submit(self) -> None:
        """Ask for everything: some over HTTP, some by library."""
        room = asyncio.Semaphore(AT_ONCE)
        async with (
            AsyncClient(self.configuration, clock=self.clock) as client,
            httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=30) as caller,
            asyncio.TaskGroup() as group,
        ):
            register(client, self.plan["doubles"])

            async def one(asked: Fate) -> None:
                async with room:
                    if asked.by_gateway:
                        await self._by_gateway(caller, asked)
                    else:
                        await self._by_library(client, asked)

            for number in range(self.number_of_jobs):
                group.create_task(one(fate(number)))

    def fields(self, asked: Fate) -> dict[str, Any]:
        """A request, but for its key."""
        return {
            "prompt": asked.prompt,
            "model": asked.model,
            "callback_url": f"{self.receiver.url}/{asked.number}",
        }

    async def _by_library(self, client: AsyncClient, asked: Fate) -> None:
        """Again under the same key while the database is away, which says nothing of the first."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                handle = await client.submit_image(idempotency_key=asked.tag, **self.fields(asked))
                if asked.cancelled:
                    await handle.cancel()
            except StorageFailed as error:
                self.refused[type(error).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            self.job_ids[asked.number] = handle.id
            return
        raise AssertionError("the database did not come back")

    async def _by_gateway(self, caller: httpx.AsyncClient, asked: Fate) -> None:
        """Until somebody answers: who submits under a key may do so as often as it takes."""
        headers = {"Prefer": "respond-async", "Idempotency-Key": asked.tag[1:]}
        found = await self._insist(
            caller, "POST", "/api/ai/image", json=self.fields(asked), headers=headers
        )
        # Asked once more, it may be over already: then the answer is what it came to.
        named = JOB_ID.search(found.headers.get("location", "") + found.text)
        assert named is not None, found.text
        self.job_ids[asked.number] = named[0]
        if asked.cancelled:
            await self._insist(caller, "DELETE", f"/api/jobs/{named[0]}")

    async def _insist(
        self, caller: httpx.AsyncClient, method: str, path: str, **how: Any
    ) -> httpx.Response:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            try:
                answer = await caller.request(method, path, **how)
            except httpx.TransportError as error:
                self.refused[type(error).__name__] += 1
                await asyncio.sleep(0.1)
                continue
            if answer.status_code < 500 or JOB_ID.search(answer.text):
                return answer
            self.refused[str(answer.status_code)] += 1
            await asyncio.sleep(0.1)
        raise AssertionError("the gateway did not come back")

    # --- waiting --------------------------------------------------------------------------

    def read(self, work: Any) -> Any:
        """Ask the database something, from here."""

        async def ask() -> Any:
            database = database_at(self.directory / "data", self.database_url)
            try:
                return await database.read(work)
            finally:
                await database.close()

        return asyncio.run(ask())

    def open(self) -> tuple[int, int]:
        """How many jobs are not over, and how many messages are not delivered."""
        return self.read(standing)  # type: ignore[no-any-return]  # `read` asks anything

    def finished(self) -> None:
        """Wait until nothing is left to be done."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.5)  # other processes work: there is nothing else to wait for
            if self.open() == (0, 0):
                return
        for one in self.processes:
            one.signal(signal.SIGUSR1)
        time.sleep(1.0)
        raise AssertionError(f"still open: {self.read(unfinished)}; {self.said()}")

    def said(self) -> str:
        """The last words of every process."""
        return "\n".join(
            f"{one.errors.name}: {one.errors.read_text()[-6000:]}" for one in self.processes
        )


def standing(connection: Connection) -> tuple[int, int]:
    """Jobs that something is still due for, and messages that are to be delivered."""
    due = select(func.count()).select_from(jobs).where(jobs.c.due_at.is_not(None))
    waiting = select(func.count()).select_from(callbacks).where(callbacks.c.due_at.is_not(None))
    return int(connection.execute(due).scalar_one()), int(connection.execute(waiting).scalar_one())


def unfinished(connection: Connection) -> str:
    """Everything about what is still open."""
    told: list[Any] = []
    for job in connection.execute(select(jobs).where(jobs.c.due_at.is_not(None))).mappings():
        told.append({name: value for name, value in job.items() if name != "request"})
        for table in (attempts, timeline):
            found = connection.execute(select(table).where(table.c.job_id == job["id"])).mappings()
            told += [
                {name: value for name, value in row.items() if value is not None} for row in found
            ]
    told += map(dict, connection.execute(select(workers)).mappings())
    told += map(
        dict,
        connection.execute(select(callbacks).where(callbacks.c.due_at.is_not(None))).mappings(),
    )
    return "\n".join(map(str, told))


# --- what is left -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Left:
    """All that was written down, once it is over."""

    jobs: tuple[Job, ...]
    attempts: Sequence[Mapping[str, Any]]
    ledger: dict[str, Mapping[str, Any]]
    """The last word on every attempt."""
    spoilt: list[str]
    """Artifacts that are not what their provider made."""


def left_of(run: Run) -> Left:
    """Read everything."""

    async def read() -> Left:
        async with AsyncClient(run.configuration, clock=run.clock) as client:
            opened, database = client._jobs, client._database
            found = await opened.list(limit=run.number_of_jobs * 2)
            tries = await database.read(
                lambda c: [dict(row) for row in c.execute(select(attempts)).mappings()]
            )
            query = select(ledger).order_by(ledger.c.row)
            money = await database.read(lambda c: [dict(r) for r in c.execute(query).mappings()])
            made = {work.label: work for one in run.doubles.values() for work in one.taken.values()}
            by_job = {
                row["job_id"]: made[row["id"]] for row in tries if row["state"] == "succeeded"
            }
            spoilt = [
                job.id
                for job in found
                for artifact in job.artifacts
                if not is_whole(opened.store.read(artifact), artifact.sha256, by_job[job.id])
            ]
            return Left(found, tries, {row["attempt_id"]: row for row in money}, spoilt)

    return asyncio.run(read())


def is_whole(data: bytes, sha256: str, work: Taken) -> bool:
    """Whether an artifact is what was made for its job."""
    return hashlib.sha256(data).hexdigest() == sha256 and data == content(work.name)


def heard(receiver: Receiver) -> dict[str, list[Got]]:
    """By job, what its owner heard, in the order of first arrival; repeated ids are left out."""
    told: defaultdict[str, dict[str, Got]] = defaultdict(dict)
    for got in receiver.got:
        told[got.message["data"]["id"]].setdefault(got.id, got)
    return {job_id: list(by_id.values()) for job_id, by_id in told.items()}


def chance_of(run: str) -> random.Random:
    """The dice of a run."""
    return random.Random(f"{SEED}:{run}")
