"""What a queue costs that drains as fast as its provider lets it: CPU and memory of one process.

`python -m benchmarks.draining [JOBS] [SECONDS] [--at-once 1000] [--each 180]`: that many jobs are
queued for a provider that takes on so many at once, each of which is done after so many seconds and
is asked about every ten. Everything that becomes of a job is done: room, route, guard, questions
over loopback HTTP, a picture that is fetched, opened and kept, prices. Prints one JSON document.

CPU is that of the process and of all below it that open media; the far end is left out. What taking
the queue over costs at first is told apart from what it costs to drain it.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import socket
import tempfile
import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from anymedia.bench.processes import family
from anymedia.clock import SystemClock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Running, Succeeded
from anymedia.contracts.limit import LimitSettings
from anymedia.contracts.media import RemoteArtifact
from anymedia.engine.engine import Engine
from anymedia.engine.transport import NetworkTransport
from anymedia.jobs import requests
from anymedia.jobs.service import Jobs
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import Brief, Job, Pace, Provider, Submitted
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import database_at
from anymedia.store.journal import Journal
from anymedia.store.schema import jobs
from anymedia.testing.samples import png
from anymedia.wire.auth import NoAuth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from benchmarks.far_end import answering
from benchmarks.pending import EVERY_SECONDS, held, resident_megabytes

SETTLE_SECONDS = 5.0
BUSY_SHARE = 0.5
"""Of a core: while more is used, jobs that were taken over are still being looked at."""
CALLERS = 7
TICKS = os.sysconf("SC_CLK_TCK")


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """One POST."""
    response = yield post("/work", json={"prompt": request.prompt, "label": brief.marker})
    return Submitted(handle=json.loads(response.content)["id"])


def provider(port: int) -> Provider:
    """The provider that everything is queued for."""
    base_url = f"http://127.0.0.1:{port}"

    def poll(handle: str) -> Exchange[JobState]:
        response = yield get(f"/work/{handle}")
        if json.loads(response.content)["state"] == "busy":
            return Running(poll_after_seconds=EVERY_SECONDS)
        return Succeeded(
            artifacts=(RemoteArtifact(url=f"{base_url}/file", media_type="image/png"),)
        )

    return Provider(
        name="slow",
        title="Slow",
        base_url=base_url,
        auth=NoAuth(),
        operations=(
            Job(
                ImageRequest,
                submit,
                poll,
                pace=Pace(first_seconds=EVERY_SECONDS, longest_seconds=EVERY_SECONDS),
            ),
        ),
        explain=ErrorTable(),
    )


def serve(listening: socket.socket, done: Any, most: Any, wish: argparse.Namespace) -> None:
    """The far end: takes on what comes and says when it is done. The first ones end evenly."""
    picture = png(256, 256)
    ends: dict[str, float] = {}
    told: set[str] = set()

    def said(content: bytes, media_type: bytes = b"application/json") -> bytes:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nContent-Length: %d\r\n\r\n"
        return head % (media_type, len(content)) + content

    def answered(line: bytes) -> bytes:
        method, path, _ = line.decode().split(" ", 2)
        now = time.monotonic()
        if path == "/file":
            return said(picture, b"image/png")
        if method == "POST":
            number = len(ends)
            share = number / wish.at_once if number < wish.at_once else 1.0
            ends[f"w{number}"] = now + wish.each * share
            most.value = max(most.value, len(ends) - len(told))
            return said(b'{"id":"w%d"}' % number)
        handle = path.rpartition("/")[2]
        if ends[handle] > now:
            return said(b'{"state":"busy"}')
        told.add(handle)
        done.value = len(told)
        return said(b'{"state":"done"}')

    answering(listening, answered)


def write_rows(connection: Any, count: int, now: float) -> None:
    """So many jobs of a few callers, which nobody works on."""
    row = {
        "medium": "image",
        "status": "queued",
        "request": requests.as_text(ImageRequest(prompt="a fox", model="slow/one")),
        "request_hash": "h",
        "turn": 0.0,
    }
    connection.execute(
        jobs.insert(),
        [
            {**row, "id": f"job_{n}", "owner": f"caller-{n % CALLERS}", "turn": at}
            | {"created_at": at, "updated_at": at, "due_at": at}
            for n in range(count)
            for at in [now - 60 + n * 1e-4]
        ],
    )


def cpu_seconds(without: int) -> float:
    """That this process, all below it that live, and all below it that have ended have used."""
    ticks = 0
    for pid in family(os.getpid()):
        if pid != without:
            fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2]
            ticks += sum(map(int, fields.split()[11:15]))  # proc(5): utime to cstime
    return ticks / TICKS


async def measured(directory: Path, port: int, far: Any, done: Any, wish: Any) -> dict[str, float]:
    """Take the queue over, let it drain for a while, and see what that costs."""
    database = database_at(directory, None)
    limits = (LimitSettings(scope="provider", name="slow", concurrent=wish.at_once),)
    engine = Engine(
        Settings(data_dir=str(directory), limits=limits),
        network=NetworkTransport(),
        clock=SystemClock(),
        chance=random.Random(),
        ledger=Journal(directory / "journal"),
    )
    engine.providers.register(provider(port))
    service = Jobs(engine, database, ArtifactStore(directory, limit_bytes=10**9))
    await database.write(lambda c: write_rows(c, wish.jobs, time.time()))
    before = resident_megabytes()
    began, cpu = time.monotonic(), cpu_seconds(far.pid)
    service.start()
    while held(service) < wish.jobs - done.value:  # noqa: ASYNC110  nobody tells when it has all
        await asyncio.sleep(0.2)
    found = {"taken_over_seconds": time.monotonic() - began}
    used = 1.0
    while used > BUSY_SHARE:
        calm = cpu_seconds(far.pid)
        await asyncio.sleep(SETTLE_SECONDS)
        used = (cpu_seconds(far.pid) - calm) / SETTLE_SECONDS
    found["all_in_line_seconds"] = time.monotonic() - began
    found["taking_over_cpu_seconds"] = cpu_seconds(far.pid) - cpu
    began, cpu, ended = time.monotonic(), cpu_seconds(far.pid), done.value
    await asyncio.sleep(wish.seconds)
    lasted, spent, ended = (
        time.monotonic() - began,
        cpu_seconds(far.pid) - cpu,
        done.value - ended,
    )
    found |= {
        "cpu_percent": 100 * spent / lasted,
        "jobs_per_second": ended / lasted,
        "cpu_milliseconds_per_job": 1000 * spent / max(1, ended),
        "megabytes": resident_megabytes(),
        "megabytes_before": before,
    }

    def counted(connection: Any) -> dict[str, int]:
        query = select(jobs.c.status, func.count()).group_by(jobs.c.status)
        return {f"jobs_{status}": n for status, n in connection.execute(query)}

    found |= await database.read(counted)
    await service.close()
    await engine.close()
    await database.close()
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("jobs", type=int, nargs="?", default=100_000)
    parser.add_argument("seconds", type=float, nargs="?", default=60.0)
    parser.add_argument("--at-once", type=int, default=1_000)
    parser.add_argument("--each", type=float, default=180.0)
    wish = parser.parse_args()
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    done = multiprocessing.Value("q", 0, lock=False)
    most = multiprocessing.Value("q", 0, lock=False)
    far = multiprocessing.Process(target=serve, args=(listening, done, most, wish), daemon=True)
    far.start()
    with tempfile.TemporaryDirectory() as directory:
        port = listening.getsockname()[1]
        found = asyncio.run(measured(Path(directory), port, far, done, wish))
    found |= {"jobs": wish.jobs, "at_once": most.value}
    print(json.dumps({name: round(value, 2) for name, value in found.items()}, indent=2))
    far.terminate()


if __name__ == "__main__":
    main()
