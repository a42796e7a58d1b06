"""Clips and music through interactions, and what calls about them say.

Answers are written after https://ai.google.dev/gemini-api/docs/interactions and the types of
PyPI google-genai 3.4.0 (2026-11-21).
"""

from __future__ import annotations

from typing import Any

import pytest
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
from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    UnreadableResponse,
)
from anymedia.contracts.job import Failed, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.google import GOOGLE
from anymedia.providers.adapters.vertex import VERTEX
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpResponse

OMNI = "gemini-omni-1.1-flash"
PICTURE = MediaBytes(data=PNG, media_type="image/png")
URI = "https://generativelanguage.googleapis.com/v1/files/abc:download?alt=media"
CLIP = {"type": "video", "mime_type": "video/mp4", "uri": URI}
USAGE = {
    "total_input_tokens": 12,
    "total_output_tokens": 46_336,
    "total_thought_tokens": 4,
    "total_tokens": 46_352,
    "output_tokens_by_modality": [{"modality": "video", "tokens": 46_336}],
}
RUNNING = response({"id": "v1_a", "status": "in_progress"})


def interaction(status: str, *content: Any, **more: Any) -> dict[str, Any]:
    """An interaction that has come so far."""
    steps = [{"type": "user_input", "content": [{"type": "text", "text": "x"}]}]
    if content:
        steps.append({"type": "model_output", "content": list(content)})
    return {"id": "v1_a", "status": status, "model": OMNI, "steps": steps, **more}


# --- clips ----------------------------------------------------------------------------------


def test_a_clip_is_asked_for_in_the_background() -> None:
    """It lies at Google then; our name of it and our address go along."""
    request = VideoRequest(
        model=OMNI,
        prompt="A marble",
        aspect_ratio="16:9",
        resolution="720p",
        duration_seconds=8,
        seed=7,
    )
    given = Brief(marker="att_1", callback_url="https://us.test/hook")
    sent, found = submitted(GOOGLE, request, RUNNING, given)
    assert sent.path == "/v1/interactions"
    assert sent.json == {
        "model": OMNI,
        "input": [{"type": "text", "text": "A marble"}],
        "background": True,
        "store": True,
        "response_format": {
            "type": "video",
            "aspect_ratio": "16:9",
            "resolution": "720p",
            "duration": "8s",
            "delivery": "uri",
        },
        "generation_config": {"video_config": {"task": "text_to_video"}, "seed": 7},
        "labels": {"anymedia": "att_1"},
        "webhook_config": {
            "uris": ["https://us.test/hook"],
            "user_metadata": {"anymedia": "att_1"},
        },
    }
    assert (found.handle, found.state) == ("v1_a", Running())


@pytest.mark.parametrize(
    ("given", "task", "kinds"),
    [
        ({"first_frame": PICTURE}, "image_to_video", ["image"]),
        ({"first_frame": PICTURE, "last_frame": PICTURE}, "image_to_video", ["image", "image"]),
        ({"references": (PICTURE,)}, "reference_to_video", ["image"]),
        ({"video": MediaUrl(url="https://x.test/a.mp4")}, "edit", ["video"]),
        ({"video": MediaUrl(url="https://x.test/a"), "mode": "extend"}, "extend", ["video"]),
    ],
)
def test_media_come_first_and_name_the_task(
    given: dict[str, Any], task: str, kinds: list[str]
) -> None:
    """Bytes inside, or where they lie."""
    request = VideoRequest(model=OMNI, **given)
    sent, _ = submitted(GOOGLE, request, RUNNING)
    assert sent.json["generation_config"]["video_config"] == {"task": task}
    assert [one["type"] for one in sent.json["input"]] == kinds
    first = sent.json["input"][0]
    if kinds[0] == "image":
        assert first == {"type": "image", "data": encoded(PNG), "mime_type": "image/png"}
    else:
        assert first["uri"].startswith("https://x.test/a")
    assert "labels" not in sent.json


def test_the_callers_options_are_laid_over_ours() -> None:
    """As deep as objects go, so that nothing beside them is lost."""
    options = {"generation_config": {"video_config": {"task": "upscale"}}, "service_tier": "flex"}
    request = VideoRequest(model=OMNI, prompt="x", seed=1, options=options)
    sent, _ = submitted(GOOGLE, request, RUNNING)
    assert sent.json["generation_config"] == {"video_config": {"task": "upscale"}, "seed": 1}
    assert sent.json["service_tier"] == "flex"


@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_a_submission_that_fails_is_explained(answer: HttpResponse, kind: str) -> None:
    """Limits, credentials, servers, pages and nothing at all."""
    with pytest.raises(GenerationError) as caught:
        submitted(GOOGLE, VideoRequest(model=OMNI, prompt="x"), answer)
    assert type(caught.value).__name__ == kind
    if kind in {"UnreadableResponse", "ProviderUnavailable"}:
        assert caught.value.accepted == "unknown"


def test_a_submission_without_an_id_may_have_been_accepted() -> None:
    """Nobody could ask for it again."""
    with pytest.raises(UnreadableResponse) as caught:
        submitted(GOOGLE, VideoRequest(model=OMNI, prompt="x"), response({"status": "queued"}))
    assert caught.value.accepted == "unknown"


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("queued", Queued()),
        ("in_progress", Running()),
        ("polishing", Running()),
        (None, Running()),
        ("cancelled", Stopped()),
    ],
)
def test_states_are_understood_and_unknown_ones_go_on(status: Any, state: Any) -> None:
    """The interaction is asked for by its id."""
    sent, found = polled(GOOGLE, "v1_a", {"id": "v1_a", "status": status, "steps": None})
    assert (sent.method, sent.path) == ("GET", "/v1/interactions/v1_a")
    assert found == state


@pytest.mark.parametrize("uri", [URI, URI.partition(":download")[0]])
def test_a_clip_that_is_done_is_fetched_with_the_key(uri: str) -> None:
    """Where its bytes are, as a key cannot follow a redirect; thoughts stand beside the output."""
    made = interaction("completed", {**CLIP, "uri": uri}, usage=USAGE)
    _, state = polled(GOOGLE, "v1_a", made)
    assert isinstance(state, Succeeded)
    (clip,) = state.artifacts
    where = URI.replace(".com/v1/", ".com/download/v1/")
    assert (clip.stage, clip.url, clip.needs_key) == ("remote", where, True)  # type: ignore[union-attr]
    assert (state.usage.input_tokens, state.usage.output_tokens) == (12, 46_340)
    assert state.usage.reasoning_tokens == 4
    assert (state.model, state.request_id) == (OMNI, "v1_a")


@pytest.mark.parametrize(
    "body",
    [
        {"status": "completed", "outputs": [{"type": "video", "data": "AAAA"}]},
        {"status": "completed", "steps": [], "output_video": {"type": "video", "data": "AAAA"}},
    ],
)
def test_clips_are_found_where_older_answers_have_them(body: dict[str, Any]) -> None:
    """Inline, too."""
    _, state = polled(GOOGLE, "v1_a", body)
    assert isinstance(state, Succeeded)
    assert state.artifacts[0].data == b"\0\0\0"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (
            interaction("failed", errors=[{"code": "type.x/errors/safety", "message": "no"}]),
            "CONTENT_POLICY_VIOLATION",
        ),
        (interaction("failed", errors=[{"code": 13, "message": "oops"}, None]), "PROVIDER_ERROR"),
        (interaction("failed", errors=[{"code": 8}]), "RATE_LIMIT_EXCEEDED"),
        (interaction("budget_exceeded"), "INSUFFICIENT_CREDITS"),
        (interaction("incomplete"), "PROVIDER_ERROR"),
        (interaction("requires_action"), "PROVIDER_ERROR"),
        (interaction("completed"), "PROVIDER_ERROR"),
        (interaction("completed", {"type": "text", "text": "Sorry"}), "PROVIDER_ERROR"),
        ({"error": {"code": 403, "message": "no"}}, "AUTHENTICATION_FAILED"),
    ],
)
def test_an_interaction_that_fails_says_why(body: dict[str, Any], code: str) -> None:
    """By its code, its state, or what it has instead of a clip."""
    _, state = polled(GOOGLE, "v1_a", body)
    assert isinstance(state, Failed)
    assert state.problem.code == code
    assert "Sorry" not in state.problem.message


@pytest.mark.parametrize(
    ("answer", "outcome"),
    [
        (response({"status": "cancelled"}), "confirmed"),
        (response({"status": "in_progress"}), "requested"),
        (response({"error": {"message": "it has ended"}}, 400), "impossible"),
    ],
)
def test_a_clip_can_be_cancelled(answer: HttpResponse, outcome: str) -> None:
    """Unless it has ended."""
    cancel = job(GOOGLE).cancel
    assert cancel is not None
    sent, found = replay(cancel("v1_a"), answer, explain=GOOGLE.explain)
    assert (sent[0].path, found) == ("/v1/interactions/v1_a/cancel", outcome)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type": "interaction.completed", "data": {"id": "v1_a"}}',
        b'{"data": {"name": "interactions/v1_a", "id": null}}',
        b'{"interaction": {"id": "v1_a"}}',
    ],
)
def test_a_call_names_the_interaction_and_proves_nothing(body: bytes) -> None:
    """It is asked for, whatever the call says."""
    read = job(GOOGLE).read_callback
    assert read is not None
    assert read(body, Headers()).handle == "v1_a"
    assert read(body, Headers()).state is None
    with pytest.raises(UnreadableResponse):
        read(b'{"data": {}}', Headers())


def test_vertex_keeps_clips_inline_unless_a_bucket_is_named() -> None:
    """A clip in a bucket is fetched from storage with the same token."""
    sent, _ = submitted(VERTEX, VideoRequest(model=OMNI, prompt="x"), RUNNING)
    assert sent.path == "/v1beta1/projects/-/locations/global/interactions"
    assert sent.json["response_format"] == {"type": "video"}
    request = VideoRequest(model=OMNI, prompt="x", options={"gcs_uri": "gs://b/out/"})
    sent, _ = submitted(VERTEX, request, RUNNING, Brief(callback_url="https://us.test"))
    assert sent.json["response_format"] == {
        "type": "video",
        "delivery": "uri",
        "gcs_uri": "gs://b/out/",
    }
    assert "gcs_uri" not in sent.json
    assert "webhook_config" not in sent.json
    stored = interaction("completed", {"type": "video", "uri": "gs://b/out/a b.mp4"})
    _, state = polled(VERTEX, "v1_a", stored)
    assert isinstance(state, Succeeded)
    where = "https://storage.googleapis.com/storage/v1/b/b/o/out%2Fa%20b.mp4?alt=media"
    assert state.artifacts[0].url == where  # type: ignore[union-attr]


# --- music ----------------------------------------------------------------------------------

SOUND = {"type": "audio", "mime_type": "audio/wav", "data": encoded(b"RIFF")}


def test_music_is_answered_at_once() -> None:
    """What there is no field for is asked in words, and that is said."""
    request = AudioRequest(
        model="lyria-3.5",
        prompt="lofi",
        instrumental=True,
        duration_seconds=30,
        lyrics="la la",
        format="wav",
        seed=3,
    )
    given = brief(GOOGLE, "audio", "lyria-3.5", marker="att_1")
    answer = response(interaction("completed", SOUND, {"type": "text", "text": "la"}))
    sent, made = called(GOOGLE, request, answer, given=given)
    assert sent[0].json == {
        "model": "lyria-3.5",
        "input": "lofi\n\nInstrumental, without any voice.\n\nAbout 30 seconds long.\n\n"
        "Lyrics:\nla la",
        "response_format": {"type": "audio", "mime_type": "audio/wav"},
        "generation_config": {"seed": 3},
        "labels": {"anymedia": "att_1"},
    }
    assert made.artifacts[0].data == b"RIFF"
    assert made.usage.requests == 1
    assert {one.option for one in made.warnings} == {"instrumental", "duration_seconds", "lyrics"}
    assert made.metadata["text"] == "la"


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (interaction("failed", errors=[{"code": "SAFETY", "message": "no"}]), ContentRefused),
        (interaction("budget_exceeded"), InsufficientCredits),
        (interaction("in_progress"), UnreadableResponse),
    ],
)
def test_music_that_is_not_made_says_why(body: dict[str, Any], error: Any) -> None:
    """What has ended will not come; what goes on may."""
    with pytest.raises(error) as caught:
        called(GOOGLE, AudioRequest(model="lyria-3.5", prompt="lofi"), response(body))
    assert caught.value.accepted == ("unknown" if error is UnreadableResponse else "no")


@pytest.mark.parametrize(("answer", "kind"), FAILURES)
def test_music_that_fails_is_explained(answer: HttpResponse, kind: str) -> None:
    """Limits, credentials, servers, pages and nothing at all."""
    request = AudioRequest(model="lyria-3.5", prompt="lofi", references=(PICTURE,))
    with pytest.raises(GenerationError) as caught:
        called(GOOGLE, request, answer)
    assert type(caught.value).__name__ == kind
