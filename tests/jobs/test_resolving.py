"""A person says what became of a submission that nobody knows of: once, also when two say it."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.errors import Conflict
from anymedia.contracts.job import Job
from anymedia.jobs import rows
from anymedia.jobs.acceptance import adopt
from anymedia.jobs.recovery import unknown
from anymedia.jobs.service import Verdict
from anymedia.providers.spec import Submitted
from tests.jobs.test_called_meanwhile import sending
from tests.jobs.worker import jobs_in

pytestmark = pytest.mark.usefixtures("each_database")
ENDS = {
    "accepted": ("running", "accepted"),
    "not_accepted": ("queued", "not_sent"),
    "abandoned": ("failed", "outcome_unknown"),
}


@pytest.mark.parametrize("one", ENDS)
@pytest.mark.parametrize("other", ENDS)
def test_two_who_decide_at_once(one: Verdict, other: Verdict, tmp_path: Path) -> None:
    """One of them has decided; the other hears so, unless both said the same.

    What was given up may be found all the same: then it goes on.
    """

    async def course() -> Any:
        jobs = jobs_in(tmp_path, "http://127.0.0.1:1", "nothing")
        job, attempt = await sending(jobs)
        await unknown(jobs._desk, job, attempt)
        assert (await jobs.get(job["id"])).status == "outcome_unknown"
        told = await asyncio.gather(
            *(
                jobs.resolve(job["id"], verdict, "w1" if verdict == "accepted" else None)
                for verdict in (one, other)
            ),
            return_exceptions=True,
        )
        events = await jobs._database.read(lambda c: rows.timeline_of(c, job["id"]))
        found = await jobs.get(job["id"])
        await jobs.close()
        await jobs._database.close()
        return *told, found, [row["event"] for row in events]

    first, second, job, events = asyncio.run(course())
    heard = [told for told in (first, second) if not isinstance(told, Job)]
    assert all(isinstance(told, Conflict) for told in heard), heard
    assert len(heard) < 2
    assert (job.status, job.attempts[-1].state) in {ENDS[one], ENDS[other]}
    decided = events.count("job-resolved") + events.count("attempt-accepted")
    assert decided == (1 if heard or one == other else 2)
    if one == other != "accepted":
        assert heard


def test_work_of_another_job_is_not_taken(tmp_path: Path) -> None:
    """Whoever says so has looked at the wrong line: nothing changes, and they hear it."""

    async def course() -> Job:
        jobs = jobs_in(tmp_path, "http://127.0.0.1:1", "nothing")
        job, attempt = await sending(jobs)
        await adopt(jobs._desk, job, attempt, Submitted(handle="w1"))
        another, attempt = await sending(jobs, "wrk_other")
        await unknown(jobs._desk, another, attempt)
        with pytest.raises(Conflict, match="another job has it"):
            await jobs.resolve(another["id"], "accepted", "w1")
        found = await jobs.get(another["id"])
        await jobs.close()
        await jobs._database.close()
        return found

    job = asyncio.run(course())
    assert (job.status, job.attempts[-1].state) == ("outcome_unknown", "outcome_unknown")
