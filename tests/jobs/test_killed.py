"""Workers are killed and frozen while they pay: nothing is lost, nothing is paid twice."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from urllib.request import urlopen

import pytest

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from tests.jobs.counting import content
from tests.jobs.worker import jobs_in

ROOT = Path(__file__).parents[2]
JOBS = 200
KILLS = 5
FROZEN_SECONDS = 4.0
"""Beyond the lease of two."""


GIVEN: set[int] = set()
"""Ports that somebody is going to listen on."""


def free_port() -> int:
    """A port that nobody listens on, and that no outgoing connection is given meanwhile."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        if port in GIVEN:
            continue
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        GIVEN.add(port)
        return port


def started(module: str, *arguments: str) -> subprocess.Popen[bytes]:
    """A process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", module, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def reachable(base_url: str) -> None:
    """Wait until the double answers."""
    for _ in range(100):
        try:
            with urlopen(f"{base_url}/count", timeout=5):
                return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the double did not start")


async def submitted(directory: Path, base_url: str, ability: str) -> None:
    """Two hundred jobs, taken on and left to others."""
    jobs = jobs_in(directory, base_url, ability)
    for number in range(JOBS):
        await jobs.submit(ImageRequest(prompt=f"job {number}", model="counting/one"))
    await jobs.close()
    await jobs._engine.close()
    await jobs._database.close()


async def ended(directory: Path, base_url: str, ability: str) -> tuple[Job, ...]:
    """All jobs as they stand at the end."""
    jobs = jobs_in(directory, base_url, ability)
    found = await jobs.list(limit=JOBS * 2)
    for job in found:
        for artifact in job.artifacts:
            kept = jobs.store.read(artifact)
            assert hashlib.sha256(kept).hexdigest() == artifact.sha256
            assert job.attempts[-1].provider_job_id is not None
            assert kept == content(job.attempts[-1].provider_job_id)
    await jobs.close()
    await jobs._engine.close()
    await jobs._database.close()
    return found


@pytest.mark.parametrize("ability", ["repeat", "lookup", "report", "nothing"])
def test_nothing_is_lost_or_paid_twice_when_workers_die_and_freeze(
    tmp_path: Path, ability: str
) -> None:
    """200 jobs, five kills -9, one freeze beyond the lease, for each way to find a lost one."""
    chance = random.Random(ability)
    port, inbound = free_port(), free_port()
    base_url = f"http://127.0.0.1:{port}"
    double = started("tests.jobs.counting", str(port), ability)
    arguments = [str(tmp_path), base_url, ability, *([str(inbound)] if ability == "report" else [])]
    try:
        reachable(base_url)
        asyncio.run(submitted(tmp_path, base_url, ability))
        for _ in range(KILLS):
            worker = started("tests.jobs.worker", *arguments)
            time.sleep(chance.uniform(0.9, 2.4))
            worker.kill()
            worker.communicate()
        frozen = started("tests.jobs.worker", *arguments)
        time.sleep(chance.uniform(0.9, 2.0))
        os.kill(frozen.pid, signal.SIGSTOP)
        elsewhere = [str(free_port())] if ability == "report" else []
        last = started("tests.jobs.worker", *arguments[:3], *elsewhere)
        time.sleep(FROZEN_SECONDS)
        os.kill(frozen.pid, signal.SIGCONT)
        for worker in (last, frozen):
            out, err = worker.communicate(timeout=240)
            assert worker.returncode == 0, err.decode()[-2000:]
            assert b"idle" in out
        jobs = asyncio.run(ended(tmp_path, base_url, ability))
        with urlopen(f"{base_url}/count", timeout=5) as response:
            count = json.load(response)
    finally:
        double.kill()
        double.communicate()

    statuses = Counter(job.status for job in jobs)
    assert sum(statuses.values()) == JOBS
    assert set(statuses) <= {"succeeded", "outcome_unknown"}
    paid = Counter(count["prompts"])
    assert max(paid.values()) == 1, "no job was paid for twice"
    succeeded = {job.request["prompt"] for job in jobs if job.status == "succeeded"}
    unknown = {job.request["prompt"] for job in jobs if job.status == "outcome_unknown"}
    assert succeeded <= set(paid)
    if ability in {"repeat", "lookup"}:
        assert statuses == {"succeeded": JOBS}
    if ability == "report":
        # A submission that never arrived cannot be reported; whatever was paid for is found.
        assert not unknown & set(paid)
    odd = [job for job in jobs if job.status == "succeeded" and len(job.artifacts) != 1]
    assert not odd, "\n".join(
        str((job.attempts, job.artifacts, [(one.event, one.details) for one in job.timeline]))
        for job in odd
    )
    assert all(job.cost.basis == "pending" for job in jobs if job.status == "outcome_unknown")
    print(f"{ability}: {dict(statuses)}, {count['posts']} posts, {len(paid)} paid")
