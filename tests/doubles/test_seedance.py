"""Our adapter of Seedance and our double of it, over real HTTP; then the whole engine."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
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
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    OutcomeUnknown,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.seedance import SEEDANCE
from anymedia.providers.adapters.seedance.task import find, read_callback
from anymedia.providers.spec import Job, Pace
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.seedance import SeedanceDouble
from anymedia.wire.http import Headers

CLIP = VideoRequest(
    model="dreamina-seedance-2-0-260128", prompt="a boat", resolution="1080p", duration_seconds=4
)
PICTURE = ImageRequest(model="seedream-5-0-260128", prompt="a fox", aspect_ratio="16:9")


@pytest.fixture
def double() -> Iterator[SeedanceDouble]:
    """Ark on loopback."""
    double = SeedanceDouble()
    with serving(double):
        yield double


@pytest.fixture
def ark(double: SeedanceDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(SEEDANCE, f"{double.base_url}/api/v3", {"api_key": double.key})


def clips() -> Job:
    """What makes clips."""
    found = SEEDANCE.operation("video", Job)
    assert isinstance(found, Job)
    return found


def submitted(ark: Loopback, request: VideoRequest, **more: Any) -> str:
    """A clip's handle."""
    brief = replace(ark.brief(request), **more)
    handle: str = ark.converse(clips().submit(request, brief)).handle
    return handle


def polled(ark: Loopback, handle: str) -> list[JobState]:
    """Everything that a clip's polls said, to its end."""
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(ark.converse(clips().poll(handle)))
    return states


def made(ark: Loopback, request: MediaRequest[Any]) -> Any:
    """What comes of a request, at once or in the end."""
    if isinstance(request, VideoRequest):
        return polled(ark, submitted(ark, request))[-1]
    return ark.call(request)


def fetched(url: str) -> bytes:
    """What lies behind an address."""
    with urllib.request.urlopen(url, timeout=10) as response:
        found: bytes = response.read()
    return found


def test_clips_are_made(ark: Loopback, double: SeedanceDouble) -> None:
    """Through all states, with the last frame where that is asked for, and billed once."""
    request = CLIP.model_copy(update={"options": {"return_last_frame": True}})
    states = polled(ark, submitted(ark, request))
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert isinstance(states[-1], Succeeded)
    clip, frame = states[-1].artifacts
    assert isinstance(clip, RemoteArtifact)
    assert isinstance(frame, RemoteArtifact)
    assert (fetched(clip.url)[4:8], fetched(frame.url)[1:4]) == (b"ftyp", b"PNG")
    assert states[-1].usage.seconds == 4
    assert [amount for _, amount in double.record.invoice] == [Decimal("1.416")]
    double.expire()
    with pytest.raises(urllib.error.HTTPError):
        fetched(clip.url)


def test_pictures_are_made_at_once(ark: Loopback, double: SeedanceDouble) -> None:
    """Behind an address."""
    answer = ark.call(PICTURE)
    assert isinstance(answer, MediaAnswer)
    (artifact,) = answer.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert fetched(artifact.url)[1:4] == b"PNG"
    assert double.record.bodies[-1]["size"] == "2720x1536"
    assert double.record.invoice == [("image", Decimal("0.035"))]


@pytest.mark.parametrize("request_", [CLIP, PICTURE], ids=lambda one: one.medium)
def test_refusals_are_told(
    ark: Loopback, double: SeedanceDouble, request_: MediaRequest[Any]
) -> None:
    """Words, a wrong key, a model that there is not, an overdue account; nothing is billed."""
    with pytest.raises(ContentRefused):
        made(ark, request_.model_copy(update={"prompt": "forbidden things"}))
    with pytest.raises(AuthenticationFailed):
        made(replace(ark, secrets={"api_key": "wrong"}), request_)
    with pytest.raises(ModelUnavailable):
        made(ark, request_.model_copy(update={"model": "seedance-0"}))
    double.fail(Fault(status=429, headers={"retry-after": "3"}))
    with pytest.raises(RateLimited) as limited:
        made(ark, request_)
    assert limited.value.retry_after == 3
    double.fail(Fault(status=500))
    with pytest.raises(ProviderUnavailable):
        made(ark, request_)
    double.overdue = True
    with pytest.raises(InsufficientCredits):
        made(ark, request_)
    assert double.record.invoice == []


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("forbidden-late things", "CONTENT_POLICY_VIOLATION"),
        ("broken things", "PROVIDER_ERROR"),
        ("this expires", "TIMEOUT"),
    ],
)
def test_clips_that_come_to_nothing_say_why(ark: Loopback, words: str, code: str) -> None:
    """In the end."""
    state = made(ark, CLIP.model_copy(update={"prompt": words}))
    assert isinstance(state, Failed)
    assert state.problem.code == code


def test_wrong_values_and_a_full_queue(ark: Loopback, double: SeedanceDouble) -> None:
    """The caller's to mend, or worth another try."""
    wrong: list[dict[str, Any]] = [
        {"duration": 99},
        {"resolution": "720i"},
        {"ratio": "7:7"},
        {"content": []},
    ]
    for options in wrong:
        with pytest.raises(RequestRejected):
            submitted(ark, CLIP.model_copy(update={"options": options}))
    double.at_once = 0
    with pytest.raises(RateLimited):
        submitted(ark, CLIP)


def test_only_what_waits_is_stopped(ark: Loopback, double: SeedanceDouble) -> None:
    """And is not billed; what runs goes on, and what has ended is kept."""
    stop = clips().cancel
    assert stop is not None
    handle = submitted(ark, CLIP)
    assert ark.converse(stop(handle)) == "confirmed"
    assert ark.converse(clips().poll(handle)) == Stopped(charged=False)
    assert double.record.invoice == []
    handle = submitted(ark, CLIP)
    while not isinstance(ark.converse(clips().poll(handle)), Running):
        pass
    assert ark.converse(stop(handle)) == "impossible"
    assert isinstance(polled(ark, handle)[-1], Succeeded)
    assert ark.converse(stop(handle)) == "impossible"
    assert isinstance(ark.converse(clips().poll(handle)), Succeeded)


def test_each_change_is_reported(ark: Loopback, double: SeedanceDouble) -> None:
    """Without a signature; our adapter reads whose it is and nothing else."""
    nowhere = f"{double.base_url}/_double"
    handle = submitted(ark, CLIP, callback_url=nowhere)
    assert isinstance(polled(ark, handle)[-1], Succeeded)
    calls = [read_callback(one.body, Headers(one.headers)) for one in double.deliveries]
    assert [one.url for one in double.deliveries] == [nowhere, nowhere]
    assert {(one.handle, one.state) for one in calls} == {(handle, None)}


@pytest.mark.parametrize("taken_on", [True, False])
def test_a_lost_answer(ark: Loopback, double: SeedanceDouble, *, taken_on: bool) -> None:
    """What was not taken on is provably absent; what was stays unknown, and is never adopted."""
    since = datetime.now(UTC)
    double.fail(Fault(status=502, after_accepting=taken_on))
    with pytest.raises(GenerationError) as raised:
        submitted(ark, CLIP)
    assert raised.value.accepted == "unknown"
    if not taken_on:
        assert ark.converse(find(ark.brief(CLIP), since)) is None
        return
    with pytest.raises(OutcomeUnknown):
        ark.converse(find(ark.brief(CLIP), since))
    assert len(double.record.invoice) == 1


def test_a_task_that_nobody_knows(ark: Loopback) -> None:
    """A 404, which is believed in time."""
    with pytest.raises(RequestRejected) as raised:
        ark.converse(clips().poll("cgt-0"))
    assert raised.value.http_status == 404


def test_the_check(ark: Loopback) -> None:
    """Free, and only for those with a key."""
    ark.check()
    with pytest.raises(AuthenticationFailed):
        replace(ark, secrets={"api_key": "wrong"}).check()


def test_the_whole_way_to_a_file(double: SeedanceDouble, tmp_path: Path) -> None:
    """Submitted once, polled, fetched, kept, and priced by its seconds."""
    pytest.importorskip("av", reason="needs anymedia[media]")
    quick = replace(
        SEEDANCE,
        operations=tuple(
            replace(one, pace=Pace(first_seconds=0.01)) if isinstance(one, Job) else one
            for one in SEEDANCE.operations
        ),
    )
    settings = ProviderSettings.model_validate(
        {"name": "seedance", "api_key": double.key, "base_url": f"{double.base_url}/api/v3"}
    )
    with Client(Settings(), data_dir=tmp_path) as client:
        client.providers.register(quick)
        client.providers.register(settings)
        result = client.video("a boat", provider="seedance", duration_seconds=5, quality="draft")
        assert result.artifacts[0].read()[4:8] == b"ftyp"
        assert result.model == "dreamina-seedance-2-0-mini-260615"
        assert (result.cost.amount, result.cost.basis) == (Decimal("0.165"), "computed")
        assert [amount for _, amount in double.record.invoice] == [Decimal("0.165")]
        assert double.record.count("POST", "/api/v3/contents") == 1
        with pytest.raises(ContentRefused):
            client.image("forbidden things", model="seedance/seedream-5-0-260128")
