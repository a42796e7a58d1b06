"""Our adapter of Replicate and our double of it, over real HTTP."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.replicate import REPLICATE, webhook
from anymedia.providers.adapters.replicate.files import upload
from anymedia.providers.spec import Brief, Job, Lookup, Submitted
from anymedia.testing.double import serving
from anymedia.testing.doubles.replicate import NOON, ReplicateDouble
from anymedia.testing.doubles.replicate.failures import broken, no_credit, throttled
from anymedia.testing.samples import png
from anymedia.wire.http import Headers

CALLBACK = "http://127.0.0.1:9/webhooks/replicate/t0k3n"
FOX = ImageRequest(model="black-forest-labs/flux-schnell", prompt="a fox", count=2)


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """The double's time."""
    return Clock()


@pytest.fixture
def double(clock: Clock) -> ReplicateDouble:
    """A fresh double."""
    return ReplicateDouble(clock=clock)


@pytest.fixture
def replicate(double: ReplicateDouble) -> Iterator[Loopback]:
    """Our adapter, pointed at the double."""
    with serving(double) as address:
        yield Loopback(REPLICATE, f"{address}/v1", {"api_key": double.key})


def job(request: MediaRequest[Any]) -> Job:
    """The operation that serves a request."""
    operation = REPLICATE.operation(request.medium, Job)
    assert isinstance(operation, Job)
    return operation


def submitted(
    replicate: Loopback, request: MediaRequest[Any], callback_url: str | None = None
) -> Submitted:
    """Have it run."""
    brief = Brief(model=replicate.sheet(request.medium, request.model), callback_url=callback_url)
    return replicate.converse(job(request).submit(request, brief))


def states(replicate: Loopback, request: MediaRequest[Any], handle: str) -> list[JobState]:
    """Where it stands, until it is over."""
    seen: list[JobState] = []
    for _ in range(10):
        seen.append(replicate.converse(job(request).poll(handle)))
        if not isinstance(seen[-1], Queued | Running):
            return seen
    raise AssertionError("it never ended")


def fetched(url: str) -> bytes:
    """What lies there."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        data: bytes = answer.read()
        return data


@pytest.mark.parametrize(
    ("request_", "files"),
    [
        (FOX, 2),
        (VideoRequest(model="prunaai/p-video", prompt="a fox", duration_seconds=5), 1),
        (SpeechRequest(model="jaaari/kokoro-82m", text="Hi", voice="af_bella"), 1),
    ],
)
def test_each_medium_is_created_polled_and_fetched(
    replicate: Loopback, double: ReplicateDouble, request_: MediaRequest[Any], files: int
) -> None:
    """It starts, it runs, it is there; and it is billed once."""
    found = submitted(replicate, request_)
    assert found.state == Queued()
    *before, last = states(replicate, request_, found.handle)
    assert before == [Queued(), Running(progress=0.5)]
    assert isinstance(last, Succeeded)
    assert len(last.artifacts) == files
    for artifact in last.artifacts:
        assert isinstance(artifact, RemoteArtifact)
        assert artifact.expires_at == datetime.fromtimestamp(NOON + 3600, UTC)
        assert fetched(artifact.url)
    assert [one for one, _ in double.record.invoice] == [found.handle]


def test_waiting_for_the_answer_gives_it_at_once(replicate: Loopback) -> None:
    """Before the state says so."""
    found = submitted(replicate, FOX.model_copy(update={"options": {"prefer_wait": 30}}))
    assert isinstance(found.state, Succeeded)
    assert len(found.state.artifacts) == 2


def test_after_an_hour_everything_is_gone(replicate: Loopback, clock: Clock) -> None:
    """Which is told as what it is."""
    handle = submitted(replicate, FOX).handle
    *_, last = states(replicate, FOX, handle)
    assert isinstance(last, Succeeded)
    clock.now += 3601
    assert isinstance(last.artifacts[0], RemoteArtifact)
    with pytest.raises(urllib.error.HTTPError):
        fetched(last.artifacts[0].url)
    gone = replicate.converse(job(FOX).poll(handle))
    assert isinstance(gone, Failed)
    assert gone.charged is True


@pytest.mark.parametrize(
    ("prompt", "code", "retryable"),
    [("forbidden", "CONTENT_POLICY_VIOLATION", False), ("memory", "PROVIDER_ERROR", True)],
)
def test_failures_are_told_by_their_words(
    replicate: Loopback, prompt: str, code: str, retryable: bool
) -> None:
    """There is no code."""
    request = FOX.model_copy(update={"prompt": prompt})
    *_, last = states(replicate, request, submitted(replicate, request).handle)
    assert isinstance(last, Failed)
    assert (last.problem.code, last.problem.retryable) == (code, retryable)


def test_cancelling_is_confirmed(replicate: Loopback, double: ReplicateDouble) -> None:
    """Before it runs, while it runs, and too late."""
    operation = job(FOX)
    assert operation.cancel is not None
    early, running, late = (submitted(replicate, FOX).handle for _ in range(3))
    assert replicate.converse(operation.cancel(early)) == "confirmed"
    aborted = replicate.converse(operation.poll(early))
    assert isinstance(aborted, Stopped)
    assert aborted.charged is False
    for _ in range(2):
        replicate.converse(operation.poll(running))
    assert replicate.converse(operation.cancel(running)) == "confirmed"
    canceled = replicate.converse(operation.poll(running))
    assert isinstance(canceled, Stopped)
    assert canceled.charged is True
    states(replicate, FOX, late)
    assert replicate.converse(operation.cancel(late)) == "impossible"
    assert len(double.record.invoice) == 1


@pytest.mark.parametrize("lists_webhooks", [True, False])
def test_a_lost_creation_is_looked_for(
    replicate: Loopback, double: ReplicateDouble, clock: Clock, lists_webhooks: bool
) -> None:
    """Found by our address; where the list does not show it, nobody guesses."""
    double.lists_webhooks = lists_webhooks
    recovery = job(FOX).recovery
    assert isinstance(recovery, Lookup)
    brief = Brief(callback_url=CALLBACK)
    sent_at = datetime.fromtimestamp(NOON, UTC)
    assert replicate.converse(recovery.find(brief, sent_at)) is None
    double.fail(broken(after_accepting=True))
    with pytest.raises(ProviderUnavailable) as lost:
        submitted(replicate, FOX, CALLBACK)
    assert lost.value.accepted == "unknown"
    (made,) = double.predictions.values()
    if lists_webhooks:
        found = replicate.converse(recovery.find(brief, sent_at))
        assert found is not None
        assert found.handle == made.id
    else:
        with pytest.raises(ProviderError):
            replicate.converse(recovery.find(brief, sent_at))
    later = datetime.fromtimestamp(NOON + 3600, UTC)
    assert replicate.converse(recovery.find(brief, later)) is None


def test_a_signed_call_names_the_prediction(replicate: Loopback, double: ReplicateDouble) -> None:
    """And what it says is what polling says."""
    handle = submitted(replicate, FOX, CALLBACK).handle
    *_, last = states(replicate, FOX, handle)
    (delivery,) = double.deliveries
    assert delivery.url == CALLBACK
    headers = Headers(delivery.headers)
    secret = replicate.converse(webhook.secret())
    signature = webhook.WEBHOOK.signature
    assert signature is not None
    assert signature.genuine(delivery.body, headers, (secret,), NOON + 10)
    assert not signature.genuine(delivery.body + b" ", headers, (secret,), NOON + 10)
    operation = job(FOX)
    assert operation.read_callback is not None
    told = operation.read_callback(delivery.body, headers)
    assert (told.handle, told.state) == (handle, last)


def test_large_inputs_are_uploaded(replicate: Loopback, double: ReplicateDouble) -> None:
    """As a form."""
    put = replicate.converse(upload(MediaBytes(data=png(8, 8), media_type="image/png")))
    assert put.url.startswith(replicate.base_url)
    assert double.files[put.url.rpartition("/")[2]].data == png(8, 8)


def test_refused_creations_were_not_accepted(replicate: Loopback, double: ReplicateDouble) -> None:
    """No credit, too many, an unknown model or version, a wrong value, a wrong token."""
    double.fail(no_credit())
    with pytest.raises(InsufficientCredits) as empty:
        submitted(replicate, FOX)
    double.fail(throttled(seconds=30))
    with pytest.raises(RateLimited) as limited:
        submitted(replicate, FOX)
    assert limited.value.retry_after == 30
    expected: tuple[tuple[str, dict[str, Any], type[GenerationError]], ...] = (
        ("acme/nope", {}, ModelUnavailable),
        (f"acme/nope:{'0' * 64}", {}, ModelUnavailable),
        ("prunaai/p-video", {"duration_seconds": 99}, RequestRejected),
    )
    accepted = {empty.value.accepted, limited.value.accepted}
    for model, more, kind in expected:
        with pytest.raises(kind) as caught:
            submitted(replicate, VideoRequest(model=model, prompt="x", **more))
        accepted.add(caught.value.accepted)
    assert accepted == {"no"}
    assert replicate.check().details["username"] == "double"
    stranger = Loopback(REPLICATE, replicate.base_url, {"api_key": "wrong"})
    with pytest.raises(AuthenticationFailed):
        stranger.check()
    assert double.record.invoice == []
