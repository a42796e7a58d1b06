"""Bedrock: signatures, clips that end in a bucket, Stability's pictures, and its ways of failing.

Answers are written after botocore 1.44.5's description of `bedrock-runtime` and the models' cards
(read 2026-11-21); the signatures are what botocore 1.44.5 makes of the same requests.
"""

from __future__ import annotations

import base64
import contextlib
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InvalidConfiguration,
    InvalidRequest,
    MissingKey,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, Running, Succeeded
from anymedia.contracts.media import MediaBytes, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.bedrock import BEDROCK, image, video
from anymedia.providers.adapters.bedrock.signing import AmazonAccount, Credentials, signed
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse, get, post

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOST = "https://bedrock-runtime.us-west-2.amazonaws.com"
ARN = "arn:aws:bedrock:us-west-2:123456789012:async-invoke/8f0c1d2e3f4a"
PNG = MediaBytes(data=b"\x89PNG\r\n\x1a\n", media_type="image/png")
SECRETS = {"access_key": "AK", "secret_key": "SK", "region": "us-west-2"}


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), headers)


def clip(**more: Any) -> VideoRequest:
    """A request for a clip."""
    fields: dict[str, Any] = {"options": {"s3_uri": "s3://my-bucket/gw"}, "prompt": "a boat"}
    return VideoRequest.model_validate({"model": "luma.ray-v2:0", **fields, **more})


@pytest.mark.parametrize(
    ("request_", "service", "signature"),
    [
        (
            get(f"{HOST}/async-invoke/arn%3Aaws%3Abedrock%3Aus-west-2%3A1%3Aasync-invoke%2Fabc"),
            "bedrock",
            "ea561b901ff54ce911fbeb64745dc8014460f0312f9521164b6d520281255738",
        ),
        (
            get(
                f"{HOST}/async-invoke?submitTimeAfter=2026-11-21T10%3A00%3A00Z&maxResults=100"
                "&nextToken=a%2Bb%3D"
            ),
            "bedrock",
            "7885ce24bc9d48cb0a1557005ab549a9faf7a37e2c595f90a1c654270b1ad047",
        ),
        (
            post(f"{HOST}/model/luma.ray-v2%3A0/invoke", json={"a": "b"}),
            "bedrock",
            "fabc0526de4afaf048f5cab5749c8074fd3eb16d5f3440885e18e4e188f5357a",
        ),
        (
            get("https://s3.us-west-2.amazonaws.com/bucket/a%20b/output.mp4"),
            "s3",
            "cb4f390384c00d9eec2497e60857477fcd5d819d97394ebdd83b6433c2aa22ff",
        ),
    ],
)
def test_signatures_are_amazons(request_: HttpRequest, service: str, signature: str) -> None:
    """Paths, queries and bodies, with a session's token."""
    who = Credentials(
        access_key="AK", secret_key="SK", session_token="T", region="us-west-2", service=service
    )
    sent = signed(request_, who, NOW)
    assert sent.headers["Authorization"].endswith(f"Signature={signature}")
    assert sent.headers["x-amz-security-token"] == "T"
    assert sent.body("") == request_.body("")


def test_a_key_of_bedrocks_needs_no_signature_and_opens_no_bucket() -> None:
    """It goes to the region's own address, and nowhere else."""
    auth = AmazonAccount()
    key = {"api_key": "b", "region": "us-west-2"}
    sent = auth.authorize(get("/async-invoke", query={"maxResults": 1}), key, NOW)
    assert sent.url("") == f"{HOST}/async-invoke?maxResults=1"
    assert sent.headers == {"Authorization": "Bearer b"}
    stored = get("/s3/us-west-2/bucket/output.mp4")
    with pytest.raises(MissingKey):
        auth.authorize(stored, key, NOW)
    both = auth.authorize(stored, key | SECRETS, NOW)
    assert both.url("") == "https://s3.us-west-2.amazonaws.com/bucket/output.mp4"
    assert "/us-west-2/s3/aws4_request" in both.headers["Authorization"]
    for wrong in (
        (get("/x"), {**SECRETS, "region": "evil.example/"}),
        (get("/s3/evil/x"), SECRETS),
    ):
        with pytest.raises(InvalidConfiguration):
            auth.authorize(*wrong, NOW)


def test_whoever_stands_in_for_amazon_is_asked_for_everything() -> None:
    """A `base_url` wins over the region's address and over the bucket's."""
    auth = AmazonAccount()
    stood_in = SECRETS | {"base_url": "http://127.0.0.1:9", "endpoint": "https://vpc.example"}
    for path, place in (("/model/m/invoke", "/model/m/invoke"), ("/s3/us-west-2/b/k", "/b/k")):
        assert auth.authorize(get(path), stood_in, NOW).url("") == f"http://127.0.0.1:9{place}"
    assert BEDROCK.located is not None
    assert BEDROCK.located({"region": "eu-west-1"}) == (
        "https://bedrock-runtime.eu-west-1.amazonaws.com"
    )
    assert BEDROCK.located({"region": "evil.example/"}) is None


def test_a_clip_is_started_under_our_own_name() -> None:
    """So that the same start again is the same job."""
    request = clip(
        duration_seconds=5, aspect_ratio="16:9", resolution="720p", first_frame=PNG.data_uri()
    )
    request = request.model_copy(update={"first_frame": PNG})
    (sent,), found = replay(
        video.submit(request, Brief(marker="job-123")),
        answer({"invocationArn": ARN}, 200, **{"x-amzn-requestid": "r1"}),
        explain=BEDROCK.explain,
    )
    assert (sent.path, found.handle, found.request_id) == ("/async-invoke", ARN, "r1")
    assert sent.json["clientRequestToken"] == "job-123"
    assert sent.json["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"] == "s3://my-bucket/gw"
    given_ = sent.json["modelInput"]
    assert (given_["duration"], given_["resolution"]) == ("5s", "720p")
    assert given_["keyframes"]["frame0"]["source"]["media_type"] == "image/png"
    assert "s3_uri" not in given_


@pytest.mark.parametrize("place", [None, "my-bucket", "s3://X", 5])
def test_a_clip_needs_a_bucket(place: Any) -> None:
    """Said before anything is sent."""
    with pytest.raises(InvalidRequest, match="s3_uri"):
        replay(video.submit(clip(options={"s3_uri": place}), Brief()), explain=BEDROCK.explain)


def polled(**body: Any) -> Any:
    """Where a job stands."""
    (sent,), state = replay(video.poll(ARN), answer(body), explain=BEDROCK.explain)
    assert sent.path == "/async-invoke/" + ARN.replace(":", "%3A").replace("/", "%2F")
    return state


@pytest.mark.parametrize("place", ["s3://my-bucket/gw", "s3://my-bucket/gw/8f0c1d2e3f4a"])
def test_a_finished_clip_lies_below_the_jobs_id(place: str) -> None:
    """Whether the answer names the job's folder or the one above."""
    state = polled(status="Completed", outputDataConfig={"s3OutputDataConfig": {"s3Uri": place}})
    assert isinstance(state, Succeeded)
    (artifact,) = state.artifacts
    assert isinstance(artifact, RemoteArtifact)
    assert artifact.needs_key
    assert artifact.url == "/s3/us-west-2/my-bucket/gw/8f0c1d2e3f4a/output.mp4"


def test_states_and_failures_of_jobs() -> None:
    """A state that is not known yet is no failure."""
    assert polled(status="InProgress") == Running()
    assert polled(status="Paused") == Running()
    for words, code in (
        ("The output was blocked by our content filters", "CONTENT_POLICY_VIOLATION"),
        (None, "PROVIDER_ERROR"),
    ):
        state = polled(status="Failed", failureMessage=words)
        assert isinstance(state, Failed)
        assert (state.problem.code, state.problem.accepted) == (code, "yes")
    with pytest.raises(UnreadableResponse):
        polled(status="Completed")


def test_a_lost_start_is_found_by_our_name() -> None:
    """Page by page; its absence says that it never arrived."""
    pages = (
        answer({"asyncInvokeSummaries": [None, {"clientRequestToken": "x"}], "nextToken": "n"}),
        answer({"asyncInvokeSummaries": [{"clientRequestToken": "m", "invocationArn": ARN}]}),
    )
    sent, found = replay(video.find(Brief(marker="m"), NOW), *pages, explain=BEDROCK.explain)
    assert found is not None
    assert found.handle == ARN
    assert sent[0].query["submitTimeAfter"] == "2026-11-21T09:55:00Z"
    assert sent[1].query["nextToken"] == "n"
    _, nothing = replay(video.find(Brief(marker="m"), NOW), answer({}), explain=BEDROCK.explain)
    assert nothing is None


def test_who_still_goes_on_is_read_from_one_list() -> None:
    """Who is not in it is asked about apart: it may have ended, or be on another page."""
    ended, other = f"{ARN}x", f"{ARN}y"
    summaries = [
        {"invocationArn": ARN, "status": "InProgress"},
        {"invocationArn": ended, "status": "Completed"},
        {"invocationArn": other, "status": "InProgress"},
        None,
    ]
    (sent,), told = replay(
        video.poll_many((ARN, ended)),
        answer({"asyncInvokeSummaries": summaries}),
        explain=BEDROCK.explain,
    )
    assert (sent.path, sent.query["statusEquals"]) == ("/async-invoke", "InProgress")
    assert told == {ARN: Running()}


def pictured(body: Any, **more: Any) -> tuple[HttpRequest, Any]:
    """A picture asked for, and what came."""
    request = ImageRequest(
        model="stability.sd3-5-large-v1:0", prompt="a fox", options={"s3_uri": "s3://b-b"}, **more
    )
    (sent,), found = replay(image.exchange(request, Brief()), answer(body), explain=BEDROCK.explain)
    return sent, found


def test_a_picture_comes_inside_the_answer() -> None:
    """With its seed."""
    body = {"seeds": [7], "finish_reasons": [None], "images": [base64.b64encode(PNG.data).decode()]}
    sent, found = pictured(body, images=(PNG,), format="png", seed=7)
    assert sent.path == "/model/stability.sd3-5-large-v1%3A0/invoke"
    assert (sent.json["mode"], sent.json["output_format"]) == ("image-to-image", "PNG")
    assert "s3_uri" not in sent.json
    (artifact,) = found.artifacts
    assert (artifact.media_type, artifact.metadata) == ("image/png", {"seed": 7})


def test_a_picture_that_was_withheld_is_a_refusal() -> None:
    """Though it is a 200."""
    with pytest.raises(ContentRefused):
        pictured({"finish_reasons": ["Filter reason: prompt"], "images": []})
    with pytest.raises(UnreadableResponse):
        pictured({"finish_reasons": [None], "images": [None]})


@pytest.mark.parametrize(
    ("status", "kind", "message", "error"),
    [
        (400, "ValidationException", "bad field", RequestRejected),
        (400, "ValidationException", "The provided model identifier is invalid", ModelUnavailable),
        (400, "ValidationException", "blocked by content filters", ContentRefused),
        (400, "ServiceQuotaExceededException", "later", RateLimited),
        (403, "AccessDeniedException", "no", AuthenticationFailed),
        (403, "AccessDeniedException", "You don't have access to the model", ModelUnavailable),
        (404, "ResourceNotFoundException", "", ModelUnavailable),
        (408, "ModelTimeoutException", "", ProviderTimeout),
        (424, "ModelErrorException", "", ProviderUnavailable),
        (429, "ThrottlingException", "", RateLimited),
        (429, "ModelNotReadyException", "", ProviderUnavailable),
        (500, "InternalServerException", "", ProviderUnavailable),
        (503, "ServiceUnavailableException", "", ProviderUnavailable),
    ],
)
def test_failures(status: int, kind: str, message: str, error: type[GenerationError]) -> None:
    """By the kind, which stands in a header or in the body."""
    for found in (
        BEDROCK.explain(
            answer({"message": message}, status, **{"x-amzn-errortype": f"{kind}:http://x"})
        ),
        BEDROCK.explain(answer({"__type": f"aws#{kind}", "message": message}, status)),
    ):
        assert type(found) is error


@given(st.binary(), st.integers(200, 599))
def test_whatever_comes_ends_in_errors_of_ours(body: bytes, status: int) -> None:
    """Never in a crash."""
    response = HttpResponse(status, body)
    assert isinstance(BEDROCK.explain(response), ProviderError)
    for exchange in (
        video.submit(clip(), Brief()),
        video.poll(ARN),
        video.find(Brief(marker="m"), NOW),
        image.exchange(ImageRequest(model="m", prompt="x"), Brief()),
    ):
        with contextlib.suppress(GenerationError):
            replay(exchange, response, explain=BEDROCK.explain)
