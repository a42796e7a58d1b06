"""Clips of MiniMax in its two contracts: what is sent, and what the answers mean.

Answers are written after the vendor's command line (github.com/MiniMax-AI/cli), its client for
agents (PyPI minimax-mcp 0.0.19) and its pages, read 2026-11-21.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from tests.providers.minimax.answering import WELL, answer, brief, driven, newer

from anymedia.contracts.errors import (
    GenerationError,
    OutcomeUnknown,
    ProviderUnavailable,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.minimax import video
from anymedia.providers.adapters.minimax.task import cancel, find, poll, poll_many
from anymedia.providers.spec import Brief, Submitted

PICTURE = MediaBytes(data=b"\x89PNG", media_type="image/png")
LINK = MediaUrl(url="https://example.com/fox.png")
CLIP = MediaUrl(url="https://example.com/fox.mp4", media_type="video/mp4")
SOUND = MediaUrl(url="https://example.com/fox.mp3", media_type="audio/mpeg")
SENT_AT = datetime(2026, 11, 21, 9, tzinfo=UTC)
FINISHED = {
    "id": "3190",
    "model": "MiniMax-H3",
    "status": "succeeded",
    "content": {"url": "https://cdn.example/1.mp4"},
    "resolution": "768P",
    "duration": 5,
    "ratio": "16:9",
    "usage": {
        "total_seconds": 8,
        "input_seconds": 3,
        "output_seconds": 5,
        "input_image_count": 0,
    },
    "created_at": 1763630000,
    "updated_at": 1763630090,
    "task_type": "video_generation",
    "error": None,
}


def filmed(model: str, **fields: Any) -> tuple[str, dict[str, Any], Submitted]:
    """Path and body of a clip's submission, and what is kept of the answer."""
    request = VideoRequest(model=model, **fields)
    taken = answer({"task_id": 3190, "base_resp": WELL})
    (sent,), submitted = driven(video.submit(request, brief(model)), taken)
    return sent.path, sent.json, submitted


def polled(task: dict[str, Any]) -> JobState:
    """What a poll's answer means in the newer contract."""
    found: JobState
    (request,), found = driven(poll("v2/3190"), answer({"task": task}))
    assert request.path == "/v2/query/video_generation/3190"
    return found


# --- submitting, newer -------------------------------------------------------------------------


def test_a_clip_from_words() -> None:
    """A shape and a size are always said; options of the caller's own come on top."""
    path, body, submitted = filmed(
        "MiniMax-H3", prompt="rain on a tin roof", options={"aigc_watermark": True}
    )
    assert path == "/v2/video_generation"
    assert body == {
        "model": "MiniMax-H3",
        "content": [{"type": "text", "text": "rain on a tin roof"}],
        "resolution": "768P",
        "duration": 5,
        "ratio": "16:9",
        "aigc_watermark": True,
    }
    assert submitted == Submitted(handle="v2/3190", state=Queued(), request_id="trace-1")


def test_a_clip_from_frames_has_their_shape() -> None:
    """The one that was asked for is not sent, and that is told."""
    _, body, submitted = filmed(
        "MiniMax-H3-Max",
        prompt="day to night",
        first_frame=PICTURE,
        last_frame=LINK,
        aspect_ratio="9:16",
        resolution="480P",
        duration_seconds=8,
    )
    assert body["content"][1:] == [
        {"type": "image_url", "image_url": {"url": PICTURE.data_uri()}, "role": "first_frame"},
        {"type": "image_url", "image_url": {"url": LINK.url}, "role": "last_frame"},
    ]
    assert (body["ratio"], body["resolution"], body["duration"]) == ("adaptive", "480P", 8)
    assert [(one.code, one.option) for one in submitted.warnings] == [
        ("option-dropped", "aspect_ratio")
    ]


def test_a_clip_from_references() -> None:
    """Each with its part; the shape is theirs unless one is asked for."""
    references = (LINK, CLIP, SOUND)
    _, body, _ = filmed("MiniMax-H3", prompt="x", references=references)
    assert [one.get("role") for one in body["content"]] == [
        None,
        "reference_image",
        "reference_video",
        "reference_audio",
    ]
    assert body["ratio"] == "adaptive"
    _, body, submitted = filmed("MiniMax-H3", prompt="x", references=(LINK,), aspect_ratio="1:1")
    assert body["ratio"] == "1:1"
    assert submitted.warnings == ()


@pytest.mark.parametrize(
    "fields",
    [
        {"prompt": " ", "first_frame": LINK},
        {"prompt": "x", "last_frame": LINK},
        {"prompt": "x", "first_frame": LINK, "references": (LINK,)},
        {"prompt": "x", "first_frame": LINK, "video": CLIP},
        {"prompt": "x", "references": (LINK,) * 10},
        {"prompt": "x", "references": (CLIP,) * 3, "video": CLIP},
        {"prompt": "x", "references": (LINK,) * 9 + (CLIP,) * 2 + (SOUND,) * 2},
        {"prompt": "x", "references": (SOUND,)},
    ],
)
def test_what_the_vendor_would_refuse_is_refused_before_it_is_sent(fields: dict[str, Any]) -> None:
    """Mixtures that the vendor's own client refuses too."""
    with pytest.raises(UnsupportedOption):
        filmed("MiniMax-H3", **fields)


# --- submitting, older -------------------------------------------------------------------------


def test_a_clip_of_the_older_contract() -> None:
    """Flat fields, and another path."""
    path, body, submitted = filmed(
        "MiniMax-Hailuo-02",
        prompt="[Push in] a boat",
        first_frame=LINK,
        last_frame=PICTURE,
        duration_seconds=10,
        resolution="768P",
        options={"prompt_optimizer": False},
    )
    assert path == "/v1/video_generation"
    assert body == {
        "model": "MiniMax-Hailuo-02",
        "prompt": "[Push in] a boat",
        "first_frame_image": LINK.url,
        "last_frame_image": PICTURE.data_uri(),
        "duration": 10,
        "resolution": "768P",
        "prompt_optimizer": False,
    }
    assert submitted.handle == "v1/3190"


def test_a_large_clip_of_the_older_contract_is_short() -> None:
    """1080P comes with 6 seconds, so 10 become 6 and that is told."""
    _, body, submitted = filmed(
        "MiniMax-Hailuo-2.3", prompt="x", resolution="1080P", duration_seconds=10
    )
    assert (body["resolution"], body["duration"]) == ("1080P", 6)
    (warning,) = submitted.warnings
    assert (warning.option, warning.asked, warning.given) == ("duration_seconds", "10", "6")


def test_a_person_is_kept_to() -> None:
    """`S2V` models take one."""
    _, body, _ = filmed("S2V-01", prompt="x", references=(LINK,))
    assert body["subject_reference"] == [{"type": "character", "image": [LINK.url]}]


@pytest.mark.parametrize(
    ("model", "path"),
    [("MiniMax-Hailuo-9", "/v1/video_generation"), ("MiniMax-H4", "/v2/video_generation")],
)
def test_models_that_no_sheet_lists_are_known_by_their_names(model: str, path: str) -> None:
    """The older contract is Hailuo's."""
    taken = answer({"task_id": "1"})
    (sent,), _ = driven(video.submit(VideoRequest(model=model, prompt="x"), Brief()), taken)
    assert sent.path == path


@pytest.mark.parametrize("body", [{}, {"task_id": ""}, {"task_id": None, "base_resp": WELL}])
def test_a_task_without_a_name_may_have_been_taken_on(body: dict[str, Any]) -> None:
    """It is never sent again."""
    with pytest.raises(UnreadableResponse) as raised:
        driven(video.submit(VideoRequest(model="m", prompt="x"), Brief()), answer(body))
    assert raised.value.accepted == "yes"


# --- polling -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [("queued", Queued()), ("running", Running()), ("dreaming", Running()), (None, Running())],
)
def test_a_task_that_has_not_ended_goes_on(status: str | None, state: JobState) -> None:
    """A state that nobody has heard of is still running."""
    assert polled({"id": "3190", "status": status}) == state


def test_a_finished_task_tells_its_clip_and_the_seconds_that_are_billed() -> None:
    """Those of clips that went in as well."""
    state = polled(FINISHED)
    assert isinstance(state, Succeeded)
    assert state.artifacts == (RemoteArtifact(url="https://cdn.example/1.mp4"),)
    assert state.usage.seconds == Decimal(8)
    assert state.usage.raw == {
        "total_seconds": "8",
        "input_seconds": "3",
        "output_seconds": "5",
        "input_image_count": 0,
    }
    assert (state.model, state.request_id) == ("MiniMax-H3", "trace-1")
    assert state.metadata["resolution"] == "768P"


@pytest.mark.parametrize("seconds", ["NaN", "-1", "Infinity", None])
def test_seconds_that_are_no_amount_are_not_known(seconds: str | None) -> None:
    """The task's end is believed, the number is not."""
    state = polled({**FINISHED, "usage": {"total_seconds": seconds}})
    assert isinstance(state, Succeeded)
    assert state.usage.seconds is None


@pytest.mark.parametrize(
    ("task", "code", "retryable"),
    [
        ({"status": "failed", "error": {"code": "1027", "message": "output new_sensitive"}},
         "CONTENT_POLICY_VIOLATION", False),
        ({"status": "failed", "error": {"code": "x", "message": "sensitive content"}},
         "CONTENT_POLICY_VIOLATION", False),
        ({"status": "failed", "error": {"code": 1000, "message": "unknown"}},
         "PROVIDER_ERROR", True),
        ({"status": "failed", "error": {"code": "2013", "message": "invalid"}},
         "INVALID_REQUEST", False),
        ({"status": "failed"}, "PROVIDER_ERROR", True),
        ({"status": "expired", "error": None}, "TIMEOUT", True),
        ({"status": "expired", "error": {"message": "waited"}}, "TIMEOUT", True),
    ],
)  # fmt: skip
def test_a_failed_task_says_why(task: dict[str, Any], code: str, *, retryable: bool) -> None:
    """By its code, then by its words; `expired` ran out of time in the queue."""
    state = polled(task)
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)
    assert state.charged is None


def test_a_stopped_task_is_stopped() -> None:
    """With what it used, if that is told."""
    assert isinstance(polled({"status": "cancelled"}), Stopped)


def test_an_unknown_task_is_not_an_outage() -> None:
    """A 500 that says `record not found` is told as a 404, which is believed in time."""
    with pytest.raises(RequestRejected) as raised:
        driven(poll("v2/1"), newer(500, "Record not found", "api_error"))
    assert (raised.value.http_status, raised.value.request_id) == (404, "req-9")
    with pytest.raises(ProviderUnavailable) as other:
        driven(poll("v2/1"), newer(500, "oops", "api_error"))
    assert other.value.http_status == 500


# --- polling, older ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "state"),
    [
        ("Preparing", Queued()),
        ("Queueing", Queued()),
        ("Processing", Running()),
        ("Dreaming", Running()),
        (None, Running()),
    ],
)
def test_an_older_task_that_has_not_ended_goes_on(status: str | None, state: JobState) -> None:
    """In its own words."""
    told = {"task_id": "1", "status": status, "file_id": "", "base_resp": WELL}
    (request,), found = driven(poll("v1/1"), answer(told))
    assert (request.path, request.query) == ("/v1/query/video_generation", {"task_id": "1"})
    assert found == state


def test_an_older_clip_is_asked_for_as_a_file() -> None:
    """Three steps: created, asked for, fetched."""
    told = {
        "status": "Success",
        "file_id": 205258526306433,
        "video_width": 1366,
        "video_height": 768,
        "base_resp": WELL,
    }
    file = {"file_id": 205258526306433, "download_url": "https://cdn.example/1.mp4"}
    requests, state = driven(poll("v1/1"), answer(told), answer({"file": file, "base_resp": WELL}))
    assert requests[1].path == "/v1/files/retrieve"
    assert requests[1].query == {"file_id": "205258526306433"}
    assert isinstance(state, Succeeded)
    assert state.artifacts == (RemoteArtifact(url="https://cdn.example/1.mp4"),)
    assert state.metadata == {"file_id": "205258526306433", "width": 1366, "height": 768}


@pytest.mark.parametrize("word", ["Fail", "Failed"])
@pytest.mark.parametrize(
    ("base", "code"),
    [
        (WELL, "PROVIDER_ERROR"),
        (None, "PROVIDER_ERROR"),
        ({"status_code": 1027, "status_msg": "output"}, "CONTENT_POLICY_VIOLATION"),
        ({"status_code": 1026, "status_msg": "input"}, "CONTENT_POLICY_VIOLATION"),
    ],
)
def test_an_older_task_fails_in_two_spellings(word: str, base: Any, code: str) -> None:
    """Of older pages, and of the vendor's command line."""
    _, state = driven(poll("v1/1"), answer({"status": word, "base_resp": base}))
    assert isinstance(state, Failed)
    assert state.problem.code == code


def test_an_older_task_that_is_unknown_is_told_as_a_404() -> None:
    """So that a fresh one is asked for again, and one that is gone not for ever."""
    with pytest.raises(RequestRejected) as raised:
        driven(poll("v1/1"), answer({"status": "Unknown", "base_resp": WELL}))
    assert raised.value.http_status == 404


@pytest.mark.parametrize(
    ("handle", "responses"),
    [
        ("v2/1", [answer({"task": {"status": "succeeded"}})]),
        ("v2/1", [answer({"tasks": []})]),
        ("v2/1", [answer(["x"])]),
        ("v1/1", [answer({"status": "Success", "base_resp": WELL})]),
        ("v1/1", [answer({"status": "Success", "file_id": "2"}), answer({"file": {}})]),
        ("v1/1", [answer({"status": {}})]),
    ],
)
def test_an_answer_that_makes_no_sense_is_unreadable(handle: str, responses: list[Any]) -> None:
    """One clear error, and the task is not given up for it."""
    with pytest.raises(UnreadableResponse):
        driven(poll(handle), *responses)


# --- stopping, and looking for what was lost ---------------------------------------------------


@pytest.mark.parametrize(
    ("status", "answers", "outcome"),
    [
        ("queued", [answer({"task_id": "1", "status": "cancelled"})], "confirmed"),
        ("running", [answer({"task_id": "1", "status": "cancelled"})], "confirmed"),
        ("running", [answer({"task_id": "1"})], "requested"),
        ("running", [newer(409)], "impossible"),
        ("cancelled", [], "confirmed"),
        ("succeeded", [], "impossible"),
        ("failed", [], "impossible"),
        ("expired", [], "impossible"),
    ],
)
def test_cancelling_never_deletes_what_has_ended(
    status: str, answers: list[Any], outcome: str
) -> None:
    """The same call would delete a finished task, and with it the clip that was paid for."""
    asked = answer({"task": {"id": "1", "status": status}})
    requests, found = driven(cancel("v2/1"), asked, *answers)
    assert found == outcome
    assert [one.method for one in requests[1:]] == ["DELETE"] * len(answers)


def test_an_older_task_cannot_be_stopped() -> None:
    """There is no call for it, and none is made."""
    assert driven(cancel("v1/1")) == ([], "impossible")


def test_what_is_provably_absent_was_not_taken_on() -> None:
    """The list has nothing that is new enough."""
    old = {"id": "1", "created_at": SENT_AT.timestamp() - 3600}
    (request,), found = driven(
        find(brief("MiniMax-H3"), SENT_AT), answer({"items": [old], "total": 1})
    )
    assert request.path == "/v2/query/video_generation"
    assert found is None
    assert driven(find(brief("MiniMax-H3"), SENT_AT), answer({"items": []}))[1] is None


@pytest.mark.parametrize("task", [{"id": "1"}, {"id": "1", "created_at": SENT_AT.timestamp() + 1}])
def test_what_may_be_there_stays_unknown(task: dict[str, Any]) -> None:
    """Tasks carry no label: none is adopted by its looks."""
    with pytest.raises(OutcomeUnknown):
        driven(find(brief("MiniMax-H3"), SENT_AT), answer({"items": [task]}))


@pytest.mark.parametrize("given", [brief("MiniMax-Hailuo-02"), Brief()])
def test_where_there_is_no_list_nothing_is_proven(given: Brief) -> None:
    """Neither in the older contract, nor where the contract itself is not known."""
    with pytest.raises(OutcomeUnknown):
        driven(find(given, SENT_AT))


def test_a_list_without_items_proves_nothing() -> None:
    """It is not an empty one."""
    with pytest.raises(GenerationError) as raised:
        driven(find(brief("MiniMax-H3"), SENT_AT), answer({}))
    assert raised.value.accepted == "unknown"


def test_many_clips_are_asked_about_in_one_question() -> None:
    """The newer contract lists by ids; one whose answer makes no sense is asked about by itself."""
    going = {**FINISHED, "id": "3191", "status": "processing", "content": None}
    odd = {**FINISHED, "id": "3192", "content": None}
    other = {**FINISHED, "id": "9"}
    handles = ("v2/3190", "v2/3191", "v2/3192", "v2/3193", "v1/7")
    (request,), told = driven(
        poll_many(handles), answer({"items": [FINISHED, going, odd, other], "total": 4})
    )
    assert request.path == "/v2/query/video_generation"
    assert request.query["filter.task_ids"] == "3190,3191,3192,3193"
    assert told.keys() == {"v2/3190", "v2/3191"}
    assert isinstance(told["v2/3190"], Succeeded)
    assert isinstance(told["v2/3191"], Running)


def test_clips_of_the_older_contract_are_not_listed() -> None:
    """It has no list."""
    assert driven(poll_many(("v1/7",))) == ([], {})
