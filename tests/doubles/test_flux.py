"""Our adapter of Black Forest Labs has every kind of conversation with its double."""

from __future__ import annotations

import hashlib
import hmac
import io
import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from tests.support.clock import FakeClock
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.flux import FLUX
from anymedia.providers.spec import Brief, Job
from anymedia.testing.double import serving
from anymedia.testing.doubles.flux import CLIPS_LAST_SECONDS, PICTURES_LAST_SECONDS, FluxDouble
from anymedia.testing.doubles.flux.pictures import FORMATS
from anymedia.testing.samples import png
from anymedia.wire.http import Headers

PICTURE = ImageRequest(model="flux-2-pro", prompt="a kite", resolution="1024x1024", format="png")
CLIP = VideoRequest(model="flux-3-video", prompt="a kite", duration_seconds=5, resolution="720p")
FRAME = MediaBytes(data=png(64, 64), media_type="image/png")


@pytest.fixture
def clock() -> FakeClock:
    """The double's time."""
    return FakeClock()


@pytest.fixture
def double(clock: FakeClock) -> Iterator[FluxDouble]:
    """A fresh double on loopback."""
    made = FluxDouble(clock=clock.time)
    with serving(made):
        yield made


@pytest.fixture
def service(double: FluxDouble) -> Loopback:
    """Our adapter at the double."""
    return Loopback(FLUX, double.base_url, {"api_key": double.key})


def job(request: MediaRequest[Any]) -> Job:
    """How the adapter does it."""
    operation = FLUX.operation(request.medium, Job)
    assert isinstance(operation, Job)
    return operation


def submitted(service: Loopback, request: MediaRequest[Any], callback: str | None = None) -> str:
    """The handle of a new task."""
    brief = Brief(model=service.sheet(request.medium, request.model), callback_url=callback)
    return service.converse(job(request).submit(request, brief)).handle


def ended(service: Loopback, request: MediaRequest[Any]) -> list[JobState]:
    """Everything that a task's polls said, to its end."""
    handle = submitted(service, request)
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(service.converse(job(request).poll(handle)))
    return states


def address(state: JobState) -> str:
    """Where the first result lies."""
    assert isinstance(state, Succeeded)
    artifact = state.artifacts[0]
    assert isinstance(artifact, RemoteArtifact)
    return artifact.url


def asked(double: FluxDouble, url: str, body: dict[str, Any] | None = None) -> Any:
    """A bare question with the key."""
    content = None if body is None else json.dumps(body).encode()
    headers = {"x-key": double.key, "content-type": "application/json"}
    with urllib.request.urlopen(urllib.request.Request(url, content, headers), timeout=10) as told:
        return json.load(told)


@pytest.mark.parametrize(
    ("request_", "usd"),
    [
        (PICTURE, "0.03"),
        (PICTURE.model_copy(update={"images": (FRAME,)}), "0.045"),
        (PICTURE.model_copy(update={"model": "flux-pro-1.1"}), "0.04"),
        (ImageRequest(model="flux-kontext-pro", prompt="a kite", aspect_ratio="16:9"), "0.04"),
        (ImageRequest(model="flux-pro-1.0-fill", prompt="a kite", images=(FRAME,)), "0.05"),
        (ImageRequest(model="flux-3-image", prompt="a kite", resolution="2k"), "0"),
    ],
    ids=["words", "edit", "older", "kontext", "fill", "newest"],
)
def test_a_picture_goes_through_its_states(
    service: Loopback, double: FluxDouble, request_: ImageRequest, usd: str
) -> None:
    """Billed once, by the megapixel or the picture, and fetched without the key."""
    *states, last = ended(service, request_)
    assert all(isinstance(one, Queued | Running) for one in states)
    assert len(states) == double.slowness
    ((_, amount),) = double.record.invoice
    assert amount == Decimal(usd)
    with urllib.request.urlopen(address(last), timeout=10) as answer:
        assert answer.headers["content-type"].startswith("image/")
    assert isinstance(last, Succeeded)
    assert last.reported_cost == (Decimal(usd) if amount else None)


def test_progress_is_told(service: Loopback) -> None:
    """As a share."""
    states = ended(service, PICTURE)
    assert isinstance(states[1], Running)
    assert states[1].progress == pytest.approx(2 / 3)


def test_a_clip_tells_what_it_cost(service: Loopback, double: FluxDouble) -> None:
    """On the finished task; and the newest models say that they think first."""
    states = ended(service, CLIP.model_copy(update={"first_frame": FRAME}))
    assert [type(one) for one in states] == [Running, Running, Succeeded]
    last = states[-1]
    assert isinstance(last, Succeeded)
    assert last.reported_cost == Decimal("0.85")
    assert double.record.bodies[0]["mode"] == "i2v"
    with urllib.request.urlopen(address(last), timeout=10) as answer:
        assert answer.read()[4:8] == b"ftyp"


@pytest.mark.parametrize("request_", [PICTURE, CLIP], ids=["picture", "clip"])
@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("forbidden", "CONTENT_POLICY_VIOLATION"),
        ("forbidden-late", "CONTENT_POLICY_VIOLATION"),
        ("broken", "PROVIDER_ERROR"),
    ],
)
def test_what_comes_to_nothing(
    service: Loopback, double: FluxDouble, request_: MediaRequest[Any], word: str, code: str
) -> None:
    """Moderated on the way in or out, or broken: with status 200, and given back."""
    (*_, state) = ended(service, request_.model_copy(update={"prompt": f"a {word} kite"}))
    assert isinstance(state, Failed)
    assert state.problem.code == code
    assert double.record.invoice == []


def test_the_double_refuses_by_itself() -> None:
    """A wrong key, too many tasks, no credits, no such model, a wrong field."""
    double = FluxDouble(at_once=1, credits_left=4)
    with serving(double):
        with pytest.raises(AuthenticationFailed):
            submitted(Loopback(FLUX, double.base_url, {"api_key": "wrong"}), PICTURE)
        service = Loopback(FLUX, double.base_url, {"api_key": double.key})
        with pytest.raises(ModelUnavailable):
            submitted(service, PICTURE.model_copy(update={"model": "flux-9"}))
        odd = PICTURE.model_copy(update={"options": {"safety_tolerance": 9}})
        with pytest.raises(RequestRejected):
            submitted(service, odd)
        with pytest.raises(RequestRejected):
            submitted(service, CLIP.model_copy(update={"options": {"keyframes": "x"}}))
        submitted(service, PICTURE)
        with pytest.raises(RateLimited) as caught:
            submitted(service, PICTURE)
        assert (caught.value.retry_after, caught.value.accepted) == (5, "no")
        double.at_once = 9
        with pytest.raises(InsufficientCredits):
            submitted(service, PICTURE)
        assert service.check().balance == Decimal(1)
    assert len(double.tasks) == 1


def test_a_task_is_known_where_it_was_made() -> None:
    """The answer says where to ask; elsewhere nobody knows it, and that proves nothing."""
    double = FluxDouble(region="eu2", apart=True)
    with serving(double):
        told = asked(double, f"{double.base_url}/v1/flux-2-pro", {"prompt": "a kite"})
        assert told["polling_url"].startswith(f"{double.base_url}/eu2/")
        assert asked(double, told["polling_url"])["status"] == "Pending"
        service = Loopback(FLUX, double.base_url, {"api_key": double.key})
        with pytest.raises(ProviderUnavailable) as caught:
            service.converse(job(PICTURE).poll(json.dumps({"id": told["id"]})))
        assert caught.value.retryable
        there = Loopback(FLUX, f"{double.base_url}/eu2", {"api_key": double.key})
        assert isinstance(ended(there, PICTURE)[-1], Succeeded)


def test_a_webhook_takes_the_place_of_the_polling_address(
    service: Loopback, double: FluxDouble
) -> None:
    """The call names the task; asked at the service, it is ready."""
    submitted(service, PICTURE, callback=f"{double.base_url}/calls/token")
    (identifier,) = double.tasks
    delivery = double.finish(identifier)
    assert delivery is not None
    read = job(PICTURE).read_callback
    assert read is not None
    handle = read(delivery.body, Headers(delivery.headers)).handle
    assert isinstance(service.converse(job(PICTURE).poll(handle)), Succeeded)


def test_a_call_is_signed_for_those_who_gave_a_secret(double: FluxDouble) -> None:
    """Over the raw body."""
    url = f"{double.base_url}/calls/token"
    body = {"prompt": "a kite", "webhook_url": url, "webhook_secret": "sesame"}
    told = asked(double, f"{double.base_url}/v1/flux-2-pro", body)
    assert "polling_url" not in told
    assert told["webhook_url"] == url
    delivery = double.finish(told["id"])
    assert delivery is not None
    right = hmac.new(b"sesame", delivery.body, hashlib.sha256).hexdigest()
    assert delivery.headers["x-bfl-signature"] == f"sha256={right}"


@pytest.mark.parametrize(
    ("request_", "lives_seconds"),
    [(PICTURE, PICTURES_LAST_SECONDS), (CLIP, CLIPS_LAST_SECONDS)],
    ids=["picture", "clip"],
)
def test_addresses_end(
    service: Loopback, clock: FakeClock, request_: MediaRequest[Any], lives_seconds: float
) -> None:
    """Pictures soon, clips later."""
    url = address(ended(service, request_)[-1])
    clock.advance(lives_seconds - 1)
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.status == 200
    clock.advance(2)
    with pytest.raises(urllib.error.HTTPError) as caught:
        urllib.request.urlopen(url, timeout=10)
    with caught.value as refused:
        assert refused.status == 403


@pytest.mark.parametrize("name", FORMATS)
def test_pictures_are_real_in_every_format(name: str) -> None:
    """Others can read them, whatever their size."""
    images = pytest.importorskip("PIL.Image")
    for size in ((1, 1), (100, 60), (1365, 777)):
        with images.open(io.BytesIO(FORMATS[name](*size))) as picture:
            picture.load()
            assert (picture.format.lower(), picture.size) == (name, size)
