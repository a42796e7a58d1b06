"""What jobs under way cost a process: memory, CPU, and questions a second, over real loopback HTTP.

`python -m benchmarks.pending [JOBS] [SECONDS] [--listed]`: that many jobs have been accepted by a
provider that is asked about each every ten seconds; with `--listed` it answers about a hundred at
once. The far end is a process of its own. Prints one JSON document.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import resource
import socket
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Running
from anymedia.engine.engine import Engine
from anymedia.engine.transport import NetworkTransport
from anymedia.jobs import requests, rows
from anymedia.jobs.lease import LEASE_SECONDS
from anymedia.jobs.service import Jobs
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import Brief, Job, Pace, Provider, Submitted
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import database_at
from anymedia.store.journal import Journal
from anymedia.store.schema import attempts, jobs
from anymedia.wire.auth import NoAuth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from benchmarks.far_end import answering

EVERY_SECONDS = 10.0
SETTLE_SECONDS = 15.0
AGE_SECONDS = 300.0
"""So long the jobs have been under way."""
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n"
BODY = b'{"state":"busy"}'


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """Nobody submits here: the jobs are under way already."""
    yield post("/work", json={"prompt": request.prompt, "label": brief.marker})
    return Submitted(handle=brief.marker)


def poll(handle: str) -> Exchange[JobState]:
    """Never done."""
    yield get(f"/work/{handle}")
    return Running(poll_after_seconds=EVERY_SECONDS)


def poll_many(handles: Sequence[str]) -> Exchange[Mapping[str, JobState]]:
    """Many, never done."""
    yield get("/work", query={"ids": ",".join(handles)})
    return {handle: Running(poll_after_seconds=EVERY_SECONDS) for handle in handles}


def provider(port: int, *, listed: bool) -> Provider:
    """The provider whose jobs are never done."""
    operation = Job(
        ImageRequest,
        submit,
        poll,
        pace=Pace(first_seconds=EVERY_SECONDS, longest_seconds=EVERY_SECONDS),
        poll_many=poll_many if listed else None,
    )
    return Provider(
        name="slow",
        title="Slow",
        base_url=f"http://127.0.0.1:{port}",
        auth=NoAuth(),
        operations=(operation,),
        explain=ErrorTable(),
    )


def serve(listening: socket.socket, asked: Any) -> None:
    """The far end: the same answer to every question, and a count of them."""

    def answered(_: bytes) -> bytes:
        asked.value += 1
        return ANSWER + BODY

    answering(listening, answered)


def write_rows(connection: Any, count: int, now: float) -> int:
    """So many jobs, each accepted by its provider and left by a process that is killed now."""
    request = ImageRequest(prompt="a fox", model="slow/one")
    job = {
        "owner": "local",
        "medium": "image",
        "status": "running",
        "request": requests.as_text(request),
        "request_hash": "h",
        "created_at": now - AGE_SECONDS,
        "updated_at": now - AGE_SECONDS,
        "due_at": now - AGE_SECONDS,
        "turn": 0.0,
        "worker": "wrk_killed",
    }
    attempt = {
        "number": 1,
        "provider": "slow",
        "model": "one",
        "state": "accepted",
        "created_at": now - AGE_SECONDS,
        "opened_at": now - AGE_SECONDS,
        "accepted_at": now - AGE_SECONDS,
        "polls": 0,
    }
    names = range(count)
    connection.execute(jobs.insert(), [{**job, "id": f"job_{n}"} for n in names])
    connection.execute(
        attempts.insert(),
        [
            {**attempt, "id": f"att_{n}", "job_id": f"job_{n}", "callback_token": f"cb_{n}"}
            | {"handle": f"work-{n}", "handle_hash": f"{n}"}
            for n in names
        ],
    )
    return count


def held(service: Jobs) -> int:
    """How many jobs are this process' own."""
    health = service.health()
    return int(health["waiting"] + health["running"])


def resident_megabytes() -> float:
    """Of this process, now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def cpu_seconds() -> float:
    """That this process has used."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def measured(directory: Path, port: int, asked: Any, wish: argparse.Namespace) -> Any:
    """Take the jobs over when the lease of who was killed has ended, and carry them on for a while."""
    database = database_at(directory, None)
    engine = Engine(
        Settings(data_dir=str(directory)),
        network=NetworkTransport(),
        clock=SystemClock(),
        chance=random.Random(),
        ledger=Journal(directory / "journal"),
    )
    engine.providers.register(provider(port, listed=wish.listed))
    service = Jobs(engine, database, ArtifactStore(directory, limit_bytes=10**9))
    await database.write(lambda c: write_rows(c, wish.jobs, time.time()))
    before = resident_megabytes()
    began, cpu = time.monotonic(), cpu_seconds()
    killed = time.time()
    await database.write(lambda c: rows.insert_worker(c, "wrk_killed", 0, killed, LEASE_SECONDS))
    service.start()
    found: dict[str, float] = {}
    while held(service) < wish.jobs:  # noqa: ASYNC110  nobody tells when it has them all
        await asyncio.sleep(0.1)
    found["held_again_seconds"] = time.monotonic() - began
    while asked.value < wish.jobs * (0.01 if wish.listed else 1):  # noqa: ASYNC110  as above
        await asyncio.sleep(0.1)
    found["all_asked_again_seconds"] = time.monotonic() - began
    found["recovery_cpu_seconds"] = cpu_seconds() - cpu
    await asyncio.sleep(SETTLE_SECONDS)
    began, cpu, questions = time.monotonic(), cpu_seconds(), asked.value
    await asyncio.sleep(wish.seconds)
    lasted = time.monotonic() - began
    found |= {
        "jobs": wish.jobs,
        "cpu_percent": 100 * (cpu_seconds() - cpu) / lasted,
        "questions_per_second": (asked.value - questions) / lasted,
        "cpu_microseconds_per_question": 1e6
        * (cpu_seconds() - cpu)
        / max(1, asked.value - questions),
        "megabytes": resident_megabytes(),
        "megabytes_before": before,
    }
    await service.close()
    return {name: round(value, 2) for name, value in found.items()}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="?", default=10_000)
    parser.add_argument("seconds", type=float, nargs="?", default=30.0)
    parser.add_argument("--listed", action="store_true")
    wish = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    asked = multiprocessing.Value("q", 0, lock=False)
    far_end = multiprocessing.Process(target=serve, args=(listening, asked), daemon=True)
    far_end.start()
    with tempfile.TemporaryDirectory() as directory:
        port = listening.getsockname()[1]
        print(json.dumps(asyncio.run(measured(Path(directory), port, asked, wish)), indent=2))
    far_end.terminate()


if __name__ == "__main__":
    main()
