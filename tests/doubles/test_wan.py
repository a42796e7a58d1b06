"""Our adapter of Model Studio and our double of it, over real HTTP; then the whole engine."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from tests.support.loopback import Loopback

from anymedia import Client
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaUrl, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.wan import WAN
from anymedia.providers.spec import Job, Pace
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.wan import WanDouble

LINK = MediaUrl(url="https://example.com/fox.png")
CLIP = VideoRequest(
    model="wan3.0-video", prompt="a boat", resolution="1080P", duration_seconds=4, seed=2**40
)
PICTURE = ImageRequest(model="qwen-image-3.0", prompt="a fox", count=2)


@pytest.fixture
def double() -> Iterator[WanDouble]:
    """Model Studio on loopback."""
    double = WanDouble()
    with serving(double):
        yield double


@pytest.fixture
def studio(double: WanDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(WAN, double.base_url, {"api_key": double.key})


def clips() -> Job:
    """What makes clips."""
    found = WAN.operation("video", Job)
    assert isinstance(found, Job)
    return found


def submitted(studio: Loopback, request: VideoRequest) -> str:
    """A clip's handle."""
    handle: str = studio.converse(clips().submit(request, studio.brief(request))).handle
    return handle


def polled(studio: Loopback, handle: str) -> list[JobState]:
    """Everything that a clip's polls said, to its end."""
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(studio.converse(clips().poll(handle)))
    return states


def made(studio: Loopback, request: MediaRequest[Any]) -> Any:
    """What comes of a request, at once or in the end."""
    if isinstance(request, VideoRequest):
        return polled(studio, submitted(studio, request))[-1]
    return studio.call(request)


def fetched(url: str) -> bytes:
    """What lies behind an address."""
    with urllib.request.urlopen(url, timeout=10) as response:
        found: bytes = response.read()
    return found


@pytest.mark.parametrize(
    "request_",
    [
        CLIP,
        VideoRequest(model="wan2.7-i2v", first_frame=LINK),
        VideoRequest(model="wan2.6-t2v", prompt="a boat", aspect_ratio="1:1"),
        VideoRequest(model="wan2.6-i2v", first_frame=LINK, resolution="1080P"),
        VideoRequest(model="wan2.6-r2v", prompt="x", references=(LINK,)),
    ],
    ids=lambda one: one.model,
)
def test_clips_are_made(studio: Loopback, double: WanDouble, request_: VideoRequest) -> None:
    """Through the same states in both forms, and billed once."""
    states = polled(studio, submitted(studio, request_))
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert isinstance(states[-1], Succeeded)
    (artifact,) = states[-1].artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert fetched(artifact.url)[4:8] == b"ftyp"
    assert states[-1].usage.seconds == (request_.duration_seconds or 5)
    assert len(double.record.invoice) == 1


def test_our_price_is_what_the_double_bills(studio: Loopback, double: WanDouble) -> None:
    """Seconds by the size of the frames."""
    made(studio, CLIP)
    assert double.record.invoice == [("task-1", Decimal("0.80"))]


def test_pictures_are_made_at_once(studio: Loopback, double: WanDouble) -> None:
    """Behind addresses."""
    answer = studio.call(PICTURE)
    assert isinstance(answer, MediaAnswer)
    made = [fetched(one.url) for one in answer.artifacts if isinstance(one, RemoteArtifact)]
    assert [one[1:4] for one in made] == [b"PNG"] * 2
    assert answer.usage.images == 2
    assert double.record.invoice == [("images-2", Decimal("0.06"))]


@pytest.mark.parametrize("request_", [CLIP, PICTURE], ids=lambda one: one.medium)
def test_refusals_are_told(
    studio: Loopback, double: WanDouble, request_: MediaRequest[Any]
) -> None:
    """A wrong key, a model that there is not, limits, an account in arrears; nothing is billed."""
    with pytest.raises(AuthenticationFailed):
        made(replace(studio, secrets={"api_key": "wrong"}), request_)
    with pytest.raises(ModelUnavailable):
        made(studio, request_.model_copy(update={"model": "wan0"}))
    throttled = b'{"code":"Throttling.RateQuota","message":"slow down","request_id":"r"}'
    double.fail(Fault(status=429, body=throttled))
    with pytest.raises(RateLimited):
        made(studio, request_)
    double.fail(Fault(status=500))
    with pytest.raises(ProviderUnavailable):
        made(studio, request_)
    double.arrears = True
    with pytest.raises(InsufficientCredits):
        made(studio, request_)
    assert double.record.invoice == []


def test_refused_words(studio: Loopback, double: WanDouble) -> None:
    """Of pictures at once, of clips in the end, inside a 200."""
    with pytest.raises(ContentRefused):
        studio.call(PICTURE.model_copy(update={"prompt": "forbidden things"}))
    assert double.record.invoice == []
    state = made(studio, CLIP.model_copy(update={"prompt": "forbidden things"}))
    assert isinstance(state, Failed)
    assert state.problem.code == "CONTENT_POLICY_VIOLATION"
    state = made(studio, CLIP.model_copy(update={"prompt": "broken things"}))
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == ("PROVIDER_ERROR", True)


def test_wrong_values_and_throttling(studio: Loopback, double: WanDouble) -> None:
    """The caller's to mend, or worth another try."""
    for parameters in ({"resolution": "720i"}, {"seed": -1}):
        with pytest.raises(RequestRejected):
            submitted(studio, CLIP.model_copy(update={"options": {"parameters": parameters}}))
    double.at_once = 0
    with pytest.raises(RateLimited):
        submitted(studio, CLIP)


def test_only_what_waits_is_stopped(studio: Loopback, double: WanDouble) -> None:
    """And is not billed; what runs goes on."""
    stop = clips().cancel
    assert stop is not None
    handle = submitted(studio, CLIP)
    assert studio.converse(stop(handle)) == "confirmed"
    assert studio.converse(clips().poll(handle)) == Stopped(charged=False)
    assert double.record.invoice == []
    handle = submitted(studio, CLIP)
    while not isinstance(studio.converse(clips().poll(handle)), Running):
        pass
    assert studio.converse(stop(handle)) == "impossible"
    assert isinstance(polled(studio, handle)[-1], Succeeded)


def test_tasks_and_addresses_are_gone_after_a_day(studio: Loopback, double: WanDouble) -> None:
    """Told as a 404, which is believed in time."""
    handle = submitted(studio, CLIP)
    (*_, state) = polled(studio, handle)
    assert isinstance(state, Succeeded)
    double.forget()
    with pytest.raises(ProviderError) as raised:
        studio.converse(clips().poll(handle))
    assert raised.value.http_status == 404
    (artifact,) = state.artifacts
    assert isinstance(artifact, RemoteArtifact)
    with pytest.raises(urllib.error.HTTPError):
        fetched(artifact.url)


def test_the_check(studio: Loopback, double: WanDouble) -> None:
    """Makes nothing, and is only for those with a key."""
    studio.check()
    with pytest.raises(AuthenticationFailed):
        replace(studio, secrets={"api_key": "wrong"}).check()
    assert double.record.count("POST", "/") == 0


def test_the_whole_way_to_a_file(double: WanDouble, tmp_path: Path) -> None:
    """Submitted once, polled, fetched, kept, and priced by its seconds."""
    pytest.importorskip("av", reason="needs anymedia[media]")
    quick = replace(
        WAN,
        operations=tuple(
            replace(one, pace=Pace(first_seconds=0.01)) if isinstance(one, Job) else one
            for one in WAN.operations
        ),
    )
    settings = ProviderSettings.model_validate(
        {"name": "wan", "api_key": double.key, "base_url": double.base_url}
    )
    with Client(Settings(), data_dir=tmp_path) as client:
        client.providers.register(quick)
        client.providers.register(settings)
        result = client.video("a boat", provider="wan", duration_seconds=5, quality="standard")
        assert result.artifacts[0].read()[4:8] == b"ftyp"
        assert result.model == "wan3.0-video"
        assert (result.cost.amount, result.cost.basis) == (Decimal("0.50"), "computed")
        assert double.record.invoice == [("task-1", Decimal("0.50"))]
        assert double.record.count("POST", "/api/v1/services/aigc/video-generation") == 1
        with pytest.raises(ContentRefused):
            client.image("forbidden things", model="wan/qwen-image-3.0")
