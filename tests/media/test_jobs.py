"""What becomes of a result on its way from the provider to the caller."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from anymedia import AsyncClient
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import GenerationError, NotFound
from anymedia.contracts.job import Job
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.video import VideoRequest
from anymedia.engine.transport import Outgoing
from anymedia.media.studio import Bounds, Studio
from anymedia.wire.http import HttpResponse
from tests.jobs.test_course import Bench, done, ended, finished, hurried, taken
from tests.media.made import clip, cut, picture, sound
from tests.media.worker import WANTED, delivered, jobs_in
from tests.support.acme import ACME
from tests.support.transport import ScriptedTransport, answer, cut as broken

ROOT = Path(__file__).parents[2]
PAGE = HttpResponse(
    200, b"<!DOCTYPE html><title>Link expired</title>", {"content-type": "video/mp4"}
)


WISH = VideoRequest.model_validate(
    {"prompt": "a fox", "duration_seconds": 5, "normalize": "mp4,320x180,30fps"}
)


def codes(told: Any) -> list[str]:
    """What is warned of."""
    return [one.code for one in told.warnings]


def test_a_normalised_clip_takes_the_place_of_the_original(tmp_path: Path) -> None:
    """Both can be read; the price is that of what was delivered."""
    source = clip(tmp_path / "a.mp4", seconds=5.0)
    bench = Bench(tmp_path, taken(), done(), delivered(source))

    async def course() -> tuple[Any, Any, Job]:
        async with bench.client as client:
            handle = await client.submit_video(
                "a fox", duration_seconds=5, normalize="webm,64x64,24fps"
            )
            result = await handle.wait(timeout_seconds=3600)
            (made,) = result.artifacts
            assert made.original_id is not None
            original = await client.artifact(made.original_id)
            assert original.read() == source.read_bytes()
            assert len(made.read()) == made.size_bytes
            return made, original, handle.job

    made, original, job = finished(course())
    assert (made.media_type, made.width, made.height, made.fps) == ("video/webm", 64, 64, 24.0)
    assert (original.media_type, original.width, original.fps) == ("video/mp4", 160, 10.0)
    assert made.filename.endswith(".webm")
    assert [one.id for one in job.artifacts] == [made.id]
    assert job.cost.amount == Decimal("0.50")
    assert {"artifact-normalizing", "artifact-normalized"} <= {one.event for one in job.timeline}
    assert "not-normalized" not in codes(job)


def test_the_configuration_may_say_it_and_a_request_may_refuse(tmp_path: Path) -> None:
    """A default for each medium; `as-delivered` switches it off."""
    source = clip(tmp_path / "a.mp4")
    settings = Settings(normalize={"video": "mp4,64x64"})
    result, _ = ended(
        Bench(tmp_path / "one", taken(), done(), delivered(source), settings=settings)
    )
    assert (result.artifacts[0].width, result.artifacts[0].height) == (64, 64)
    bench = Bench(tmp_path / "two", taken(), done(), delivered(source), settings=settings)
    result, _ = ended(bench, normalize="as-delivered")
    assert (result.artifacts[0].width, result.artifacts[0].original_id) == (160, None)


def test_what_cannot_be_normalised_is_the_result_as_it_came(tmp_path: Path) -> None:
    """Paid for, so delivered; with warnings about both."""
    source = cut(clip(tmp_path / "a.mp4"), 0.1)
    result, job = ended(Bench(tmp_path, taken(), done(), delivered(source)), normalize=WANTED)
    assert job.status == "succeeded"
    assert result.artifacts[0].read() == source.read_bytes()
    assert {"delivered-damaged", "not-normalized"} <= set(codes(result))


def test_a_normalisation_that_takes_too_long_leaves_the_original(tmp_path: Path) -> None:
    """The process for it is stopped; the job ends well."""
    source = clip(tmp_path / "a.mp4", seconds=10.0)
    studio = Studio(file_bytes=10**9, making=Bounds(seconds=0.05, memory_bytes=2**32))
    job = finished(made_by(studio, tmp_path / "data", source))
    (warning,) = [one for one in job.warnings if one.code == "not-normalized"]
    assert "it took longer than 0.05 seconds" in warning.message
    assert (job.status, job.artifacts[0].original_id) == ("succeeded", None)


def test_a_normalisation_that_needs_too_much_memory_leaves_the_original(tmp_path: Path) -> None:
    """It cannot take the rest of the machine with it."""
    source = clip(tmp_path / "a.mp4")
    studio = Studio(file_bytes=10**9, making=Bounds(seconds=60, memory_bytes=2**20))
    job = finished(made_by(studio, tmp_path / "data", source))
    assert "not-normalized" in codes(job)
    assert (job.status, len(job.artifacts)) == ("succeeded", 1)


async def made_by(studio: Studio, directory: Path, source: Path) -> Job:
    """A job whose clip is to be normalised in a studio of the test's."""
    jobs = jobs_in(directory, taken(), done(), delivered(source), studio=studio)
    job = await jobs.submit(WISH)
    await jobs.wait(job.id, timeout_seconds=60)
    job = await jobs.get(job.id)
    await jobs.close()
    return job


def test_more_than_can_be_made_at_a_time_is_made_one_after_the_other(tmp_path: Path) -> None:
    """Nobody waits inside a step, which others need to poll."""
    bytes_of = delivered(clip(tmp_path / "a.mp4"))

    numbers = itertools.count(1)

    def reply(outgoing: Outgoing) -> HttpResponse:
        if outgoing.method == "POST":
            return taken(f"c_{next(numbers)}")
        return bytes_of if outgoing.url.endswith(".mp4") else done()

    async def course() -> list[Job]:
        studio = Studio(file_bytes=10**9, processors=1)
        jobs = jobs_in(tmp_path / "data", *[reply] * 50, studio=studio)
        begun = [await jobs.submit(WISH) for _ in range(3)]
        await asyncio.gather(*(jobs.wait(job.id, timeout_seconds=60) for job in begun))
        found = [await jobs.get(job.id) for job in begun]
        await jobs.close()
        return found

    assert [one.artifacts[0].width for one in finished(course())] == [320] * 3


def test_after_a_kill_another_process_normalises_the_fetched_original(tmp_path: Path) -> None:
    """It asks the provider nothing and pays nothing; what the dead one had written is gone."""
    source = clip(tmp_path / "a.mp4", size=(640, 360), fps=30, seconds=12.0)
    data = tmp_path / "data"
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.media.worker", str(data), str(source)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
    )
    assert worker.stdout is not None
    with worker.stdout as lines:
        job_id = lines.readline().decode().strip()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()

    async def course() -> Job:
        jobs = jobs_in(data)  # whatever were asked now would find no answer
        assert (await jobs.get(job_id)).status == "running"
        await jobs.wait(job_id, timeout_seconds=60)
        job = await jobs.get(job_id)
        await jobs.close()
        return job

    job = finished(course())
    (made,) = job.artifacts
    assert (made.width, made.fps) == (1280, 30.0)
    assert made.original_id is not None
    events = [one.event for one in job.timeline]
    assert events.count("artifact-normalizing") == 2
    assert events.count("artifact-normalized") == 1
    assert list((data / "making").iterdir()) == []


class Hurried:
    """Time that runs ten times as fast."""

    def __init__(self) -> None:
        self._began = (datetime.now(UTC), time.monotonic())

    def now(self) -> datetime:
        return self._began[0] + timedelta(seconds=self.monotonic() - self._began[1])

    def time(self) -> float:
        return self.now().timestamp()

    def monotonic(self) -> float:
        return self._began[1] + 10 * (time.monotonic() - self._began[1])

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds / 10)


def client_of(directory: Path, *answers: Any) -> tuple[AsyncClient, ScriptedTransport]:
    """A client whose pauses are short."""
    transport = ScriptedTransport(*answers)
    client = AsyncClient(
        Settings(retry=RetryConfig(base_delay_seconds=0.01)),
        data_dir=directory,
        transport=transport,
        clock=Hurried(),
        seed=7,
    )
    client.providers.register(hurried(ACME))
    client.providers.register(ProviderSettings(name="acme", api_key="acme-secret-key"))
    return client, transport


def outcome(client: AsyncClient) -> tuple[Any, Job]:
    """A clip's result or failure, and its job."""

    async def course() -> tuple[Any, Job]:
        async with client:
            handle = await client.submit_video("a fox", duration_seconds=5)
            try:
                result: Any = await handle.wait()
            except GenerationError as error:
                result = error
            return result, handle.job

    return finished(course())


def test_an_error_page_is_never_a_clip(tmp_path: Path) -> None:
    """It is asked for again with a fresh link, and in the end the job fails and says why."""
    client, transport = client_of(tmp_path, taken(), done(), *([PAGE, done()] * 6))
    error, job = outcome(client)
    assert job.status == "failed"
    assert "an HTML page was delivered instead of video" in error.message
    assert job.artifacts == ()
    assert sum(one.url.endswith(".mp4") for one in transport.sent) == 4
    assert job.attempts[0].state == "failed"


def test_a_page_in_between_is_only_an_expired_link(tmp_path: Path) -> None:
    """The next fetch brings the clip."""
    source = clip(tmp_path / "a.mp4", seconds=5.0)
    client, _ = client_of(tmp_path / "data", taken(), done(), PAGE, done(), delivered(source))
    result, job = outcome(client)
    assert (job.status, result.artifacts[0].read()) == ("succeeded", source.read_bytes())


def test_how_often_a_job_was_polled_does_not_count_against_its_download(tmp_path: Path) -> None:
    """One broken connection after a long wait is one broken connection."""
    source = clip(tmp_path / "a.mp4", seconds=5.0)
    waiting = [answer({"id": "c_1", "state": "waiting"})] * 9
    client, _ = client_of(
        tmp_path / "data", taken(), *waiting, done(), broken(), done(), delivered(source)
    )
    _, job = outcome(client)
    assert job.status == "succeeded"


@pytest.mark.parametrize(
    ("make", "declared", "warned"),
    [
        (lambda path: clip(path, seconds=5.0), "video/mp4", None),
        (lambda path: clip(path, seconds=5.0), "video/webm", "delivered as video/webm"),
        (lambda path: clip(path, seconds=5.0, black_seconds=9), "video/mp4", "shows nothing"),
        (picture, "video/mp4", "came has image/png"),
        (lambda path: sound(path, seconds=5.0), "video/mp4", "came has sound alone"),
        (lambda path: cut(clip(path, seconds=5.0), 0.5), "video/mp4", "its end is missing"),
    ],
)
def test_what_is_not_what_it_seems_is_told(
    tmp_path: Path, make: Any, declared: str, warned: str | None
) -> None:
    """The job succeeds, for something was made; the result says what is wrong with it."""
    source = make(tmp_path / "source")
    response = HttpResponse(200, source.read_bytes(), {"content-type": declared})
    result, job = ended(Bench(tmp_path, taken(), done(), response))
    assert job.status == "succeeded"
    told = " ".join(one.message for one in result.warnings)
    assert warned in told if warned else not codes(result)


def test_previews_are_made_once_and_kept(tmp_path: Path) -> None:
    """Of a clip, of its original, and of nobody else's."""
    source = clip(tmp_path / "a.mp4", size=(1600, 900), seconds=3.0, black_seconds=1.0)
    bench = Bench(tmp_path / "data", taken(), done(), delivered(source))

    async def course() -> None:
        async with bench.client as client:
            result = await client.video("a fox", duration_seconds=5)
            clip_id = result.artifacts[0].id
            first, second = await asyncio.gather(client.preview(clip_id), client.preview(clip_id))
            assert first.id == second.id == (await client.preview(clip_id)).id
            assert (first.media_type, first.width, first.height) == ("image/webp", 512, 288)
            path = first.save(tmp_path / "poster.webp")
            with Image.open(path) as image:
                lightest: Any = image.convert("L").getextrema()[1]
                assert lightest > 100  # not the black it begins with
            with pytest.raises(NotFound):
                await client.jobs.of("somebody else").preview(clip_id)
            with pytest.raises(NotFound, match="no previews"):
                await client.preview(first.id)

    finished(course())
