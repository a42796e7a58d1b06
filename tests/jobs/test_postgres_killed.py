"""Three workers on Postgres: killed, frozen, cut off, and the server itself restarted under them."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from tests.jobs.test_killed import ended, free_port, reachable, started, submitted
from tests.support.forwarder import Forwarder
from tests.support.postgres import URL, asked, elsewhere, hanging_up, needs_postgres

pytestmark = needs_postgres()
JOBS = 200
AWAY_SECONDS = 4.0
"""Beyond the lease of two."""


def count(base_url: str) -> dict[str, Any]:
    """What the double was asked for."""
    with urlopen(f"{base_url}/count", timeout=5) as response:
        found: dict[str, Any] = json.load(response)
        return found


def asked_for(base_url: str, number: int) -> None:
    """Wait until the double was asked for so much work; not for ever."""
    for _ in range(600):
        if count(base_url)["posts"] >= number:
            return
        time.sleep(0.05)
    raise AssertionError(f"{count(base_url)['posts']} of {number} submissions within 30 s")


def begun(worker: subprocess.Popen[bytes]) -> bool:
    """Wait until it has opened the database: who cannot do that says so and ends."""
    assert worker.stdout is not None
    return worker.stdout.readline() == b"working\n"


def without_host(url: str, port: int) -> str:
    """The same database, by way of a forwarder."""
    parts = urlsplit(url)
    user, _, _ = parts.netloc.rpartition("@")
    return url.replace(parts.netloc, f"{user}@127.0.0.1:{port}", 1)


@pytest.mark.parametrize("ability", ["lookup", "nothing"])
def test_nothing_is_lost_or_paid_twice_whatever_happens_to_workers_and_database(
    tmp_path: Path, ability: str
) -> None:
    """One is frozen, one cut off from the database, one killed; and all connections are ended."""
    base_url = f"http://127.0.0.1:{free_port()}"
    with ExitStack() as stack:
        url = stack.enter_context(elsewhere(tmp_path))
        where = urlsplit(URL)
        wire = stack.enter_context(Forwarder(where.hostname or "", where.port or 5432))
        double = started("tests.jobs.counting", base_url.rpartition(":")[2], ability)
        stack.callback(double.communicate)
        stack.callback(double.kill)
        reachable(base_url)
        asyncio.run(submitted(tmp_path, base_url, ability))

        def worker(database_url: str = url) -> subprocess.Popen[bytes]:
            arguments = (str(tmp_path), base_url, ability, "0", database_url)
            return started("tests.jobs.worker", *arguments)

        frozen, cut_off, killed = worker(), worker(without_host(url, wire.port)), worker()
        for one in (frozen, cut_off, killed):
            stack.callback(one.kill)
        assert all(map(begun, (frozen, cut_off, killed)))
        asked_for(base_url, JOBS // 8)
        os.kill(frozen.pid, signal.SIGSTOP)
        wire.cut()
        killed.kill()
        last = worker()
        stack.callback(last.kill)
        asked_for(base_url, JOBS // 3)
        assert begun(last)
        asyncio.run(asked(URL, hanging_up(url)))
        time.sleep(AWAY_SECONDS)
        os.kill(frozen.pid, signal.SIGCONT)
        wire.mend()
        for one in (last, cut_off, frozen):
            out, err = one.communicate(timeout=120)
            assert one.returncode == 0, err.decode()[-3000:]
            assert b"idle" in out
        killed.communicate()
        jobs = asyncio.run(ended(tmp_path, base_url, ability))
        told = count(base_url)

    statuses = Counter(job.status for job in jobs)
    paid = Counter(told["prompts"])
    print(f"{ability}: {dict(statuses)}, {told['posts']} posts, {len(paid)} paid")
    assert sum(statuses.values()) == JOBS
    assert set(statuses) <= {"succeeded", "outcome_unknown"}
    assert max(paid.values()) == 1, "no job was paid for twice"
    assert {job.request["prompt"] for job in jobs if job.status == "succeeded"} <= set(paid)
    if ability == "lookup":
        assert statuses == {"succeeded": JOBS}
    assert not [job for job in jobs if job.status == "succeeded" and len(job.artifacts) != 1]
