"""Hugging Face: the router's chat, and each sub-provider's form for media.

Answers are written after huggingface.co/docs/inference-providers and PyPI huggingface_hub 2.4.0 (read 2026-11-21).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, Queued, Running, Succeeded
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.huggingface import HUGGINGFACE
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call, Job
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse, get

NOW = datetime(2026, 11, 21, tzinfo=UTC)

PNG = HttpResponse(200, b"\x89PNG\r\n\x1a\n...", {"content-type": "image/png"})


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), headers)


def called(
    request: Any, *answers: HttpResponse, brief: Brief | None = None
) -> tuple[list[HttpRequest], Any]:
    """What was sent for a request, and what came of it."""
    operation = HUGGINGFACE.operation(request.medium, Call)
    assert isinstance(operation, Call)
    return replay(
        operation.exchange(request, brief or Brief()), *answers, explain=HUGGINGFACE.explain
    )


def said(content: Any, **more: Any) -> dict[str, Any]:
    """A chat's answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def mapped(name: str, model: str, task: str) -> HttpResponse:
    """What the hub says of a model."""
    one = {"status": "live", "providerId": model, "task": task}
    return answer({"inferenceProviderMapping": {name: one, "unheard-of": None}})


def test_chat_lies_below_v1() -> None:
    """Media lie beside it."""
    (sent,), found = called(TextRequest(model="a/b:groq", prompt="Hi"), answer(said("Hello")))
    assert (sent.path, sent.json["model"]) == ("/v1/chat/completions", "a/b:groq")
    assert found.text == "Hello"


@pytest.mark.parametrize(
    ("name", "path", "made"),
    [
        ("hf-inference", "/hf-inference/models/a/b", PNG),
        ("fal-ai", "/fal-ai/a/b", {"images": [{"url": "https://x.test/a.png"}]}),
        ("replicate", "/replicate/v1/models/a/b/predictions", {"output": ["https://x.test/a.png"]}),
        ("together", "/together/v1/images/generations", {"data": [{"b64_json": "iVBORw0KGgo="}]}),
        ("nscale", "/nscale/v1/images/generations", {"data": [{"b64_json": "iVBORw0KGgo="}]}),
    ],
)
def test_each_sub_provider_is_asked_for_pictures_in_its_own_form(
    name: str, path: str, made: Any
) -> None:
    """The hub says who serves a model that no sheet lists."""
    request = ImageRequest(model="a/b", prompt="a boat", seed=7, aspect_ratio="1:1")
    made = made if isinstance(made, HttpResponse) else answer(made)
    (asked, sent), found = called(request, mapped(name, "a/b", "text-to-image"), made)
    assert asked.path == "/api/models/a/b"
    assert sent.path == path
    assert "a boat" in json.dumps(sent.json)
    assert len(found.artifacts) == 1
    assert found.metadata["provider"] == name


def test_a_sheet_saves_asking_the_hub() -> None:
    """One request."""
    sheet = next(one for one in catalogued("huggingface") if one.medium == "image")
    body = {"images": [{"url": "https://x.test/a.png"}]}
    request = ImageRequest(model=sheet.id, prompt="a")
    sent, _ = called(request, answer(body), brief=Brief(model=sheet))
    assert [one.path for one in sent] == ["/fal-ai/fal-ai/flux/dev"]


def test_a_model_that_nobody_serves_for_this_is_unavailable() -> None:
    """Another task does not count."""
    with pytest.raises(ModelUnavailable):
        called(ImageRequest(model="a/b", prompt="a"), mapped("fal-ai", "a/b", "text-to-video"))


def test_a_wait_that_ended_too_soon_is_not_repeated() -> None:
    """The work was begun and will be billed."""
    with pytest.raises(ProviderTimeout) as caught:
        called(
            ImageRequest(model="a/b", prompt="a"),
            mapped("replicate", "a/b", "text-to-image"),
            answer({"output": None, "status": "processing"}),
        )
    assert caught.value.accepted == "yes"


def test_speech_recordings_and_vectors_have_their_forms() -> None:
    """Raw sound out, raw sound in, nested lists of numbers."""
    sound = HttpResponse(200, b"ID3...", {"content-type": "audio/mpeg"})
    _, spoken = called(
        SpeechRequest(model="a/b", text="Hi"),
        mapped("hf-inference", "a/b", "text-to-speech"),
        sound,
    )
    assert spoken.artifacts[0].media_type == "audio/mpeg"
    recording = TranscriptionRequest(
        model="a/b", audio=MediaBytes(data=b"RIFF", media_type="audio/wav")
    )
    hearing = mapped("hf-inference", "a/b", "automatic-speech-recognition")
    (_, sent), heard = called(recording, hearing, answer({"text": "Hi"}))
    assert (sent.content, sent.content_type, heard.text) == (b"RIFF", "audio/wav", "Hi")
    texts = EmbeddingRequest(model="a/b", inputs=("x", "y"))
    mapping = mapped("hf-inference", "a/b", "feature-extraction")
    _, measured = called(texts, mapping, answer([[0.5], [1]]))
    assert measured.embeddings == ((0.5,), (1.0,))


def test_a_clip_in_fals_queue_keeps_its_path_on_the_router() -> None:
    """Complete with an error as its result is a failure."""
    job = HUGGINGFACE.operation("video", Job)
    assert isinstance(job, Job)
    explain = HUGGINGFACE.explain
    ticket = {"request_id": "r", "response_url": "https://queue.fal.run/fal-ai/wan/requests/r"}
    mapping = mapped("fal-ai", "fal-ai/wan/x", "text-to-video")
    request = VideoRequest(model="a/b", prompt="a")
    (_, sent), submitted = replay(
        job.submit(request, Brief()), mapping, answer(ticket), explain=explain
    )
    assert sent.query == {"_subdomain": "queue"}
    assert submitted.handle == "/fal-ai/fal-ai/wan/requests/r"
    done, video = (
        answer({"status": "COMPLETED"}),
        answer({"video": {"url": "https://x.test/a.mp4"}}),
    )
    states = [
        replay(job.poll(submitted.handle), *answers, explain=explain)[1]
        for answers in (
            (answer({"status": "IN_QUEUE"}),),
            (answer({"status": "NEW_WORD"}),),
            (done, video),
            (done, answer({"detail": [{"type": "content_policy_violation", "msg": "no"}]}, 422)),
        )
    ]
    assert [type(one) for one in states] == [Queued, Running, Succeeded, Failed]
    assert isinstance(states[3], Failed)
    assert states[3].problem.kind == "ContentRefused"


def test_a_clip_at_together_is_asked_for_by_its_id() -> None:
    """It has a word for failure."""
    job = HUGGINGFACE.operation("video", Job)
    assert isinstance(job, Job)
    explain = HUGGINGFACE.explain
    mapping = mapped("together", "a/b", "text-to-video")
    request = VideoRequest(model="a/b:together", prompt="a")
    _, submitted = replay(
        job.submit(request, Brief()), mapping, answer({"id": "v1"}), explain=explain
    )
    for body, kind in (
        ({}, Queued),
        ({"status": "in_progress"}, Running),
        ({"status": "completed", "outputs": {"video_url": "https://x.test/a.mp4"}}, Succeeded),
        ({"status": "failed", "error": {"message": "broke"}}, Failed),
    ):
        _, state = replay(job.poll(submitted.handle), answer(body), explain=explain)
        assert type(state) is kind


@pytest.mark.parametrize(
    ("path", "given", "url"),
    [
        ("/api/whoami-v2", {}, "https://huggingface.co/api/whoami-v2"),
        ("/v1/models", {}, "https://router.huggingface.co/v1/models"),
        ("/api/whoami-v2", {"base_url": "http://me"}, "http://me/api/whoami-v2"),
    ],
)
def test_the_hub_has_a_host_of_its_own_unless_somebody_stands_in(
    path: str, given: dict[str, str], url: str
) -> None:
    """Whoever stands in for the router is not bypassed."""
    base_url = given.get("base_url", HUGGINGFACE.base_url)
    sent = HUGGINGFACE.auth.authorize(get(path), {"api_key": "hf_k", **given}, NOW)
    assert sent.url(base_url) == url
    assert sent.headers == {"Authorization": "Bearer hf_k"}


def test_the_check_asks_the_hub_whose_token_it_is() -> None:
    """The list of models proves nothing."""
    assert HUGGINGFACE.check is not None
    sent, account = replay(
        HUGGINGFACE.check(), answer({"type": "user", "isPro": True}), explain=HUGGINGFACE.explain
    )
    assert sent[0].path.endswith("/whoami-v2")
    assert account.details == {"type": "user", "pro": True}


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"message": "x", "code": "model_not_supported"}}, ModelUnavailable),
        (400, {"error": "Model not supported by provider hf-inference"}, ModelUnavailable),
        (401, {"error": "Invalid credentials"}, AuthenticationFailed),
        (402, {"error": "You have depleted your monthly included credits."}, InsufficientCredits),
        (410, {"error": "deprecated"}, ModelUnavailable),
        (422, {"error": {"message": "no", "code": "content_policy_violation"}}, ContentRefused),
        (429, {"message": "slow down"}, RateLimited),
        (
            503,
            {"error": "Model a/b is currently loading", "estimated_time": 20},
            ProviderUnavailable,
        ),
    ],
)
def test_failures_are_told_apart(status: int, body: Any, kind: type[GenerationError]) -> None:
    """In each of the forms that bodies have."""
    assert type(HUGGINGFACE.explain(answer(body, status))) is kind
