"""Our adapter of fal and our double of it, over real HTTP."""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.fal import FAL
from anymedia.providers.adapters.fal.storage import upload
from anymedia.providers.adapters.fal.webhook import SIGNATURE, WEBHOOK
from anymedia.providers.adapters.pika import PIKA
from anymedia.providers.spec import Brief, Job, Submitted
from anymedia.testing.double import serving
from anymedia.testing.doubles.fal import NOON, FalDouble
from anymedia.testing.doubles.fal.failures import broken, locked, queue_full
from anymedia.testing.samples import png
from anymedia.wire.http import Headers, HttpRequest, HttpResponse
from anymedia.wire.signature import key_set


class AtHome(Loopback):
    """fal's other hosts are the double too."""

    @contextmanager
    def _sent(
        self, request: HttpRequest
    ) -> Iterator[tuple[HttpResponse, http.client.HTTPResponse]]:
        host = urlsplit(request.path).hostname
        if host in FAL.hosts:
            request = replace(request, path=request.path.partition(str(host))[2])
        with super()._sent(request) as answered:
            yield answered


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
def double(clock: Clock) -> FalDouble:
    """A fresh double."""
    return FalDouble(clock=clock)


@pytest.fixture
def fal(double: FalDouble) -> Iterator[AtHome]:
    """Our adapter, pointed at the double."""
    with serving(double) as address:
        yield AtHome(FAL, address, {"api_key": double.key})


def job(request: MediaRequest[Any]) -> Job:
    """The operation that serves a request."""
    operation = FAL.operation(request.medium, Job)
    assert isinstance(operation, Job)
    return operation


def submitted(
    fal: Loopback, request: MediaRequest[Any], callback_url: str | None = None
) -> Submitted:
    """Put it into the queue."""
    brief = Brief(model=fal.sheet(request.medium, request.model), callback_url=callback_url)
    return fal.converse(job(request).submit(request, brief))


def states(fal: Loopback, request: MediaRequest[Any], handle: str) -> list[JobState]:
    """Where it stands, until it is over."""
    seen: list[JobState] = []
    for _ in range(10):
        seen.append(fal.converse(job(request).poll(handle)))
        if not isinstance(seen[-1], Queued | Running):
            return seen
    raise AssertionError("it never ended")


FOX = VideoRequest(model="fal-ai/veo3.1/fast", prompt="a fox", duration_seconds=8)
REQUESTS: tuple[tuple[MediaRequest[Any], str], ...] = (
    (FOX, "video/mp4"),
    (ImageRequest(model="fal-ai/flux/dev", prompt="a fox", aspect_ratio="16:9"), "image/png"),
    (
        AudioRequest(model="fal-ai/elevenlabs/music", prompt="lofi", duration_seconds=3),
        "audio/mpeg",
    ),
    (SpeechRequest(model="fal-ai/elevenlabs/tts/eleven-v3", text="Hi"), "audio/mpeg"),
)


@pytest.mark.parametrize(("request_", "kind"), REQUESTS)
def test_each_medium_is_submitted_polled_and_fetched(
    fal: AtHome, double: FalDouble, request_: MediaRequest[Any], kind: str
) -> None:
    """It waits, it runs, it is there; and it is billed once."""
    found = submitted(fal, request_)
    assert found.state == Queued()
    *before, last = states(fal, request_, found.handle)
    assert before == [Queued(), Running()]
    assert isinstance(last, Succeeded)
    (artifact,) = last.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert artifact.media_type == kind
    assert last.usage.raw["billable_units"]
    assert fetched(artifact.url)
    assert [one for one, _ in double.record.invoice] == [found.request_id]
    assert double.record.count("POST", "/") == 1


def fetched(url: str) -> bytes:
    """What lies there."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        data: bytes = answer.read()
        return data


def test_files_expire(fal: AtHome, clock: Clock) -> None:
    """By the double's clock."""
    *_, last = states(fal, FOX, submitted(fal, FOX).handle)
    assert isinstance(last, Succeeded)
    (artifact,) = last.artifacts
    assert isinstance(artifact, RemoteArtifact)
    clock.now += 8 * 86_400
    with pytest.raises(urllib.error.HTTPError):
        fetched(artifact.url)


@pytest.mark.parametrize(
    ("prompt", "code", "charged"),
    [
        ("forbidden", "CONTENT_POLICY_VIOLATION", False),
        ("flagged", "CONTENT_POLICY_VIOLATION", True),
        ("it breaks", "PROVIDER_ERROR", False),
        ("something odd", "PROVIDER_ERROR", False),
    ],
)
def test_failures_come_in_four_ways(fal: AtHome, prompt: str, code: str, charged: bool) -> None:
    """Refused, blacked out, broken on the platform, broken in the model."""
    request = ImageRequest(model="fal-ai/flux/dev", prompt=prompt)
    *_, last = states(fal, request, submitted(fal, request).handle)
    assert isinstance(last, Failed)
    assert last.problem.code == code
    assert last.charged is charged


def test_a_value_that_the_model_does_not_have_fails_when_it_runs(fal: AtHome) -> None:
    """The queue takes everything."""
    request = FOX.model_copy(update={"duration_seconds": 7})
    *_, last = states(fal, request, submitted(fal, request).handle)
    assert isinstance(last, Failed)
    assert last.problem.code == "INVALID_REQUEST"


def test_waiting_work_is_dropped_and_running_work_may_end(fal: AtHome, double: FalDouble) -> None:
    """Cancelling asks; polling shows."""
    operation = job(FOX)
    assert operation.cancel is not None
    waiting = submitted(fal, FOX).handle
    assert fal.converse(operation.cancel(waiting)) == "requested"
    assert states(fal, FOX, waiting)[-1] == Stopped()
    running = submitted(fal, FOX).handle
    for _ in range(2):
        fal.converse(operation.poll(running))
    assert fal.converse(operation.cancel(running)) == "requested"
    assert isinstance(states(fal, FOX, running)[-1], Succeeded)
    assert fal.converse(operation.cancel(running)) == "impossible"
    assert len(double.record.invoice) == 1


def test_a_signed_call_names_the_request_and_finds_it(fal: AtHome, double: FalDouble) -> None:
    """Though the answer to the submission was lost."""
    double.fail(broken(after_accepting=True))
    callback_url = "http://127.0.0.1:9/webhooks/fal/t0k3n"
    with pytest.raises(ProviderUnavailable) as lost:
        submitted(fal, FOX, callback_url)
    assert lost.value.accepted == "unknown"
    (identifier,) = double.requests
    delivery = double.finish(identifier)
    assert delivery is not None
    assert delivery.url == callback_url
    headers = Headers(delivery.headers)
    assert WEBHOOK.key_set is not None
    keys = fal.converse(key_set(WEBHOOK.key_set))
    assert SIGNATURE.genuine(delivery.body, headers, keys, NOON + 10)
    assert not SIGNATURE.genuine(delivery.body + b" ", headers, keys, NOON + 10)
    operation = job(FOX)
    assert operation.read_callback is not None
    assert operation.whole_handle is not None
    told = operation.read_callback(delivery.body, headers)
    handle = operation.whole_handle(told.handle, fal.brief(FOX))
    assert isinstance(states(fal, FOX, handle)[-1], Succeeded)


def test_pika_is_served_by_the_same_queue(double: FalDouble) -> None:
    """Its own name and models; fal's key, states and bill."""
    request = VideoRequest(model="pika-2.2", prompt="a fox", resolution="1080p", duration_seconds=5)
    operation = PIKA.operation("video", Job)
    assert isinstance(operation, Job)
    with serving(double) as address:
        pika = Loopback(PIKA, address, {"api_key": double.key})
        found = pika.converse(operation.submit(request, pika.brief(request)))
        assert found.handle.startswith("/fal-ai/pika/requests/")
        *_, last = states(pika, request, found.handle)
    assert isinstance(last, Succeeded)
    ((_, amount),) = double.record.invoice
    sheet = pika.sheet("video", "pika-2.2")
    assert amount == priced(sheet, Usage(seconds=Decimal(5)), {"resolution": "1080p"}).amount


def test_large_inputs_go_to_storage(fal: AtHome) -> None:
    """And can be fetched from there."""
    put = fal.converse(upload(MediaBytes(data=png(8, 8), media_type="image/png")))
    assert put.url.startswith(fal.base_url)
    assert fetched(put.url) == png(8, 8)


def test_refused_submissions_were_not_accepted(fal: AtHome, double: FalDouble) -> None:
    """An empty account, a full queue, an unknown model, a wrong key."""
    expected: tuple[tuple[Any, type[GenerationError]], ...] = (
        (locked(), InsufficientCredits),
        (queue_full(), RateLimited),
    )
    for fault, kind in expected:
        double.fail(fault)
        with pytest.raises(kind) as caught:
            submitted(fal, FOX)
        assert caught.value.accepted == "no"
    with pytest.raises(ModelUnavailable):
        submitted(fal, VideoRequest(model="fal-ai/nope", prompt="x"))
    fal.check()
    stranger = AtHome(FAL, fal.base_url, {"api_key": "wrong"})
    for attempt in (lambda: submitted(stranger, FOX), stranger.check):
        with pytest.raises(AuthenticationFailed):
            attempt()
    assert double.record.invoice == []
