"""Our adapter goes through its normal flow with the double. There is no vendor's client."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.audio import AudioRequest
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
from anymedia.contracts.media import InlineArtifact, MediaBytes
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.adapters.stability import STABILITY
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.stability import StabilityDouble
from anymedia.testing.samples import mp3, png

PICTURE = MediaBytes(data=png(8, 8), media_type="image/png")
PIECE = MediaBytes(data=mp3(1), media_type="audio/mpeg")
KITE = ImageRequest(model="core", prompt="a kite")


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Time of the test's own."""
    return Clock()


@pytest.fixture
def double(clock: Clock) -> Iterator[StabilityDouble]:
    """Stability AI on loopback."""
    double = StabilityDouble(clock=clock)
    with serving(double):
        yield double


@pytest.fixture
def adapter(double: StabilityDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(STABILITY, double.base_url, {"api_key": double.key})


def made(adapter: Loopback, asked: ImageRequest | AudioRequest) -> MediaAnswer:
    """What the double makes of a request."""
    answer = adapter.call(asked)
    assert isinstance(answer, MediaAnswer)
    return answer


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        (ImageRequest(model="core", prompt="x", aspect_ratio="16:9", style="anime"), "0.03"),
        (ImageRequest(model="ultra", prompt="x", negative_prompt="y"), "0.08"),
        (ImageRequest(model="sd3.5-large", prompt="x"), "0.065"),
        (ImageRequest(model="sd3.5-medium", prompt="x", images=(PICTURE,)), "0.035"),
        (ImageRequest(model="ultra", prompt="x", images=(PICTURE,), aspect_ratio="1:1"), "0.08"),
        (ImageRequest(model="inpaint", prompt="x", images=(PICTURE,), mask=PICTURE), "0.05"),
        (ImageRequest(model="erase", images=(PICTURE,), mask=PICTURE), "0.05"),
        (
            ImageRequest(model="outpaint", images=(PICTURE,), mode="edit", options={"left": 9}),
            "0.05",
        ),
        (ImageRequest(model="structure", prompt="x", images=(PICTURE,)), "0.05"),
        (ImageRequest(model="style-transfer", prompt="x", images=(PICTURE, PICTURE)), "0.05"),
        (AudioRequest(model="stable-audio-2.5", prompt="x", duration_seconds=2), "0.20"),
        (
            AudioRequest(
                model="stable-audio-2.5",
                prompt="x",
                duration_seconds=2,
                references=(PIECE,),
                format="wav",
            ),
            "0.20",
        ),
    ],
    ids=lambda value: f"{value.model}-{value.task}" if not isinstance(value, str) else value,
)
def test_everything_can_be_made(
    adapter: Loopback, double: StabilityDouble, asked: ImageRequest | AudioRequest, cost: str
) -> None:
    """Inside the answer, and billed as the catalogue says."""
    answer = made(adapter, asked)
    (artifact,) = answer.artifacts
    assert isinstance(artifact, InlineArtifact)
    assert artifact.media_type in {"image/png", "audio/mpeg", "audio/wav"}
    assert artifact.metadata == {"seed": 42}
    sheet = adapter.sheet(asked.medium, asked.model)
    assert sheet is not None
    ((_, charged),) = double.record.invoice
    assert charged == sheet.prices[0].usd == Decimal(cost)
    assert answer.request_id == "req-1"


def test_the_check_tells_the_balance(adapter: Loopback) -> None:
    """Free, and refused with a wrong key."""
    assert adapter.check().balance == 1000
    with pytest.raises(AuthenticationFailed):
        replace(adapter, secrets={"api_key": "wrong"}).check()


def test_refusals_are_told_apart(adapter: Loopback, double: StabilityDouble) -> None:
    """Before and after the work, for the model, the request and the balance."""
    for changes, error in (
        ({"prompt": "something forbidden"}, ContentRefused),
        ({"prompt": "something doubtful"}, ContentRefused),
        ({"aspect_ratio": "4:3"}, RequestRejected),
        ({"model": "sd9"}, ModelUnavailable),
    ):
        with pytest.raises(error):
            made(adapter, KITE.model_copy(update=changes))
    double.credits = Decimal(2)
    with pytest.raises(InsufficientCredits):
        made(adapter, KITE)
    assert double.record.invoice == []


def test_too_many_requests_lock_the_key_out(
    adapter: Loopback, double: StabilityDouble, clock: Clock
) -> None:
    """For as long as the error says."""
    double.most = 1
    made(adapter, KITE)
    with pytest.raises(RateLimited) as raised:
        made(adapter, KITE)
    assert raised.value.retry_after == 60
    clock.now += 59
    with pytest.raises(RateLimited):
        made(adapter, KITE)
    clock.now += 1
    made(adapter, KITE)


def test_a_lost_answer_may_have_cost_money(adapter: Loopback, double: StabilityDouble) -> None:
    """The error says so, and the invoice agrees."""
    double.fail(Fault(path="/v2beta", status=502, body=b"<html>", after_accepting=True))
    with pytest.raises(ProviderUnavailable) as raised:
        made(adapter, KITE)
    assert raised.value.accepted == "unknown"
    assert len(double.record.invoice) == 1
