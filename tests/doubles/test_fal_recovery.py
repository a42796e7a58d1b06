"""A submission to fal whose answer was lost: fal's own call brings it back, and it is paid once."""

from __future__ import annotations

import asyncio
import random
import time
from pathlib import Path

from pydantic import SecretStr

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.engine.engine import Engine
from anymedia.engine.transport import NetworkTransport
from anymedia.jobs.service import Jobs
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.journal import Journal
from anymedia.store.sqlite import SqliteDatabase
from anymedia.testing.double import serving
from anymedia.testing.doubles.fal import FalDouble
from anymedia.testing.doubles.fal.failures import broken
from anymedia.wire.http import Headers


def jobs_in(directory: Path, address: str, key: str) -> Jobs:
    """The jobs of a directory, with fal at this address."""
    engine = Engine(
        Settings(data_dir=str(directory)),
        network=NetworkTransport(),
        clock=SystemClock(),
        chance=random.Random(),
        ledger=Journal(directory / "journal"),
    )
    engine.providers.register(
        ProviderSettings(name="fal", api_key=SecretStr(key), base_url=address)
    )
    store = ArtifactStore(directory, limit_bytes=10**8)
    # Nobody listens there: the double's calls are handed in by the test.
    return Jobs(engine, SqliteDatabase(directory), store, callback_base_url="http://127.0.0.1:9")


async def unanswered(jobs: Jobs, job_id: str) -> bool:
    """Whether the submission has been given up as lost."""
    return any(one.event == "attempt-unanswered" for one in (await jobs.get(job_id)).timeline)


async def recovered(jobs: Jobs, double: FalDouble) -> Job:
    """Lose the answer, let fal finish and call, and wait for the job."""
    double.fail(broken(after_accepting=True))
    model = "fal/fal-ai/flux/schnell"
    job = await jobs.submit(ImageRequest(model=model, prompt="a fox", aspect_ratio="1:1"))
    working = asyncio.create_task(jobs.work(until_idle=True))
    while not await unanswered(jobs, job.id):  # noqa: ASYNC110  # rows have no event to wait for
        await asyncio.sleep(0.02)
    (identifier,) = double.requests
    delivery = double.finish(identifier)
    assert delivery is not None
    token = delivery.url.rpartition("/")[2]
    await jobs.received(token, delivery.body, Headers(delivery.headers))
    await working
    found = await jobs.get(job.id)
    await jobs.close()
    await jobs._engine.close()
    await jobs._database.close()
    return found


def test_a_lost_submission_is_found_by_fals_call(tmp_path: Path) -> None:
    """One submission, one charge, and the picture."""
    double = FalDouble(clock=time.time)
    with serving(double) as address:
        job = asyncio.run(recovered(jobs_in(tmp_path, address, double.key), double))
    assert job.status == "succeeded"
    assert (job.artifacts[0].width, job.artifacts[0].height) == (1024, 1024)
    assert double.record.count("POST", "/fal-ai/flux/schnell") == 1
    assert len(double.record.invoice) == 1
    assert job.cost.amount == double.record.invoice[0][1]
