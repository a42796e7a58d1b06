"""The client that the vendor's pages use goes through its normal flow; then our adapter does."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Iterator
from decimal import Decimal

import openai
import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.providers.adapters.recraft import RECRAFT
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.recraft import RecraftDouble
from anymedia.testing.samples import png

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
def double(clock: Clock) -> Iterator[RecraftDouble]:
    """Recraft on loopback."""
    double = RecraftDouble(clock=clock)
    with serving(double):
        yield double


@pytest.fixture
def adapter(double: RecraftDouble) -> Loopback:
    """Our adapter, pointed at it."""
    return Loopback(RECRAFT, f"{double.base_url}/v1", {"api_key": double.key})


def drawn(adapter: Loopback, asked: ImageRequest) -> MediaAnswer:
    """What the double makes of a request."""
    answer = adapter.call(asked)
    assert isinstance(answer, MediaAnswer)
    return answer


# --- the client of the vendor's pages -------------------------------------------------------


def test_the_usual_client_draws(double: RecraftDouble) -> None:
    """As the vendor's examples do it."""
    with openai.OpenAI(api_key=double.key, base_url=f"{double.base_url}/v1") as client:
        made = client.images.generate(prompt="two race cars", model="recraftv4_1", n=2)
    assert made.data is not None
    assert [bool(one.url) for one in made.data] == [True, True]
    assert double.record.invoice == [("call-1", Decimal("0.07"))]


def test_the_usual_client_is_refused_with_a_wrong_key(double: RecraftDouble) -> None:
    """In plain text."""
    with (
        openai.OpenAI(api_key="wrong", base_url=f"{double.base_url}/v1") as client,
        pytest.raises(openai.AuthenticationError),
    ):
        client.images.generate(prompt="two race cars", model="recraftv4_1")


# --- our adapter ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("asked", "cost"),
    [
        (ImageRequest(model="recraftv4_1", prompt="a kite", aspect_ratio="16:9"), "0.035"),
        (ImageRequest(model="recraftv4_1_flash", prompt="a kite", count=3), "0.021"),
        (ImageRequest(model="recraftv4_1", prompt="winter", images=(PICTURE,)), "0.035"),
        (ImageRequest(model="recraftv3", prompt="x", images=(PICTURE,), mask=PICTURE), "0.04"),
        (ImageRequest(model="recraftv3", prompt="x", style="any", negative_prompt="y"), "0.04"),
        (
            ImageRequest(model="recraftv3-replace-background", prompt="x", images=(PICTURE,)),
            "0.04",
        ),
        (ImageRequest(model="remove-background", images=(PICTURE,), mode="edit"), "0.01"),
        (ImageRequest(model="remix", images=(PICTURE,)), "0.035"),
        (
            ImageRequest(model="recraftv4_styles", prompt="x", options={"style_id": "s-1"}),
            "0.04",
        ),
    ],
    ids=lambda value: f"{value.model}-{value.task}" if isinstance(value, ImageRequest) else value,
)
def test_everything_can_be_made(
    adapter: Loopback, double: RecraftDouble, asked: ImageRequest, cost: str
) -> None:
    """Billed as it is reported; the files can be fetched."""
    made = drawn(adapter, asked)
    assert made.reported_cost == Decimal(cost) == double.record.invoice[-1][1]
    assert len(made.artifacts) == asked.count
    for artifact in made.artifacts:
        assert isinstance(artifact, RemoteArtifact)
        with urllib.request.urlopen(artifact.url, timeout=10) as response:
            assert response.read(4) == b"\x89PNG"


def test_vectors_come_inside_the_answer_too(adapter: Loopback) -> None:
    """Where the caller asks for it."""
    options = {"response_format": "b64_json"}
    made = drawn(adapter, ImageRequest(model="recraftv4_1_vector", prompt="x", options=options))
    (artifact,) = made.artifacts
    assert isinstance(artifact, InlineArtifact)
    assert artifact.media_type == "image/svg+xml"


def test_files_are_kept_for_a_day(adapter: Loopback, clock: Clock) -> None:
    """And no longer."""
    (artifact,) = drawn(adapter, ImageRequest(model="recraftv4_1", prompt="a kite")).artifacts
    assert isinstance(artifact, RemoteArtifact)
    clock.now += 24 * 3600 + 1
    with pytest.raises(urllib.error.HTTPError):
        urllib.request.urlopen(artifact.url, timeout=10)


def test_the_check_tells_the_balance(adapter: Loopback, double: RecraftDouble) -> None:
    """Free, and refused with a wrong key."""
    assert adapter.check().balance == 100_000
    with pytest.raises(AuthenticationFailed):
        Loopback(RECRAFT, f"{double.base_url}/v1", {"api_key": "wrong"}).check()


def test_refusals_are_told_apart(adapter: Loopback, double: RecraftDouble) -> None:
    """All of them are answered 400; nothing is billed."""
    asked = ImageRequest(model="recraftv4_1", prompt="a kite")
    for changes, error in (
        ({"prompt": "something forbidden"}, ContentRefused),
        ({"model": "recraftv9"}, ModelUnavailable),
        ({"options": {"size": "vast"}}, RequestRejected),
    ):
        with pytest.raises(error):
            drawn(adapter, asked.model_copy(update=changes))
    double.units = 34
    with pytest.raises(InsufficientCredits):
        drawn(adapter, asked)
    assert double.record.invoice == []


def test_a_lost_answer_may_have_cost_money(adapter: Loopback, double: RecraftDouble) -> None:
    """The error says so, and the invoice agrees."""
    double.fail(Fault(path="/v1/images", status=502, body=b"<html>", after_accepting=True))
    with pytest.raises(ProviderUnavailable) as raised:
        drawn(adapter, ImageRequest(model="recraftv4_1", prompt="a kite"))
    assert raised.value.accepted == "unknown"
    assert len(double.record.invoice) == 1
