"""Our adapter goes through its normal flow with the double. There is no vendor's client."""

from __future__ import annotations

import hashlib
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
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
from anymedia.providers.adapters.ideogram import IDEOGRAM
from anymedia.providers.adapters.ideogram.generation import read_callback
from anymedia.providers.spec import Brief, Job, Submitted
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.ideogram import IdeogramDouble
from anymedia.testing.samples import png
from anymedia.wire.http import Headers

PICTURE = MediaBytes(data=png(8, 8), media_type="image/png")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time of the test's own."""
    return Clock()


@pytest.fixture
def double(clock: Clock) -> Iterator[IdeogramDouble]:
    """Ideogram on loopback."""
    double = IdeogramDouble(clock=clock, slowness=2)
    with serving(double):
        yield double


@pytest.fixture
def adapter(double: IdeogramDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(IDEOGRAM, double.base_url, {"api_key": double.key})


def submitted(adapter: Loopback, request: MediaRequest[Any], hook: str | None = None) -> Submitted:
    """A generation that was taken on."""
    operation = adapter.provider.operation(request.medium, Job)
    assert isinstance(operation, Job)
    sheet = adapter.sheet(request.medium, request.model)
    return adapter.converse(operation.submit(request, Brief(model=sheet, callback_url=hook)))


def ended(adapter: Loopback, request: MediaRequest[Any], hook: str | None = None) -> list[JobState]:
    """Everything that a generation's polls said, to its end."""
    operation = adapter.provider.operation(request.medium, Job)
    assert isinstance(operation, Job)
    handle = submitted(adapter, request, hook).handle
    states: list[JobState] = []
    while not states or isinstance(states[-1], Queued | Running):
        states.append(adapter.converse(operation.poll(handle)))
    return states


def fetched(url: str) -> bytes:
    """What lies at an address of the double."""
    with urllib.request.urlopen(url, timeout=10) as response:
        found: bytes = response.read()
        return found


@pytest.mark.parametrize(
    "asked",
    [
        ImageRequest(model="ideogram-4-5", prompt="a poster", aspect_ratio="16:9", seed=7),
        ImageRequest(model="ideogram-4", prompt="a poster", resolution="1k"),
        ImageRequest(model="ideogram-3", prompt="a poster", style="design"),
        ImageRequest(model="nano-banana-2", prompt="a poster", images=(PICTURE, PICTURE)),
        ImageRequest(model="ideogram-4-5", prompt="blue", images=(PICTURE,), mask=PICTURE),
        ImageRequest(model="ideogram-3", prompt="blue", images=(PICTURE,), mask=PICTURE),
        ImageRequest(model="ideogram-4", prompt="x", images=(PICTURE,), mode="variation", seed=1),
        ImageRequest(model="ideogram-3-replace-background", prompt="x", images=(PICTURE,)),
        ImageRequest(model="ideogram-1-remove-background", images=(PICTURE,), mode="edit"),
        VideoRequest(model="seedance-2", prompt="a kite", duration_seconds=5),
        VideoRequest(model="kling-3-standard", prompt="a kite", first_frame=PICTURE),
        VideoRequest(model="minimax-h3", prompt="a kite", references=(PICTURE,)),
    ],
    ids=lambda asked: f"{asked.model}-{asked.task}",
)
def test_everything_can_be_made(
    adapter: Loopback, double: IdeogramDouble, asked: MediaRequest[Any]
) -> None:
    """Taken on once, billed once, pending until it is done; the file can be fetched."""
    states = ended(adapter, asked)
    assert [type(one) for one in states] == [Queued, Queued, Succeeded]
    assert len(double.record.invoice) == 1
    last = states[-1]
    assert isinstance(last, Succeeded)
    (artifact,) = last.artifacts
    assert isinstance(artifact, RemoteArtifact)
    beginning = b"ftyp" if asked.medium == "video" else b"PNG"
    assert beginning in fetched(artifact.url)[:12]


def test_several_pictures_come_with_their_seeds(adapter: Loopback) -> None:
    """Each its own."""
    asked = ImageRequest(model="ideogram-4-5", prompt="a poster", count=3, seed=7)
    (*_, last) = ended(adapter, asked)
    assert isinstance(last, Succeeded)
    seeds = [one.metadata["seed"] for one in last.artifacts]
    assert (seeds, last.usage.images) == ([7, 8, 9], 3)


def test_files_expire(adapter: Loopback, clock: Clock) -> None:
    """After a day."""
    (*_, last) = ended(adapter, ImageRequest(model="ideogram-4-5", prompt="a poster"))
    assert isinstance(last, Succeeded)
    (artifact,) = last.artifacts
    assert isinstance(artifact, RemoteArtifact)
    clock.now += 24 * 3600 + 1
    with pytest.raises(urllib.error.HTTPError):
        fetched(artifact.url)


def test_the_check_costs_nothing(adapter: Loopback, double: IdeogramDouble) -> None:
    """A quote, also with an empty balance; nothing is taken on."""
    double.balance = 0
    assert adapter.check().details == {"quoted_usd_micros": 220000}
    assert double.record.invoice == []
    with pytest.raises(AuthenticationFailed):
        Loopback(IDEOGRAM, double.base_url, {"api_key": "wrong"}).check()


def test_refusals_are_told_apart(adapter: Loopback, double: IdeogramDouble) -> None:
    """The review, the model, the request, the room and the balance."""
    for fields, error in (
        ({"model": "ideogram-4", "prompt": "something forbidden"}, ContentRefused),
        ({"model": "ideogram-9", "prompt": "a poster"}, ModelUnavailable),
        ({"model": "ideogram-4-5", "prompt": "x", "options": {"quality": "?"}}, RequestRejected),
    ):
        with pytest.raises(error):
            submitted(adapter, ImageRequest.model_validate(fields))
    asked = ImageRequest(model="ideogram-4-5", prompt="a poster")
    double.room = 0
    with pytest.raises(RateLimited):
        submitted(adapter, asked)
    double.balance = 0
    with pytest.raises(InsufficientCredits):
        submitted(adapter, asked)
    assert double.record.invoice == []


def test_what_the_later_review_withholds_is_a_refusal(adapter: Loopback) -> None:
    """And what broke is a failure."""
    for word, code in (("doubtful", "CONTENT_POLICY_VIOLATION"), ("broken", "PROVIDER_ERROR")):
        (*_, last) = ended(adapter, ImageRequest(model="ideogram-4-5", prompt=word))
        assert isinstance(last, Failed)
        assert last.problem.code == code


def test_a_lost_answer_may_have_cost_money(adapter: Loopback, double: IdeogramDouble) -> None:
    """The error says so, and the invoice agrees."""
    double.fail(Fault(path="/v2/image", status=500, after_accepting=True))
    with pytest.raises(ProviderUnavailable) as raised:
        submitted(adapter, ImageRequest(model="ideogram-4-5", prompt="a poster"))
    assert raised.value.accepted == "unknown"
    assert len(double.record.invoice) == 1


def test_a_call_is_signed_and_names_its_generation(
    adapter: Loopback, double: IdeogramDouble
) -> None:
    """It brings back what was lost."""
    hook = "http://127.0.0.1:9/hook"
    ended(adapter, ImageRequest(model="ideogram-4-5", prompt="a poster"), hook)
    (delivery,) = double.deliveries
    assert delivery.url == hook
    assert read_callback(delivery.body, Headers()).handle in double.generations
    told = {
        name.removeprefix("X-Ideogram-Webhook-"): text for name, text in delivery.headers.items()
    }
    lines = (told["Generation-Id"], told["User-Id"], told["Timestamp"])
    message = "\n".join((*lines, hashlib.sha256(delivery.body).hexdigest())).encode()
    key = Ed25519PublicKey.from_public_bytes(double.signer.public_key)
    key.verify(bytes.fromhex(told["Signature"]), message)
    assert b'"OKP"' in fetched(f"{double.base_url}/v1/.well-known/jwks.json")


def test_a_generation_that_nobody_knows_is_not_found(adapter: Loopback) -> None:
    """Which the engine counts."""
    operation = IDEOGRAM.operation("image", Job)
    assert isinstance(operation, Job)
    with pytest.raises(ProviderUnavailable) as raised:
        adapter.converse(operation.poll("nobody"))
    assert raised.value.http_status == 404
