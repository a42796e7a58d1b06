"""Our adapter goes through our double of Bedrock, by key and by signature, to the bucket's file.

AWS's own client is not among the test dependencies. The double makes signatures again in its own
way; those of the adapter are compared with botocore's in tests/providers/bedrock.
"""

from __future__ import annotations

import asyncio
import io
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from pydantic import SecretStr
from tests.support.loopback import Loopback

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    ModelUnavailable,
    ProviderError,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Running, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, RemoteArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.video import VideoRequest
from anymedia.engine.connection import Connection
from anymedia.engine.download import Downloads
from anymedia.engine.transport import NetworkTransport
from anymedia.providers.adapters.bedrock import BEDROCK
from anymedia.providers.spec import Brief, Job, Lookup
from anymedia.testing.double import serving
from anymedia.testing.doubles.bedrock import BUCKET, BedrockDouble, throttled
from anymedia.testing.samples import png

CORE = "stability.stable-image-core-v1:1"
LARGE = "stability.sd3-5-large-v1:0"


@pytest.fixture
def double() -> Iterator[BedrockDouble]:
    """One region on loopback."""
    double = BedrockDouble()
    with serving(double):
        yield double


def signed(double: BedrockDouble, **other: str) -> Loopback:
    """Our adapter with an access key."""
    return Loopback(BEDROCK, double.base_url, {**double.secrets, **other})


def keyed(double: BedrockDouble, key: str | None = None) -> Loopback:
    """Our adapter with a Bedrock key."""
    secrets = {"api_key": key or double.key, "region": double.secrets["region"]}
    return Loopback(BEDROCK, double.base_url, secrets)


def clip(prompt: str = "a boat", **more: Any) -> VideoRequest:
    """A request for a clip that goes to the double's bucket."""
    options = {"s3_uri": f"s3://{BUCKET}/clips"}
    return VideoRequest(model="luma.ray-v2:0", prompt=prompt, options=options, **more)


def job() -> Job:
    """What the adapter does for clips."""
    found = BEDROCK.operation("video", Job)
    assert isinstance(found, Job)
    return found


def started(ours: Loopback, request: VideoRequest, marker: str = "m-1") -> str:
    """A job's handle."""
    brief = Brief(model=ours.sheet("video", request.model), marker=marker)
    return ours.converse(job().submit(request, brief)).handle


def states(ours: Loopback, handle: str, count: int = 3) -> list[JobState]:
    """Where it stands, asked again and again."""
    return [ours.converse(job().poll(handle)) for _ in range(count)]


def test_a_picture_is_made_by_key_and_by_signature(double: BedrockDouble) -> None:
    """In the shape that was asked for; billed at the list price."""
    image = pytest.importorskip("PIL.Image")
    for ours in (keyed(double), signed(double)):
        request = ImageRequest(model=CORE, prompt="a fox", aspect_ratio="16:9", seed=5)
        answer = ours.call(request)
        assert isinstance(answer, MediaAnswer)
        (artifact,) = answer.artifacts
        assert isinstance(artifact, InlineArtifact)
        assert artifact.metadata == {"seed": 5}
        with image.open(io.BytesIO(artifact.data)) as picture:
            assert picture.width / picture.height == pytest.approx(16 / 9, rel=0.05)
    assert double.record.invoice == [(CORE, Decimal("0.04"))] * 2


def test_a_picture_is_made_after_another(double: BedrockDouble) -> None:
    """By the model that can; the others refuse."""
    source = MediaBytes(data=png(64, 64), media_type="image/png")
    request = ImageRequest(model=LARGE, prompt="make it blue", images=(source,), format="jpeg")
    answer = keyed(double).call(request)
    assert isinstance(answer, MediaAnswer)
    assert answer.artifacts[0].media_type == "image/jpeg"
    with pytest.raises(RequestRejected):
        keyed(double).call(request.model_copy(update={"model": CORE}))


@pytest.mark.parametrize(
    ("model", "prompt", "error"),
    [
        (CORE, "forbidden", ContentRefused),
        ("stability.nobody", "a fox", ModelUnavailable),
        ("amazon.nova-canvas-v1:0", "a fox", ModelUnavailable),
    ],
)
def test_what_is_not_made_is_not_billed(
    double: BedrockDouble, model: str, prompt: str, error: type[GenerationError]
) -> None:
    """A refusal inside a 200, a name that nobody has, a model that has ended."""
    with pytest.raises(error):
        keyed(double).call(ImageRequest(model=model, prompt=prompt))
    assert double.record.invoice == []


def test_nobody_else_gets_in(double: BedrockDouble) -> None:
    """A wrong key, an unknown signer, a wrong secret, another region, an old signature."""
    request = ImageRequest(model=CORE, prompt="a fox")
    for ours in (
        keyed(double, "wrong"),
        signed(double, access_key="AKIANOBODY"),
        signed(double, secret_key="wrong"),
        signed(double, region="eu-west-1"),
    ):
        with pytest.raises(AuthenticationFailed):
            ours.call(request)
    late = BedrockDouble(now=lambda: datetime.now(UTC) + timedelta(minutes=6))
    with serving(late), pytest.raises(AuthenticationFailed):
        signed(late).call(request)


def test_too_many_requests_are_told(double: BedrockDouble) -> None:
    """By their kind; nothing was taken on."""
    double.fail(throttled("/model"))
    with pytest.raises(RateLimited) as limited:
        keyed(double).call(ImageRequest(model=CORE, prompt="a fox"))
    assert limited.value.accepted == "no"


def test_a_clip_ends_in_the_bucket(double: BedrockDouble) -> None:
    """It runs, then it is there, until it is deleted; only a signature opens the bucket."""
    ours = signed(double)
    still = MediaBytes(data=png(64, 64), media_type="image/png")
    request = clip(duration_seconds=5, resolution="540p", first_frame=still)
    handle = started(ours, request)
    *before, last = states(ours, handle)
    assert before == [Running(), Running()]
    assert isinstance(last, Succeeded)
    assert double.record.invoice == [(handle, Decimal("3.75"))]
    (artifact,) = last.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert fetched(double, artifact.url)[4:8] == b"ftyp"
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{double.base_url}/{BUCKET}/clips/double000001/output.mp4")
    double.files.clear()
    with pytest.raises(ProviderError, match="404"):
        fetched(double, artifact.url)


def fetched(double: BedrockDouble, url: str) -> bytes:
    """A result, got as the engine gets it."""

    async def download() -> bytes:
        network = NetworkTransport()
        configured = ProviderSettings(
            name="bedrock",
            base_url=double.base_url,
            secrets={name: SecretStr(value) for name, value in double.secrets.items()},
        )
        connection = Connection(
            BEDROCK, configured, Settings(), transport=network, clock=SystemClock()
        )
        try:
            async with connection.download(url, Downloads(network), needs_key=True) as incoming:
                return b"".join([chunk async for chunk in incoming.chunks])
        finally:
            await network.close()

    return asyncio.run(download())


@pytest.mark.parametrize(
    ("prompt", "code"),
    [("forbidden-late", "CONTENT_POLICY_VIOLATION"), ("broken", "PROVIDER_ERROR")],
)
def test_a_clip_can_fail_at_its_end(double: BedrockDouble, prompt: str, code: str) -> None:
    """Which costs nothing here."""
    ours = keyed(double)
    last = states(ours, started(ours, clip(prompt)))[-1]
    assert isinstance(last, Failed)
    assert last.problem.code == code
    assert double.record.invoice == []


def test_the_same_start_is_the_same_job(double: BedrockDouble) -> None:
    """By our token; another request under it is a conflict, and a lost start is found again."""
    ours = keyed(double)
    first = started(ours, clip())
    assert started(ours, clip()) == first
    with pytest.raises(RequestRejected):
        started(ours, clip("another boat"))
    others = [started(ours, clip(), marker=f"m-{number}") for number in range(2, 104)]
    assert len(double.jobs) == 103
    recovery = job().recovery
    assert isinstance(recovery, Lookup)
    for marker, handle in (("m-1", first), ("m-103", others[-1]), ("m-0", None)):
        found = ours.converse(recovery.find(Brief(marker=marker), datetime.now(UTC)))
        assert (found.handle if found else None) == handle


def test_a_refused_start_makes_no_job(double: BedrockDouble) -> None:
    """By its words, its bucket or its length."""
    ours = keyed(double)
    with pytest.raises(ContentRefused):
        started(ours, clip("forbidden"))
    wrong = clip().model_copy(update={"options": {"s3_uri": "s3://somebody-elses"}})
    with pytest.raises(RequestRejected):
        started(ours, wrong)
    with pytest.raises(RequestRejected):
        started(ours, clip(duration_seconds=6))
    assert double.jobs == {}
    assert double.record.invoice == []
