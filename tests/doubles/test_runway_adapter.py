"""Our adapter of Runway and our double of it, over real HTTP; then the whole engine."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.loopback import Loopback

from anymedia import Client
from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.runway import RUNWAY
from anymedia.providers.spec import Job, Pace
from anymedia.testing.double import serving
from anymedia.testing.doubles.runway import RunwayDouble
from anymedia.testing.samples import png


@pytest.fixture
def double() -> Iterator[RunwayDouble]:
    """Runway on loopback."""
    double = RunwayDouble()
    with serving(double):
        yield double


@pytest.fixture
def runway(double: RunwayDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(RUNWAY, double.base_url, {"api_key": double.key})


def operation(request: MediaRequest[Any]) -> Job:
    """What serves a request."""
    found = RUNWAY.operation(request.medium, Job)
    assert isinstance(found, Job)
    return found


def ended(runway: Loopback, request: MediaRequest[Any]) -> list[JobState]:
    """Everything that a job's polls said, to its end."""
    job = operation(request)
    submitted = runway.converse(job.submit(request, runway.brief(request)))
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(runway.converse(job.poll(submitted.handle)))
    return states


@pytest.mark.parametrize(
    "request_",
    [
        VideoRequest(model="gen4.5", prompt="a boat", duration_seconds=5),
        VideoRequest(model="seedance2", prompt="a boat", aspect_ratio="21:9", resolution="1080p"),
        ImageRequest(model="gen4_image", prompt="a fox", aspect_ratio="4:3"),
        SpeechRequest(model="eleven_v3", text="Good morning."),
        AudioRequest(model="eleven_text_to_sound_v2", prompt="rain", kind="effect"),
    ],
    ids=["video", "seedance", "image", "speech", "effect"],
)
def test_things_are_made(
    runway: Loopback, double: RunwayDouble, request_: MediaRequest[Any]
) -> None:
    """Through the same states, and billed once."""
    states = ended(runway, request_)
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert len(double.record.invoice) == 1
    last = states[-1]
    assert isinstance(last, Succeeded)
    assert last.reported_cost == double.record.invoice[0][1]


def test_uploads_are_referred_to(runway: Loopback, double: RunwayDouble) -> None:
    """The double takes the bytes without a key, and refuses them with one."""
    assert RUNWAY.inputs.upload is not None
    picture = MediaBytes(data=png(8, 8), media_type="image/png")
    found = runway.converse(RUNWAY.inputs.upload(picture))
    request = VideoRequest(model="gen4_turbo", first_frame=found)
    assert isinstance(ended(runway, request)[-1], Succeeded)
    assert double.record.bodies[-1]["promptImage"] == "runway://up-1"


@pytest.mark.parametrize(
    ("prompt", "code"),
    [
        ("forbidden things", "CONTENT_POLICY_VIOLATION"),
        ("forbidden-late things", "CONTENT_POLICY_VIOLATION"),
        ("broken things", "PROVIDER_ERROR"),
    ],
)
def test_failures_are_told(runway: Loopback, prompt: str, code: str) -> None:
    """As the task's own."""
    (*_, state) = ended(runway, ImageRequest(model="gen4_image", prompt=prompt))
    assert isinstance(state, Failed)
    assert state.problem.code == code


def test_refusals_are_told(runway: Loopback, double: RunwayDouble) -> None:
    """A wrong key, a wrong value, an empty account."""
    with pytest.raises(AuthenticationFailed):
        replace(runway, secrets={"api_key": "key_wrong"}).check()
    wrong = ImageRequest(model="gen4_image", prompt="a fox", options={"ratio": "7:7"})
    with pytest.raises(RequestRejected, match="ratio"):
        ended(runway, wrong)
    double.balance = Decimal(1)
    with pytest.raises(InsufficientCredits):
        ended(runway, ImageRequest(model="gen4_image", prompt="a fox"))


def test_a_job_that_runs_is_stopped_and_one_that_ended_is_kept(
    runway: Loopback, double: RunwayDouble
) -> None:
    """What waits is given back; what has ended cannot be stopped and stays readable."""
    request = VideoRequest(model="gen4.5", prompt="a boat")
    job = operation(request)
    assert job.cancel is not None
    submitted = runway.converse(job.submit(request, runway.brief(request)))
    assert runway.converse(job.cancel(submitted.handle)) == "confirmed"
    assert sum(amount for _, amount in double.record.invoice) == 0
    submitted = runway.converse(job.submit(request, runway.brief(request)))
    while not isinstance(runway.converse(job.poll(submitted.handle)), Succeeded):
        pass
    assert runway.converse(job.cancel(submitted.handle)) == "impossible"
    assert isinstance(runway.converse(job.poll(submitted.handle)), Succeeded)


def test_the_whole_way_to_a_file(double: RunwayDouble, tmp_path: Path) -> None:
    """Submitted once, polled, fetched before its URL ends, kept, and paid as Runway says."""
    pytest.importorskip("av", reason="needs anymedia[media]")
    quick = replace(
        RUNWAY,
        operations=tuple(
            replace(one, pace=Pace(first_seconds=0.01)) if isinstance(one, Job) else one
            for one in RUNWAY.operations
        ),
    )
    settings = ProviderSettings.model_validate(
        {"name": "runway", "api_key": double.key, "base_url": double.base_url}
    )
    with Client(Settings(), data_dir=tmp_path) as client:
        client.providers.register(quick)
        client.providers.register(settings)
        result = client.video("a boat", provider="runway", duration_seconds=5, quality="standard")
        assert result.artifacts[0].read()[4:8] == b"ftyp"
        assert result.model == "gen4.5"
        assert (result.cost.amount, result.cost.basis) == (Decimal("0.60"), "reported")
        assert double.record.count("POST", "/v1/text_to_video") == 1
        with pytest.raises(ContentRefused):
            client.image("forbidden things", model="runway/gen4_image")
