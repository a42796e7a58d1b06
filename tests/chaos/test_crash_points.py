"""A process dies at a point, another carries on: what is sent, paid, kept and told, for each point."""

from __future__ import annotations

import asyncio
import base64
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.contracts.media import MediaBytes
from anymedia.testing.double import serving
from tests.chaos.crashing import jobs_in
from tests.chaos.doubles import WorkDouble, content
from tests.chaos.fates import ABILITIES, Fate, fate
from tests.chaos.points import COLUMNS, EXPECTED, POINTS, Outcome
from tests.chaos.run import ROOT, heard
from tests.jobs.test_killed import free_port
from tests.jobs.worker import listening
from tests.support.hurried import HurriedClock
from tests.webhooks.receiver import Receiver, receiving

PACE = 6.0
LATER_SECONDS = 100.0
"""When another process looks: leases, deadlines and holds of the dead one are over."""
AT_ONCE = 3
ENDING_AT_ONCE = 4
"""More of them in one loop hold each other up, and at this pace of time a second of that is a process
that seems to have slept: what it was about to send it does not send any more."""
TAKES_TIME = {"intent-written"}
"""Points that only who has something to upload gets to."""
DOT = MediaBytes(
    data=base64.b64decode(
        "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
    ),
    media_type="image/png",
)


@dataclass
class Case:
    """One job of one process that dies at one point."""

    point: str
    asked: Fate
    directory: Path
    double: WorkDouble
    receiver: Receiver
    port: int

    @property
    def callback_base(self) -> str:
        """Where its provider reports to."""
        return f"http://127.0.0.1:{self.port}"

    async def begin(self) -> None:
        """Take the job on."""
        jobs = jobs_in(
            self.directory, self.double.base_url, self.double.ability, self.callback_base
        )
        url = f"{self.receiver.url}/{self.point}"
        request = ImageRequest(
            prompt=self.asked.prompt,
            model=self.asked.model,
            callback_url=url,
            images=(DOT,) if self.point in TAKES_TIME else (),
        )
        await jobs.submit(request)
        await jobs.close()
        await jobs._engine.close()
        await jobs._database.close()

    def process(self) -> subprocess.Popen[bytes]:
        """Who works on it until the point."""
        words = [str(self.directory), self.double.base_url, self.double.ability]
        return subprocess.Popen(
            [sys.executable, "-m", "tests.chaos.crashing", *words, self.callback_base, self.point],
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    async def end(self) -> Job:
        """Carry it on in this process, later, to its end."""
        now = time.time()
        clock = HurriedClock(now, now + LATER_SECONDS, PACE)
        jobs = jobs_in(
            self.directory,
            self.double.base_url,
            self.double.ability,
            self.callback_base,
            clock=clock,
        )
        with ExitStack() as stack:
            if self.double.ability == "report":
                server = listening(jobs, asyncio.get_running_loop(), self.port)
                stack.callback(server.server_close)
                stack.callback(server.shutdown)
            async with asyncio.timeout(60):
                await jobs.work(until_idle=True)
            (job,) = await jobs.list()
            for artifact in job.artifacts:
                (work,) = self.taken()
                assert jobs.store.read(artifact) == content(work)
            await jobs.close()
            await jobs._engine.close()
            await jobs._database.close()
        return job

    def taken(self) -> list[str]:
        """What the provider took on for it."""
        return [one.name for one in self.double.taken.values() if one.fate == self.asked]

    def outcome(self, job: Job) -> Outcome:
        """What is left of it."""
        told = heard(self.receiver)[job.id]
        paid = [line for line in self.double.invoice() if line.words == self.asked.prompt]
        last = [got for got in self.receiver.got if got.id == told[-1].id]
        assert len(paid) == len(self.taken())
        return Outcome(
            status=job.status,
            posts=self.double.posts.by_number[self.asked.number],
            paid=len(paid),
            artifacts=len(job.artifacts),
            told=tuple(got.message["type"] for got in told),
            last_told=len(last),
        )


def calm(ability: str) -> Iterator[Fate]:
    """Jobs in which nothing else goes wrong, and whose provider takes a moment to answer."""
    for number in range(ABILITIES.index(ability), 10_000, len(ABILITIES)):
        asked = fate(number)
        troubled = asked.mishaps or asked.spoilt or asked.deaf_polls or asked.end != "made"
        if not troubled and asked.answer_seconds > 0.2:
            yield asked


def crash(cases: list[Case]) -> None:
    """Let each die at its point, a few at a time."""
    for start in range(0, len(cases), AT_ONCE):
        running = [(case, case.process()) for case in cases[start : start + AT_ONCE]]
        for case, process in running:
            out, err = process.communicate(timeout=60)
            said = (case.point, out.decode(), err.decode()[-2000:])
            assert process.returncode == -signal.SIGKILL, said


@pytest.mark.parametrize("ability", COLUMNS)
def test_what_becomes_of_a_job_whose_process_dies(tmp_path: Path, ability: str) -> None:
    """At every point: as the table of the page says."""
    numbers = calm(ability)
    with ExitStack() as stack:
        double = WorkDouble(ability)
        stack.enter_context(serving(double))
        receiver = stack.enter_context(receiving())
        cases = [
            Case(point, next(numbers), tmp_path / point, double, receiver, free_port())
            for point in EXPECTED[ability]
        ]

        async def begin() -> None:
            for case in cases:
                await case.begin()

        async def end() -> list[Job]:
            few = asyncio.Semaphore(ENDING_AT_ONCE)

            async def ended(case: Case) -> Job:
                async with few:
                    return await case.end()

            return await asyncio.gather(*map(ended, cases))

        asyncio.run(begin())
        crash(cases)
        jobs = asyncio.run(end())
        found = {case.point: case.outcome(job) for case, job in zip(cases, jobs, strict=True)}
    assert found == EXPECTED[ability]


def test_every_point_is_tried_with_whoever_can_get_there() -> None:
    """An answer that holds the result leaves nothing to ask for or to fetch."""
    missing = {(one, point) for one in COLUMNS for point in POINTS if point not in EXPECTED[one]}
    assert missing == {
        ("at-once", point) for point in ("accepted", "polling", "downloading", "stored")
    }
