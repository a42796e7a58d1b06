"""What Vertex AI serves besides: credentials, Imagen, Veo, Lyria 2, and vectors by `predict`.

Answers are written after https://docs.cloud.google.com/vertex-ai/generative-ai/docs/model-reference
(2026-11-21).
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from tests.providers.google.answering import (
    FAILURES,
    PNG,
    brief,
    called,
    encoded,
    job,
    polled,
    response,
    submitted,
)

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    MissingKey,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, Running, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.vertex import VERTEX, VERTEX_AI
from anymedia.providers.adapters.vertex.auth import GoogleCloud
from anymedia.providers.catalog import catalogued
from anymedia.wire.auth import GrantingAuth, Token
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse, post

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PEM = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
ACCOUNT = {
    "type": "service_account",
    "client_email": "bot@acme.iam.gserviceaccount.com",
    "private_key": PEM,
    "private_key_id": "k1",
    "project_id": "acme",
    "token_uri": "https://oauth2.googleapis.com/token",
}
PERSON = {
    "type": "authorized_user",
    "client_id": "c",
    "client_secret": "s",
    "refresh_token": "r",
    "quota_project_id": "billed",
}
GRANTED = response({"access_token": "ya29.x", "expires_in": 3599, "token_type": "Bearer"})
PATH = VERTEX_AI.method("gemini-3.8-flash", "generateContent")
AUTH = GoogleCloud()


def granted(secrets: Mapping[str, str], *answers: HttpResponse) -> tuple[list[HttpRequest], Token]:
    """A token, and how it was got."""
    return replay(AUTH.grant(secrets, NOW), *answers, explain=VERTEX.explain)


def authorized(**secrets: str) -> HttpRequest:
    """A request with its proof."""
    return AUTH.authorize(post(PATH), secrets, NOW)


# --- credentials ----------------------------------------------------------------------------


def test_a_service_account_signs_a_request_for_a_token() -> None:
    """The signature is checked here with the public key."""
    assert isinstance(AUTH, GrantingAuth)
    sent, token = granted({"credentials": json.dumps(ACCOUNT)}, GRANTED)
    (request,) = sent
    assert (request.path, request.authorize) == (ACCOUNT["token_uri"], False)
    assert request.form is not None
    assert request.form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    head, claims, signature = request.form["assertion"].split(".")
    assert unpacked(head) == {"alg": "RS256", "typ": "JWT", "kid": "k1"}
    assert unpacked(claims) == {
        "iss": ACCOUNT["client_email"],
        "scope": "https://www.googleapis.com/auth/cloud-platform",
        "aud": ACCOUNT["token_uri"],
        "iat": int(NOW.timestamp()),
        "exp": int(NOW.timestamp()) + 3600,
    }
    signed = base64.urlsafe_b64decode(signature + "==")
    KEY.public_key().verify(
        signed, f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256()
    )
    assert token == Token(value="ya29.x", expires_at=NOW + timedelta(seconds=3599))
    assert PEM not in repr(request)


def unpacked(part: str) -> Any:
    """A part of a JSON Web Token."""
    return json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def test_a_key_may_stand_in_variables_with_its_line_ends_written_out() -> None:
    """As other tools have it."""
    escaped = PEM.replace("\n", "\\n")
    secrets = {"client_email": "bot@acme.test", "private_key": escaped}
    sent, token = granted(secrets, GRANTED)
    assert sent[0].path == "https://oauth2.googleapis.com/token"
    assert token.value == "ya29.x"


def test_a_persons_file_is_refreshed_and_its_project_is_billed() -> None:
    """The file of `gcloud auth application-default login`."""
    secrets = {"credentials": json.dumps(PERSON)}
    sent, _ = granted(secrets, GRANTED)
    assert sent[0].form == {
        "grant_type": "refresh_token",
        "client_id": "c",
        "client_secret": "s",
        "refresh_token": "r",
    }
    request = authorized(**secrets, token="t")
    assert request.headers["x-goog-user-project"] == "billed"
    assert "/projects/billed/locations/global/" in request.path


def test_a_machine_of_googles_asks_beside_it() -> None:
    """Nothing is stored there."""
    sent, _ = granted({"credentials": "metadata"}, GRANTED)
    assert sent[0].path.startswith("http://metadata.google.internal/")
    assert sent[0].headers == {"Metadata-Flavor": "Google"}


def test_a_token_that_was_handed_out_is_used_and_asked_for_again_soon() -> None:
    """Nobody says when it ends."""
    sent, token = granted({"access_token": "ya29.y"})
    assert sent == []
    assert token.value == "ya29.y"
    assert token.expires_at > NOW


@pytest.mark.parametrize(
    "secrets",
    [
        {"credentials": "/home/me/key.json"},
        {"credentials": '{"type": "external_account"}'},
        {"credentials": "[]"},
        {"client_email": "a", "private_key": "secret-words"},
        {"client_email": "a", "private_key": "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END"},
    ],
)
def test_credentials_that_cannot_be_used_are_not_quoted(secrets: dict[str, str]) -> None:
    """The message says what is expected."""
    with pytest.raises(AuthenticationFailed) as caught:
        granted(secrets)
    assert "secret-words" not in caught.value.message
    assert "/home/me" not in caught.value.message


def test_a_key_of_another_kind_cannot_sign() -> None:
    """Google wants RSA."""
    other = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    with pytest.raises(AuthenticationFailed):
        granted({"client_email": "a", "private_key": other.decode()})


def test_a_token_server_that_says_no_or_nothing() -> None:
    """A revoked grant is a 400 (docs, OAuth 2.0 errors, 2026-11)."""
    secrets = {"credentials": json.dumps(PERSON)}
    with pytest.raises(GenerationError):
        granted(secrets, response({"error": "invalid_grant"}, 400))
    with pytest.raises(UnreadableResponse):
        granted(secrets, response({}))
    _, token = granted(secrets, response({"access_token": "t", "expires_in": -1}))
    assert token.expires_at > NOW


def test_the_place_is_filled_in() -> None:
    """The account's own project, unless another is configured; `global` unless said."""
    secrets = {"credentials": json.dumps(ACCOUNT), "token": "t"}
    request = authorized(**secrets)
    assert request.headers == {"Authorization": "Bearer t"}
    assert "/projects/acme/locations/global/publishers/" in request.path
    request = authorized(**secrets, project="other", location="us-central1")
    assert "/projects/other/locations/us-central1/publishers/" in request.path
    interactions = AUTH.authorize(post(VERTEX_AI.interactions), {**secrets, "location": "eu"}, NOW)
    assert interactions.path == "/v1beta1/projects/acme/locations/global/interactions"


def test_a_key_alone_needs_no_place() -> None:
    """Express mode."""
    _, token = granted({"api_key": "AIza"})
    assert token.value == ""
    request = authorized(api_key="AIza", token="")
    assert request.path == "/v1beta1/publishers/google/models/gemini-3.8-flash:generateContent"
    assert request.headers == {"x-goog-api-key": "AIza"}


@pytest.mark.parametrize("project", ["", "a/../b", "x y"])
def test_a_project_that_is_missing_or_no_name_is_refused(project: str) -> None:
    """It becomes a part of a path."""
    with pytest.raises(MissingKey, match="GOOGLE_CLOUD_PROJECT"):
        authorized(access_token="t", token="t", project=project)


@pytest.mark.parametrize(
    ("secrets", "missing"),
    [
        ({}, {"credentials", "project"}),
        ({"project": "p"}, {"credentials"}),
        ({"access_token": "t"}, {"project"}),
        ({"client_email": "a", "project": "p"}, {"credentials"}),
        ({"client_email": "a", "private_key": "k", "project": "p"}, set()),
        ({"credentials": "{}"}, set()),
        ({"api_key": "k"}, set()),
    ],
)
def test_one_way_to_prove_it_is_enough(secrets: dict[str, str], missing: set[str]) -> None:
    """Whatever is configured."""
    found = {one.name for one in AUTH.secrets if one.missing_from(secrets)}
    assert found == missing


# --- Imagen ---------------------------------------------------------------------------------

IMAGEN = brief(VERTEX, "image", "imagen-4.0-generate-001")


def test_imagen_makes_pictures_by_predict() -> None:
    """A seed excludes the watermark; the words that it used are kept."""
    request = ImageRequest(
        model="imagen-4.0-generate-001",
        prompt="a dot",
        count=2,
        aspect_ratio="1:1",
        resolution="2k",
        format="png",
        seed=5,
        options={"language": "en", "parameters": {"guidanceScale": 3}},
    )
    made = {"bytesBase64Encoded": encoded(PNG), "mimeType": "image/png", "prompt": "a red dot"}
    held = {"raiFilteredReason": "no children"}
    sent, answer = called(VERTEX, request, response({"predictions": [made, held]}), given=IMAGEN)
    assert sent[0].path.endswith("/models/imagen-4.0-generate-001:predict")
    assert sent[0].json == {
        "instances": [{"prompt": "a dot"}],
        "parameters": {
            "sampleCount": 2,
            "aspectRatio": "1:1",
            "sampleImageSize": "2K",
            "seed": 5,
            "addWatermark": False,
            "outputOptions": {"mimeType": "image/png"},
            "includeRaiReason": True,
            "guidanceScale": 3,
            "language": "en",
        },
    }
    assert answer.usage.images == 1
    assert answer.artifacts[0].metadata == {"revised_prompt": "a red dot"}
    assert "no children" in answer.warnings[0].message


@pytest.mark.parametrize("body", [{}, {"predictions": [{"raiFilteredReason": "no"}]}])
def test_pictures_that_are_all_held_back_are_a_refusal(body: dict[str, Any]) -> None:
    """With or without a trace."""
    with pytest.raises(ContentRefused) as caught:
        called(VERTEX, ImageRequest(prompt="x"), response(body), given=IMAGEN)
    assert caught.value.accepted == "no"


@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_predict_fails_with_our_errors(answer: HttpResponse, kind: str) -> None:
    """Pictures, music and vectors alike."""
    cases: list[tuple[Any, Any]] = [
        (ImageRequest(prompt="x"), IMAGEN),
        (AudioRequest(prompt="x"), brief(VERTEX, "audio", "lyria-002")),
        (EmbeddingRequest(inputs=("x",)), brief(VERTEX, "embedding", "gemini-embedding-001")),
        (EmbeddingRequest(inputs=("x",)), brief(VERTEX, "embedding", "gemini-embedding-2")),
    ]
    for request, given in cases:
        with pytest.raises(GenerationError) as caught:
            called(VERTEX, request, answer, given=given)
        assert type(caught.value).__name__ == kind


# --- music and vectors ----------------------------------------------------------------------


def test_lyria_2_takes_a_seed_or_a_number() -> None:
    """They exclude each other."""
    given = brief(VERTEX, "audio", "lyria-002")
    answer = response(
        {"predictions": [{"audioContent": encoded(b"RIFF"), "mimeType": "audio/wav"}]}
    )
    request = AudioRequest(model="lyria-002", prompt="x", options={"negative_prompt": "drums"})
    sent, made = called(VERTEX, request, answer, given=given)
    assert sent[0].json == {
        "instances": [{"prompt": "x", "negative_prompt": "drums"}],
        "parameters": {"sample_count": 1},
    }
    assert (made.artifacts[0].data, made.usage.requests) == (b"RIFF", 1)
    sent, _ = called(VERTEX, request.model_copy(update={"seed": 2}), answer, given=given)
    assert sent[0].json["instances"][0]["seed"] == 2
    assert sent[0].json["parameters"] == {}


def test_older_vectors_are_predicted_one_by_one() -> None:
    """Tokens are counted together."""
    given = brief(VERTEX, "embedding", "gemini-embedding-001")
    request = EmbeddingRequest(
        model="gemini-embedding-001", inputs=("a", "b"), purpose="document", dimensions=2
    )
    answers = [
        response(
            {"predictions": [{"embeddings": {"values": [n, 0], "statistics": {"token_count": 3}}}]}
        )
        for n in (1, 2)
    ]
    sent, answer = called(VERTEX, request, *answers, given=given)
    assert sent[1].json == {
        "instances": [{"content": "b", "task_type": "RETRIEVAL_DOCUMENT"}],
        "parameters": {"outputDimensionality": 2},
    }
    assert answer.embeddings == ((1.0, 0.0), (2.0, 0.0))
    assert answer.usage.input_tokens == 6


def test_newer_vectors_are_embedded_one_by_one() -> None:
    """Their usage is told like that of text."""
    given = brief(VERTEX, "embedding", "gemini-embedding-2")
    request = EmbeddingRequest(model="gemini-embedding-2", inputs=("a", "b"))
    found = {"embedding": {"values": [1]}, "usageMetadata": {"promptTokenCount": 4}}
    sent, answer = called(VERTEX, request, response(found), response(found), given=given)
    assert sent[0].path.endswith(":embedContent")
    assert sent[0].json == {"content": {"parts": [{"text": "a"}]}}
    assert answer.embeddings == ((1.0,), (1.0,))
    assert answer.usage.input_tokens == 8


# --- Veo ------------------------------------------------------------------------------------

VEO = "veo-3.1-fast-generate-001"
NAME = f"projects/p/locations/global/publishers/google/models/{VEO}/operations/u-1"


def test_veo_starts_an_operation() -> None:
    """Frames travel inside, or lie in a bucket."""
    request = VideoRequest(
        model=VEO,
        prompt="a boat",
        negative_prompt="text",
        first_frame=MediaBytes(data=PNG, media_type="image/png"),
        last_frame=MediaUrl(url="gs://b/x.png"),
        aspect_ratio="16:9",
        resolution="1080p",
        duration_seconds=8,
        audio=False,
        seed=7,
        options={"storageUri": "gs://b/out/", "personGeneration": "allow_adult"},
    )
    given = brief(VERTEX, "video", VEO, marker="att_1")
    sent, found = submitted(VERTEX, request, response({"name": NAME}), given)
    assert sent.path.endswith(f"/models/{VEO}:predictLongRunning")
    assert sent.json == {
        "instances": [
            {
                "prompt": "a boat",
                "image": {"bytesBase64Encoded": encoded(PNG), "mimeType": "image/png"},
                "lastFrame": {"gcsUri": "gs://b/x.png", "mimeType": "image/png"},
            }
        ],
        "parameters": {
            "sampleCount": 1,
            "aspectRatio": "16:9",
            "resolution": "1080p",
            "durationSeconds": 8,
            "generateAudio": False,
            "negativePrompt": "text",
            "seed": 7,
            "storageUri": "gs://b/out/",
            "personGeneration": "allow_adult",
        },
        "labels": {"anymedia": "att_1"},
    }
    assert (found.handle, found.request_id) == (NAME, "u-1")


def test_references_are_assets() -> None:
    """People and things to keep to."""
    request = VideoRequest(model=VEO, prompt="x", references=(MediaUrl(url="gs://b/y.jpg"),))
    sent, _ = submitted(VERTEX, request, response({"name": NAME}), brief(VERTEX, "video", VEO))
    assert sent.json["instances"][0]["referenceImages"] == [
        {"image": {"gcsUri": "gs://b/y.jpg", "mimeType": "image/jpeg"}, "referenceType": "asset"}
    ]


@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_veo_fails_with_our_errors(answer: HttpResponse, kind: str) -> None:
    """An unreadable answer may have been an acceptance."""
    with pytest.raises(GenerationError) as caught:
        submitted(VERTEX, VideoRequest(prompt="x"), answer, brief(VERTEX, "video", VEO))
    assert type(caught.value).__name__ == kind


def test_an_operation_is_asked_for_through_its_model() -> None:
    """By a POST; there is no progress."""
    sent, state = polled(VERTEX, NAME, {"name": NAME})
    assert sent.method == "POST"
    assert sent.path.endswith(f"/models/{VEO}:fetchPredictOperation")
    assert sent.json == {"operationName": NAME}
    assert state == Running()


@pytest.mark.parametrize(
    ("clip", "stage"),
    [
        ({"gcsUri": "gs://b/a.mp4", "mimeType": "video/mp4"}, "remote"),
        ({"bytesBase64Encoded": "AAAA", "mimeType": "video/mp4"}, "inline"),
    ],
)
def test_clips_lie_in_the_bucket_or_inside(clip: dict[str, str], stage: str) -> None:
    """What was held back beside them is told."""
    made = {"videos": [clip, None, {}], "raiMediaFilteredReasons": ["one was held back"]}
    _, state = polled(VERTEX, NAME, {"done": True, "response": made})
    assert isinstance(state, Succeeded)
    assert [one.stage for one in state.artifacts] == [stage]
    assert len(state.warnings) == 1


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            {"done": True, "error": {"code": 3, "message": "usage guidelines"}},
            "CONTENT_POLICY_VIOLATION",
        ),
        ({"done": True, "error": {"code": 3, "message": "bad ratio"}}, "INVALID_REQUEST"),
        ({"done": True, "error": {"code": 8, "message": "x"}}, "RATE_LIMIT_EXCEEDED"),
        ({"done": True, "error": {"code": 13, "message": "x"}}, "PROVIDER_ERROR"),
        ({"done": True, "response": {"raiMediaFilteredCount": 1}}, "CONTENT_POLICY_VIOLATION"),
        (
            {"done": True, "response": {"raiMediaFilteredReasons": ["no"]}},
            "CONTENT_POLICY_VIOLATION",
        ),
        ({"done": True}, "PROVIDER_ERROR"),
    ],
)
def test_an_operation_that_fails_says_why(body: dict[str, Any], code: str) -> None:
    """The number that gRPC has for it, and what it speaks of."""
    _, state = polled(VERTEX, NAME, body)
    assert isinstance(state, Failed)
    assert state.problem.code == code


@pytest.mark.parametrize(("status", "outcome"), [(200, "requested"), (404, "impossible")])
def test_an_operation_can_be_asked_to_stop(status: int, outcome: str) -> None:
    """Whether it heeds that is not documented."""
    cancel = job(VERTEX).cancel
    assert cancel is not None
    sent, found = replay(cancel(NAME), response({}, status), explain=VERTEX.explain)
    assert sent[0].path == f"/v1beta1/{NAME}:cancel"
    assert found == outcome


# --- the catalogue --------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["google", "vertex"])
def test_every_model_has_one_row(name: str) -> None:
    """A second one of the same id would hide the first."""
    ids = [model.id for model in catalogued(name)]
    assert len(ids) == len(set(ids))
