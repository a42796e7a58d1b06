"""Our adapter of MiniMax and our double of it, over real HTTP; then the whole engine."""

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
from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    OutcomeUnknown,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.minimax import MINIMAX
from anymedia.providers.adapters.minimax.task import find
from anymedia.providers.spec import Job, Pace
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.minimax import MiniMaxDouble
from anymedia.testing.samples import mp3, png

CLIP = VideoRequest(model="MiniMax-H3", prompt="rain on a tin roof", duration_seconds=6)
OLDER = VideoRequest(model="MiniMax-Hailuo-02", prompt="rain", duration_seconds=10)
PICTURE = ImageRequest(model="image-01", prompt="a fox", count=2)
SONG = AudioRequest(model="music-3.0", prompt="lofi", instrumental=True)
SPEECH = SpeechRequest(model="speech-2.8-hd", text="Good morning.")
EVERYTHING = [CLIP, OLDER, PICTURE, SONG, SPEECH]


@pytest.fixture
def double() -> Iterator[MiniMaxDouble]:
    """MiniMax on loopback."""
    double = MiniMaxDouble()
    with serving(double):
        yield double


@pytest.fixture
def minimax(double: MiniMaxDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(MINIMAX, double.base_url, {"api_key": double.key})


def clips() -> Job:
    """What makes clips."""
    found = MINIMAX.operation("video", Job)
    assert isinstance(found, Job)
    return found


def submitted(minimax: Loopback, request: VideoRequest) -> str:
    """A clip's handle."""
    handle: str = minimax.converse(clips().submit(request, minimax.brief(request))).handle
    return handle


def ended(minimax: Loopback, request: VideoRequest) -> list[JobState]:
    """Everything that a clip's polls said, to its end."""
    handle = submitted(minimax, request)
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(minimax.converse(clips().poll(handle)))
    return states


def made(minimax: Loopback, request: MediaRequest[Any]) -> Any:
    """What comes of a request, at once or in the end."""
    return (
        ended(minimax, request)[-1] if isinstance(request, VideoRequest) else minimax.call(request)
    )


def fetched(url: str) -> bytes:
    """What lies behind an address."""
    with urllib.request.urlopen(url, timeout=10) as response:
        found: bytes = response.read()
    return found


def address(state: Any) -> str:
    """Where a finished clip lies."""
    (artifact,) = state.artifacts
    assert isinstance(artifact, RemoteArtifact)
    return artifact.url


@pytest.mark.parametrize("request_", [CLIP, OLDER], ids=["newer", "older"])
def test_clips_are_made(minimax: Loopback, double: MiniMaxDouble, request_: VideoRequest) -> None:
    """Through the same states in both contracts, and billed once."""
    states = ended(minimax, request_)
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert fetched(address(states[-1]))[4:8] == b"ftyp"
    assert len(double.record.invoice) == 1


def test_our_price_is_what_the_double_bills(minimax: Loopback, double: MiniMaxDouble) -> None:
    """Seconds by the size of the frames."""
    (*_, state) = ended(minimax, CLIP)
    assert isinstance(state, Succeeded)
    assert state.usage.seconds == 6
    assert double.record.invoice[0][1] == Decimal("0.48")


@pytest.mark.parametrize("request_", [PICTURE, SONG, SPEECH], ids=lambda one: one.medium)
def test_the_rest_is_made_at_once(
    minimax: Loopback, double: MiniMaxDouble, request_: MediaRequest[Any]
) -> None:
    """Pictures behind addresses, sound in the answer."""
    answer = minimax.call(request_)
    assert isinstance(answer, MediaAnswer)
    first = answer.artifacts[0]
    found = fetched(first.url) if isinstance(first, RemoteArtifact) else first.data
    assert found == (png(1024, 1024) if request_.medium == "image" else mp3(1.0))
    assert len(answer.artifacts) == (2 if request_.medium == "image" else 1)
    assert len(double.record.invoice) == 1


def test_uploads_are_referred_to(minimax: Loopback, double: MiniMaxDouble) -> None:
    """By the name that the service gave."""
    assert MINIMAX.inputs.upload is not None
    picture = MediaBytes(data=png(8, 8), media_type="image/png")
    found = minimax.converse(MINIMAX.inputs.upload(picture))
    request = VideoRequest(model="MiniMax-H3", prompt="x", first_frame=found)
    assert isinstance(ended(minimax, request)[-1], Succeeded)
    assert double.record.bodies[-1]["content"][1]["image_url"] == {"url": "mm_file://700"}


@pytest.mark.parametrize("contract", [CLIP, OLDER], ids=["newer", "older"])
def test_addresses_end_and_are_given_anew(
    minimax: Loopback, double: MiniMaxDouble, contract: VideoRequest
) -> None:
    """Asking again is enough; nothing is made or billed again."""
    handle = submitted(minimax, contract)
    while not isinstance(state := minimax.converse(clips().poll(handle)), Succeeded):
        pass
    double.expire()
    with pytest.raises(urllib.error.HTTPError):
        fetched(address(state))
    assert fetched(address(minimax.converse(clips().poll(handle))))[4:8] == b"ftyp"
    assert len(double.record.invoice) == 1


@pytest.mark.parametrize("request_", EVERYTHING, ids=["newer", "older", "image", "audio", "speech"])
def test_refusals_are_told(
    minimax: Loopback, double: MiniMaxDouble, request_: MediaRequest[Any]
) -> None:
    """Words at once, a wrong key, too many at a time; nothing is billed."""
    words = "text" if request_.medium == "speech" else "prompt"
    with pytest.raises(ContentRefused):
        made(minimax, request_.model_copy(update={words: "forbidden things"}))
    with pytest.raises(AuthenticationFailed):
        made(replace(minimax, secrets={"api_key": "wrong"}), request_)
    double.fail(Fault(status=200, body=b'{"base_resp":{"status_code":1002,"status_msg":"rpm"}}'))
    with pytest.raises(RateLimited):
        made(minimax, request_)
    double.fail(Fault(status=500))
    with pytest.raises(ProviderUnavailable):
        made(minimax, request_)
    assert double.record.invoice == []


@pytest.mark.parametrize(
    ("request_", "words", "code"),
    [
        (CLIP, "forbidden-late things", "CONTENT_POLICY_VIOLATION"),
        (CLIP, "broken things", "PROVIDER_ERROR"),
        (CLIP, "this expires", "TIMEOUT"),
        (OLDER, "forbidden-late things", "CONTENT_POLICY_VIOLATION"),
        (OLDER, "broken things", "PROVIDER_ERROR"),
    ],
)
def test_clips_that_come_to_nothing_say_why(
    minimax: Loopback, request_: VideoRequest, words: str, code: str
) -> None:
    """In the end."""
    (*_, state) = ended(minimax, request_.model_copy(update={"prompt": words}))
    assert isinstance(state, Failed)
    assert state.problem.code == code


@pytest.mark.parametrize("contract", [CLIP, OLDER], ids=["newer", "older"])
def test_an_empty_account_and_a_full_queue(
    minimax: Loopback, double: MiniMaxDouble, contract: VideoRequest
) -> None:
    """Told apart in both contracts' words."""
    double.at_once = 0
    with pytest.raises(RateLimited):
        submitted(minimax, contract)
    double.at_once, double.balance = 1, Decimal(0)
    with pytest.raises(InsufficientCredits):
        submitted(minimax, contract)


@pytest.mark.parametrize(
    ("request_", "options"),
    [(CLIP, {"duration": 99}), (CLIP, {"ratio": "7:7"}), (OLDER, {"duration": 7})],
)
def test_wrong_values_are_told(
    minimax: Loopback, request_: VideoRequest, options: dict[str, Any]
) -> None:
    """As the caller's to mend."""
    with pytest.raises(RequestRejected):
        submitted(minimax, request_.model_copy(update={"options": options}))


def test_a_clip_is_stopped_and_one_that_ended_is_kept(minimax: Loopback) -> None:
    """What has ended cannot be stopped and stays readable; Hailuo's cannot be stopped at all."""
    stop = clips().cancel
    assert stop is not None
    handle = submitted(minimax, CLIP)
    assert minimax.converse(stop(handle)) == "confirmed"
    assert isinstance(minimax.converse(clips().poll(handle)), Stopped)
    assert minimax.converse(stop(handle)) == "confirmed"
    handle = submitted(minimax, CLIP)
    while not isinstance(minimax.converse(clips().poll(handle)), Succeeded):
        pass
    assert minimax.converse(stop(handle)) == "impossible"
    assert isinstance(minimax.converse(clips().poll(handle)), Succeeded)
    assert minimax.converse(stop(submitted(minimax, OLDER))) == "impossible"


@pytest.mark.parametrize("handle", ["v1/1", "v2/1"])
def test_a_task_that_nobody_knows(minimax: Loopback, handle: str) -> None:
    """Told as a 404, whichever contract."""
    with pytest.raises(RequestRejected) as raised:
        minimax.converse(clips().poll(handle))
    assert raised.value.http_status == 404


@pytest.mark.parametrize("taken_on", [True, False])
def test_a_lost_answer(minimax: Loopback, double: MiniMaxDouble, *, taken_on: bool) -> None:
    """What was not taken on is provably absent; what was stays unknown, and is never adopted."""
    since = datetime.now(UTC)
    double.fail(Fault(status=502, after_accepting=taken_on))
    with pytest.raises(GenerationError) as raised:
        submitted(minimax, CLIP)
    assert raised.value.accepted == "unknown"
    if not taken_on:
        assert minimax.converse(find(minimax.brief(CLIP), since)) is None
        return
    with pytest.raises(OutcomeUnknown):
        minimax.converse(find(minimax.brief(CLIP), since))
    assert len(double.record.invoice) == 1


def test_the_account(minimax: Loopback) -> None:
    """A balance, or for a plan's key what is left of it."""
    assert minimax.check().balance == 100
    plan = MiniMaxDouble(key="plan-key")
    with serving(plan):
        account = Loopback(MINIMAX, plan.base_url, {"api_key": plan.key}).check()
    assert account.balance is None
    assert account.details["model_remains"]
    with pytest.raises(AuthenticationFailed):
        replace(minimax, secrets={"api_key": "wrong"}).check()


def test_the_whole_way_to_a_file(double: MiniMaxDouble, tmp_path: Path) -> None:
    """Submitted once, polled, fetched, kept, and priced by its seconds."""
    pytest.importorskip("av", reason="needs anymedia[media]")
    quick = replace(
        MINIMAX,
        operations=tuple(
            replace(one, pace=Pace(first_seconds=0.01)) if isinstance(one, Job) else one
            for one in MINIMAX.operations
        ),
    )
    settings = ProviderSettings.model_validate(
        {"name": "minimax", "api_key": double.key, "base_url": double.base_url}
    )
    with Client(Settings(), data_dir=tmp_path) as client:
        client.providers.register(quick)
        client.providers.register(settings)
        result = client.video("rain", provider="minimax", duration_seconds=5, quality="draft")
        assert result.artifacts[0].read()[4:8] == b"ftyp"
        assert result.model == "MiniMax-H3-Max"
        assert (result.cost.amount, result.cost.basis) == (Decimal("0.25"), "computed")
        assert double.record.invoice == [("319000000001", Decimal("0.25"))]
        assert double.record.count("POST", "/v2/video_generation") == 1
        with pytest.raises(ContentRefused):
            client.speech("forbidden things", model="minimax/speech-2.8-hd")
