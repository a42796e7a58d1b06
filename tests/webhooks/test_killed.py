"""The process that tells callers is killed in the middle: every message arrives, in order."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections import defaultdict
from functools import partial
from pathlib import Path

from anymedia.contracts.callback import EventType
from tests.webhooks.posting import jobs_in, put_job, tell
from tests.webhooks.receiver import Receiver, receiving

ROOT = Path(__file__).parents[2]
JOBS = 40
KILLS = 3
EVENTS: tuple[EventType, ...] = ("job.started", "job.progress", "job.succeeded")


def started(directory: Path) -> subprocess.Popen[bytes]:
    """A process that delivers."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.webhooks.posting", str(directory)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    return process


async def prepared(directory: Path, url: str) -> dict[str, list[str]]:
    """Forty jobs with three messages each: the ids of each job's, in their order."""
    jobs = jobs_in(directory)
    now = time.time()
    for number in range(JOBS):
        name = f"job_{number}"
        await jobs._database.write(partial(put_job, job_id=name, url=url, now=now))
        for event in EVENTS:
            await jobs._database.write(partial(tell, job_id=name, event=event, now=now))
    found = await jobs.messages.list(limit=JOBS * len(EVENTS))
    ids: defaultdict[str, list[str]] = defaultdict(list)
    for message in sorted(found, key=lambda one: one.sequence):
        ids[message.job_id].append(message.id)
    await jobs._engine.close()
    await jobs._database.close()
    return ids


async def standing(directory: Path) -> list[str]:
    """How all messages stand at the end."""
    jobs = jobs_in(directory)
    found = await jobs.messages.list(limit=JOBS * len(EVENTS) * 2)
    await jobs._engine.close()
    await jobs._database.close()
    return [one.status for one in found]


def test_every_message_arrives_in_order_though_who_sends_it_is_killed(
    tmp_path: Path, each_database: str
) -> None:
    """120 messages, three kills -9: each at least once, always under its id, each job's in order."""
    chance = random.Random(each_database)
    with receiving() as receiver:
        ids = asyncio.run(prepared(tmp_path, receiver.url))
        for _ in range(KILLS):
            process = started(tmp_path)
            enough = len(receiver.got) + chance.randint(3, 15)
            while len(receiver.got) < enough:
                time.sleep(0.002)  # another process sends: there is nothing else to wait for
            process.kill()
            process.communicate()
        last = started(tmp_path)
        out, err = last.communicate(timeout=120)
        assert last.returncode == 0, err.decode()[-2000:]
        assert b"idle" in out
        assert asyncio.run(standing(tmp_path)) == ["delivered"] * (JOBS * len(EVENTS))
        arrived = by_job(receiver)
    assert {name: [one for one, _ in told] for name, told in arrived.items()} == ids
    assert all([place for _, place in told] == [1, 2, 3] for told in arrived.values())
    print(f"{each_database}: {len(receiver.got)} sent for {JOBS * len(EVENTS)} messages")


def by_job(receiver: Receiver) -> dict[str, list[tuple[str, int]]]:
    """What each job's owner heard: ids and places in the order in which they first came."""
    told: defaultdict[str, dict[tuple[str, int], None]] = defaultdict(dict)
    for got in receiver.got:
        message = got.message
        told[message["data"]["id"]].setdefault((got.id, message["sequence"]))
    return {name: list(heard) for name, heard in told.items()}
