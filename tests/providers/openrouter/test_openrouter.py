"""OpenRouter: reported cost, failures inside a 200, images, video jobs.

Answers are written after openrouter.ai/docs and PyPI openrouter 1.3.84 (read 2026-11-21).
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.recordings import streamed

from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.openrouter import OPENROUTER
from anymedia.providers.spec import Brief, Call, Job, Stream
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A JSON answer."""
    return HttpResponse(status, json.dumps(body).encode(), headers)


def called(
    request: Any, *answers: HttpResponse, brief: Brief | None = None
) -> tuple[list[HttpRequest], Any]:
    """What was sent for a request, and what came of it."""
    operation = OPENROUTER.operation(request.medium, Call)
    assert isinstance(operation, Call)
    return replay(
        operation.exchange(request, brief or Brief()), *answers, explain=OPENROUTER.explain
    )


def said(content: Any, **more: Any) -> dict[str, Any]:
    """A chat's answer."""
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": "stop",
    }
    return {"id": "c1", "model": "m", "choices": [choice], **more}


def test_what_it_cost_who_served_it_and_the_details_of_reasoning_are_kept() -> None:
    """The details go back unchanged in the next turn."""
    body = said("Red.", usage={"cost": 0.5, "is_byok": False}, provider="Acme")
    body["choices"][0]["message"]["reasoning_details"] = [{"type": "reasoning.text", "text": "Hm"}]
    request = TextRequest(model="m", prompt="Hi", options={"provider": {"sort": "price"}})
    (sent,), found = called(request, answer(body))
    assert sent.json["provider"] == {"sort": "price"}
    assert (float(found.reported_cost), found.metadata["provider"]) == (0.5, "Acme")
    history = {"role": "assistant", "content": "Red.", "provider_state": found.provider_state}
    again = TextRequest.model_validate(
        {"model": "m", "messages": [history, {"role": "user", "content": "Why?"}]}
    )
    (sent,), _ = called(again, answer(said("So.")))
    assert sent.json["messages"][0]["reasoning_details"] == [
        {"type": "reasoning.text", "text": "Hm"}
    ]


def test_a_failure_inside_a_200_is_read_by_its_own_words() -> None:
    """Status and kind stand inside the choice."""
    error = {"code": 429, "message": "slow", "metadata": {"error_type": "rate_limit_exceeded"}}
    body = {"choices": [{"message": {"content": ""}, "finish_reason": "error", "error": error}]}
    with pytest.raises(RateLimited):
        called(TextRequest(model="m", prompt="Hi"), answer(body))


def test_a_failure_in_the_middle_of_a_stream_is_read_the_same_way() -> None:
    """With comments around it."""
    chunk = {
        "error": {
            "code": 502,
            "message": "gone",
            "metadata": {"error_type": "provider_unavailable"},
        },
        "choices": [{"delta": {"content": ""}, "finish_reason": "error"}],
    }
    operation = OPENROUTER.operation("text", Stream)
    assert isinstance(operation, Stream)
    decoder = operation.decoder(TextRequest(model="m", prompt="Hi"), Brief(), HttpResponse(200))
    with pytest.raises(ProviderUnavailable):
        streamed(decoder, b": WAIT\n\ndata: " + json.dumps(chunk).encode() + b"\n\n", 7)


def test_streamed_details_of_reasoning_are_joined() -> None:
    """Fragments of one index are one detail."""
    deltas = [{"type": "reasoning.text", "index": 0, "text": text} for text in ("H", "m")]
    events: list[Any] = [{"choices": [{"delta": {"reasoning_details": [one]}}]} for one in deltas]
    events.append({"choices": [{"delta": {"content": "Hi"}, "finish_reason": "stop"}]})
    content = b"".join(b"data: " + json.dumps(one).encode() + b"\n\n" for one in events)
    operation = OPENROUTER.operation("text", Stream)
    assert isinstance(operation, Stream)
    decoder = operation.decoder(TextRequest(model="m", prompt="Hi"), Brief(), HttpResponse(200))
    last: Any = streamed(decoder, content, 7)[-1]
    state = last.answer.provider_state["openrouter"]["reasoning_details"]
    assert [one["text"] for one in state] == ["Hm"]


def test_images_are_asked_by_tier_and_ratio() -> None:
    """Pictures to go by are references."""
    request = ImageRequest(
        model="m", prompt="a", resolution="2k", aspect_ratio="16:9", images=(MediaBytes(data=b"x"),)
    )
    body = {
        "data": [{"b64_json": "iVBORw0KGgo=", "media_type": "image/png"}],
        "usage": {"cost": 0.04},
    }
    (sent,), made = called(request, answer(body))
    assert (sent.path, sent.json["resolution"]) == ("/images", "2K")
    assert len(sent.json["input_references"]) == 1
    assert float(made.reported_cost) == 0.04


def test_a_recording_travels_inside_json() -> None:
    """With its format by name."""
    sound = MediaBytes(data=b"RIFF", media_type="audio/wav")
    usage = {"seconds": 2.1, "cost": 0.0002}
    (sent,), heard = called(
        TranscriptionRequest(model="m", audio=sound), answer({"text": "Hi", "usage": usage})
    )
    assert sent.json["input_audio"]["format"] == "wav"
    assert (float(heard.usage.seconds), float(heard.reported_cost)) == (2.1, 0.0002)


@pytest.mark.parametrize(
    ("told", "state"),
    [
        ({"status": "pending"}, Queued),
        ({"status": "in_progress"}, Running),
        ({"status": "dreaming"}, Running),
        ({}, Running),
        ({"status": "completed", "usage": {"cost": 0.25}}, Succeeded),
        ({"status": "failed", "error": "flagged by moderation"}, Failed),
        ({"status": "expired"}, Failed),
        ({"status": "cancelled"}, Stopped),
    ],
)
def test_a_video_is_submitted_and_asked_for(told: dict[str, Any], state: type) -> None:
    """Whatever state it is in, or may come to be in."""
    job = OPENROUTER.operation("video", Job)
    assert isinstance(job, Job)
    request = VideoRequest(model="m", prompt="a", duration_seconds=8, audio=False)
    brief = Brief(callback_url="https://us.test/hook")
    (sent,), submitted = replay(
        job.submit(request, brief),
        answer({"id": "gen-1", "status": "pending"}, 202),
        explain=OPENROUTER.explain,
    )
    assert (sent.json["duration"], sent.json["generate_audio"]) == (8, False)
    assert sent.json["callback_url"] == brief.callback_url
    _, stands = replay(job.poll(submitted.handle), answer(told), explain=OPENROUTER.explain)
    assert type(stands) is state
    if isinstance(stands, Failed) and told["status"] == "failed":
        assert stands.problem.kind == "ContentRefused"


@pytest.mark.parametrize(
    ("status", "metadata", "kind"),
    [
        (402, {"limit_source": "openrouter_credits"}, InsufficientCredits),
        (402, {"limit_source": "openrouter_in_flight_budget"}, RateLimited),
        (403, {"reasons": ["violence"], "flagged_input": "x"}, ContentRefused),
        (403, {"limit_source": "openrouter_key_limit"}, InsufficientCredits),
        (404, {"error_type": "no_endpoints"}, ModelUnavailable),
        (404, {"error_type": "constraint_filtered"}, RequestRejected),
        (429, {"error_type": "rate_limit_exceeded"}, RateLimited),
        (529, {}, ProviderUnavailable),
    ],
)
def test_failures_are_told_apart(
    status: int, metadata: dict[str, Any], kind: type[GenerationError]
) -> None:
    """One status stands for several things; the metadata decides."""
    body = {"error": {"code": status, "message": "no", "metadata": metadata}}
    assert type(OPENROUTER.explain(answer(body, status))) is kind


def test_its_word_on_availability_counts() -> None:
    """Whether and when to try again."""
    error = {"http_status": 503, "availability": {"retryable": False, "retry_after": 9}}
    found = OPENROUTER.explain(answer({"error": error}, 503))
    assert found.retryable is False
    assert found.retry_after == 9
