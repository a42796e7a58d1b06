"""Predictions: what is sent, and what answers mean.

Answers are written from https://replicate.com/docs/reference/http and
https://replicate.com/docs/topics/predictions/lifecycle (read 2026-11-21).
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    GenerationError,
    InvalidRequest,
    ProviderError,
    ProviderUnavailable,
    UnreadableResponse,
)
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, MediaBytes, MediaUrl, RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.replicate import LANGUAGE, REPLICATE, check, predictions
from anymedia.providers.adapters.replicate.files import upload
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import replay
from anymedia.wire.http import Headers, HttpRequest, HttpResponse

ID = "gm3qorzdhgbfurvjtvhg6dckhu"
HASH = "39ed52f2a78e934b3ba6e2a89f5b1c712de7dfea535525255b1aa35c5565e08b"
BASE: dict[str, Any] = {
    "id": ID,
    "model": "black-forest-labs/flux-2-pro",
    "version": "hidden",
    "input": {"prompt": "a fox"},
    "logs": "",
    "output": None,
    "data_removed": False,
    "error": None,
    "source": "api",
    "status": "starting",
    "created_at": "2026-11-20T10:00:00.123Z",
    "deadline": None,
    "urls": {"get": f"https://api.replicate.com/v1/predictions/{ID}"},
}
FOX = ImageRequest(model="black-forest-labs/flux-2-pro", prompt="a fox")
CALLBACK = "https://gw.example/webhooks/replicate/t0k3n"
SENT_AT = datetime(2026, 11, 20, 10, 0, tzinfo=UTC)


def answer(body: Any, status: int = 200, **headers: str) -> HttpResponse:
    """A written answer."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return HttpResponse(status, content, headers)


def submitted(
    request: ImageRequest | VideoRequest = FOX, brief: Brief | None = None, **told: Any
) -> tuple[HttpRequest, Submitted]:
    """What goes out, and how the answer is read."""
    sent, found = replay(
        predictions.submit(request, brief or Brief(), LANGUAGE),
        answer(BASE | told, 201),
        explain=REPLICATE.explain,
    )
    return sent[0], found


def polled(**told: Any) -> JobState:
    """Where it stands."""
    sent, state = replay(
        predictions.poll(ID, "image"), answer(BASE | told), explain=REPLICATE.explain
    )
    assert [(one.method, one.path) for one in sent] == [("GET", f"/predictions/{ID}")]
    return state


# --- creating -------------------------------------------------------------------------------


def test_an_official_model_is_run_at_its_own_address() -> None:
    """One POST with nothing but the input."""
    sent, found = submitted()
    assert sent.path == "/models/black-forest-labs/flux-2-pro/predictions"
    assert sent.json == {"input": {"prompt": "a fox"}}
    assert sent.headers == {}
    assert found == Submitted(handle=ID, state=Queued(), request_id=ID)


@pytest.mark.parametrize(
    ("model", "path", "more"),
    [
        (f"stability-ai/sdxl:{HASH}", "/predictions", {"version": f"stability-ai/sdxl:{HASH}"}),
        (HASH, "/predictions", {"version": HASH}),
        ("deployments/me/mine", "/deployments/me/mine/predictions", {}),
    ],
)
def test_versions_and_deployments_have_addresses_of_their_own(
    model: str, path: str, more: dict[str, str]
) -> None:
    """The version goes into the body."""
    sent, _ = submitted(ImageRequest(model=model, prompt="a fox"))
    assert sent.path == path
    assert sent.json == {"input": {"prompt": "a fox"}, **more}


@pytest.mark.parametrize("model", ["flux", "a/b/c", "../x", "a b/c"])
def test_what_is_no_name_of_a_model_is_not_sent(model: str) -> None:
    """It would become part of a path."""
    with pytest.raises(InvalidRequest):
        submitted(ImageRequest(model=model, prompt="a fox"))


def test_a_callback_goes_along() -> None:
    """Only its end is reported."""
    sent, _ = submitted(brief=Brief(callback_url=CALLBACK))
    assert sent.json["webhook"] == CALLBACK
    assert sent.json["webhook_events_filter"] == ["completed"]


@pytest.mark.parametrize(
    ("options", "headers"),
    [
        ({"prefer_wait": True}, {"Prefer": "wait"}),
        ({"prefer_wait": 5, "cancel_after": "1m"}, {"Prefer": "wait=5", "Cancel-After": "1m"}),
        ({"prefer_wait": False}, {}),
        ({"cancel_after": 90}, {"Cancel-After": "90"}),
    ],
)
def test_waiting_and_deadlines_are_headers(
    options: dict[str, Any], headers: dict[str, str]
) -> None:
    """The model's own options stay in its input."""
    request = FOX.model_copy(update={"options": {**options, "go_fast": True}})
    sent, _ = submitted(request)
    assert sent.headers == headers
    assert sent.json == {"input": {"prompt": "a fox", "go_fast": True}}


def test_a_wait_that_replicate_refuses_is_refused_here() -> None:
    """Before anything is sent."""
    for wait in (0, 61):
        with pytest.raises(InvalidRequest):
            submitted(FOX.model_copy(update={"options": {"prefer_wait": wait}}))


def test_an_answer_that_was_waited_for_may_hold_the_result_early() -> None:
    """Files as data URIs, while the state still says `processing`."""
    output = ["data:image/png;base64,iVBORw=="]
    waiting = FOX.model_copy(update={"options": {"prefer_wait": True}})
    _, found = submitted(waiting, status="processing", output=output)
    assert isinstance(found.state, Succeeded)
    assert found.state.artifacts == (InlineArtifact(data=b"\x89PNG", media_type="image/png"),)
    assert isinstance(submitted(status="processing", output=output)[1].state, Running)


@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{", b"[]", b"{}", b'{"id": null}', b'{"id": "../x"}']
)
def test_a_creation_without_an_id_may_have_been_accepted(body: bytes) -> None:
    """Nobody knows, so nobody repeats it."""
    with pytest.raises(UnreadableResponse) as caught:
        replay(
            predictions.submit(FOX, Brief(), LANGUAGE), answer(body, 201), explain=REPLICATE.explain
        )
    assert caught.value.accepted == "unknown"


# --- asking ---------------------------------------------------------------------------------


def test_a_prediction_starts_and_runs() -> None:
    """Progress is read from the last bar in the logs; unknown states are not failures."""
    assert polled() == Queued()
    assert polled(status="processing", logs=None) == Running()
    bars = " 10%|#         | 5/50 [00:00]\r 64%|######    | 32/50 [00:01<00:00]"
    assert polled(status="processing", logs=bars) == Running(progress=0.64)
    assert polled(status="processing", logs="999%|") == Running(progress=1.0)
    assert polled(status="polishing", output=["https://x/partial.png"]) == Running()
    assert polled(status=None) == Running()


@pytest.mark.parametrize(
    ("output", "urls"),
    [
        ("https://replicate.delivery/a.mp4", ["https://replicate.delivery/a.mp4"]),
        (["https://x/1.png", "https://x/2.png"], ["https://x/1.png", "https://x/2.png"]),
        ({"video": "https://x/v.mp4", "text": "hi", "n": 3}, ["https://x/v.mp4"]),
        ({"files": [{"url": "https://x/a"}, None]}, ["https://x/a"]),
    ],
)
def test_files_are_found_wherever_the_model_puts_them(output: Any, urls: list[str]) -> None:
    """A URL, a list, an object."""
    state = polled(status="succeeded", output=output, metrics={"predict_time": 2.5})
    assert isinstance(state, Succeeded)
    assert [getattr(one, "url", None) for one in state.artifacts] == urls
    assert state.usage.images == len(urls)
    assert state.usage.gpu_seconds == Decimal("2.5")
    assert state.usage.raw == {"predict_time": 2.5}
    assert (state.model, state.request_id) == ("black-forest-labs/flux-2-pro", ID)


def test_a_result_says_when_it_expires_and_whether_it_needs_the_key() -> None:
    """An hour after it was made; files of the API itself are private."""
    state = polled(
        status="succeeded",
        version=HASH,
        completed_at="2026-11-20T10:01:00.123456789Z",
        output=["https://replicate.delivery/a.png", "https://api.replicate.com/v1/files/b"],
    )
    assert isinstance(state, Succeeded)
    public, private = state.artifacts
    assert isinstance(public, RemoteArtifact)
    assert isinstance(private, RemoteArtifact)
    assert public.expires_at == datetime(2026, 11, 20, 11, 1, 0, 123456, tzinfo=UTC)
    assert (public.needs_key, private.needs_key) == (False, True)
    assert state.model == f"black-forest-labs/flux-2-pro:{HASH}"


def test_a_result_that_was_removed_is_told_as_such() -> None:
    """It succeeded, was charged, and is gone."""
    state = polled(status="succeeded", output=None, data_removed=True)
    assert isinstance(state, Failed)
    assert state.charged is True
    assert "an hour" in state.problem.message


@pytest.mark.parametrize(
    "output", [None, "", "words", [], ["a", "b"], {}, 3, "data:x", "data:x;base64,?"]
)
def test_a_success_without_a_file_is_unreadable(output: Any) -> None:
    """And nothing else escapes."""
    with pytest.raises(UnreadableResponse):
        polled(status="succeeded", output=output)


@pytest.mark.parametrize(
    ("error", "code", "retryable"),
    [
        ("The input or output was flagged as sensitive. (E005)", "CONTENT_POLICY_VIOLATION", False),
        ("NSFW content detected. Try running it again", "CONTENT_POLICY_VIOLATION", False),
        ("CUDA out of memory. Tried to allocate 2 GiB", "PROVIDER_ERROR", True),
        ("Prediction interrupted; please retry (code: PA)", "PROVIDER_ERROR", True),
        ("Director: unexpected error handling prediction (E8765)", "PROVIDER_ERROR", True),
        ("1 validation error for Input: prompt field required", "INVALID_REQUEST", False),
        ("list index out of range", "PROVIDER_ERROR", False),
        (None, "PROVIDER_ERROR", False),
        ({"odd": 1}, "PROVIDER_ERROR", False),
    ],
)
def test_a_failure_is_told_by_its_words(error: Any, code: str, retryable: bool) -> None:
    """There is no code."""
    state = polled(status="failed", error=error, metrics={"predict_time": 0.5})
    assert isinstance(state, Failed)
    assert (state.problem.code, state.problem.retryable) == (code, retryable)
    assert state.charged is None
    assert state.usage.gpu_seconds == Decimal("0.5")


def test_stopping_is_told_apart_from_running_out_of_time() -> None:
    """`aborted` never ran and costs nothing; what ran is charged."""
    assert polled(status="canceled") == Stopped(
        usage=Stopped().usage.model_copy(update={"requests": 1})
    )
    ran = polled(status="canceled", metrics={"predict_time": 1})
    assert isinstance(ran, Stopped)
    assert ran.charged is True
    never = polled(status="aborted")
    assert isinstance(never, Stopped)
    assert never.charged is False
    times = {"deadline": "2026-11-20T10:01:00Z", "completed_at": "2026-11-20T10:01:00.5Z"}
    for word, charged in (("canceled", True), ("aborted", False)):
        late = polled(status=word, **times)
        assert isinstance(late, Failed)
        assert (late.problem.code, late.problem.retryable) == ("TIMEOUT", False)
        assert late.charged is charged
    early = polled(status="canceled", deadline="2026-11-20T11:00:00Z", completed_at="odd")
    assert isinstance(early, Stopped)


def test_a_handle_may_be_an_address() -> None:
    """As a person copies it from the page."""
    for handle in (
        f"https://replicate.com/p/{ID}",
        f"https://api.replicate.com/v1/predictions/{ID}",
    ):
        sent, _ = replay(predictions.poll(handle, "image"), answer(BASE), explain=REPLICATE.explain)
        assert sent[0].path == f"/predictions/{ID}"
    for wrong in ("", "../x", "a b"):
        with pytest.raises(UnreadableResponse):
            replay(predictions.poll(wrong, "image"), answer(BASE), explain=REPLICATE.explain)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("canceled", "confirmed"),
        ("aborted", "confirmed"),
        ("succeeded", "impossible"),
        ("failed", "impossible"),
        ("processing", "requested"),
    ],
)
def test_cancelling_answers_with_the_prediction(status: str, outcome: str) -> None:
    """Which says whether it worked."""
    sent, said = replay(
        predictions.cancel(ID), answer(BASE | {"status": status}), explain=REPLICATE.explain
    )
    assert (sent[0].method, sent[0].path) == ("POST", f"/predictions/{ID}/cancel")
    assert said == outcome


# --- finding --------------------------------------------------------------------------------


def found(*pages: Any, callback_url: str | None = CALLBACK) -> tuple[list[HttpRequest], Any]:
    """What a search comes to."""
    return replay(
        predictions.find(Brief(callback_url=callback_url), SENT_AT),
        *(answer(page) for page in pages),
        explain=REPLICATE.explain,
    )


def test_an_empty_list_proves_that_nothing_was_accepted() -> None:
    """Earlier ones, those made on the page and those of others do not count."""
    sent, nothing = found({"results": [], "next": None})
    assert nothing is None
    assert sent[0].query == {"created_after": "2026-11-20T09:58:00+00:00"}
    others = [
        BASE | {"created_at": "2026-11-20T09:00:00Z"},
        BASE | {"source": "web"},
        BASE | {"webhook": "https://elsewhere.example/hook"},
        None,
    ]
    assert found({"results": others})[1] is None


def test_who_still_goes_on_is_read_from_one_list() -> None:
    """Who has ended is asked about apart: the list need not tell what was made."""
    results = [
        BASE | {"id": "p1", "status": "processing"},
        None,
        BASE | {"id": "p2", "status": "starting"},
        BASE | {"id": "p3", "status": "succeeded", "output": None},
        BASE | {"id": "p9", "status": "processing"},
    ]
    (request,), told = replay(
        predictions.poll_many(("p1", "p2", "p3", "p4"), "image"),
        answer({"results": results, "next": None}),
        explain=REPLICATE.explain,
    )
    assert (request.path, request.query) == ("/predictions", {})
    assert (set(told), type(told["p1"]), type(told["p2"])) == ({"p1", "p2"}, Running, Queued)


def test_our_own_callback_address_finds_it() -> None:
    """On whichever page; pages are asked at our own host."""
    first = {
        "results": [BASE | {"webhook": "https://elsewhere.example/hook"}],
        "next": "https://evil.example/v1/predictions?cursor=c1&created_after=x",
    }
    sent, lost = found(first, {"results": [BASE | {"id": "p2", "webhook": CALLBACK}]})
    assert lost == Submitted(handle="p2", request_id="p2")
    assert (sent[1].path, sent[1].query) == (
        "/predictions",
        {"cursor": "c1", "created_after": "x"},
    )


@pytest.mark.parametrize("callback_url", [CALLBACK, None])
def test_what_may_be_ours_is_not_guessed(callback_url: str | None) -> None:
    """It stays unknown, and a person compares."""
    with pytest.raises(ProviderError) as caught:
        found({"results": [BASE]}, callback_url=callback_url)
    assert caught.value.accepted == "unknown"
    endless = {"results": [], "next": "https://api.replicate.com/v1/predictions?cursor=c"}
    with pytest.raises(ProviderError):
        found(*[endless] * 5, callback_url=callback_url)


def test_a_call_is_the_whole_prediction() -> None:
    """Its id is the handle; what it says is repeated by the API."""
    body = json.dumps(BASE | {"status": "succeeded", "output": "https://x/a.png"}).encode()
    told = predictions.read_callback(body, Headers({}), "image")
    assert told.handle == ID
    assert isinstance(told.state, Succeeded)
    empty = json.dumps(BASE | {"status": "succeeded"}).encode()
    assert predictions.read_callback(empty, Headers({}), "image").state is None
    for odd in (b"", b"<html>", b"{}", b'{"id": "../x"}'):
        with pytest.raises(UnreadableResponse):
            predictions.read_callback(odd, Headers({}), "image")


# --- files and the account ------------------------------------------------------------------


def test_large_inputs_are_uploaded() -> None:
    """As a form; the address they are read from wants the key, which Replicate has."""
    media = MediaBytes(data=b"abc", media_type="image/png")
    body = {"id": "f1", "urls": {"get": "https://api.replicate.com/v1/files/f1"}}
    sent, put = replay(upload(media), answer(body, 201), explain=REPLICATE.explain)
    assert sent[0].path == "/files"
    (part,) = sent[0].parts
    assert (part.name, part.filename, part.content) == ("content", "content.png", b"abc")
    assert put == MediaUrl(url="https://api.replicate.com/v1/files/f1", media_type="image/png")
    for odd in (b"", b"{}", b'{"urls": null}'):
        with pytest.raises(UnreadableResponse):
            replay(upload(media), answer(odd, 201), explain=REPLICATE.explain)


def test_the_check_says_whose_key_it_is() -> None:
    """And a bad one is refused."""
    body = {"type": "organization", "username": "acme"}
    _, account = replay(check(), answer(body), explain=REPLICATE.explain)
    assert account.details == {"type": "organization", "username": "acme"}
    with pytest.raises(AuthenticationFailed):
        replay(check(), answer({"detail": "no"}, 401), explain=REPLICATE.explain)


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
def test_trouble_with_asking_says_nothing_about_the_work(status: int) -> None:
    """It is raised, and asked again."""
    with pytest.raises(GenerationError):
        replay(predictions.poll(ID, "image"), answer(b"", status), explain=REPLICATE.explain)
    with pytest.raises(ProviderUnavailable) as caught:
        replay(
            predictions.submit(FOX, Brief(), LANGUAGE), answer(b"", 500), explain=REPLICATE.explain
        )
    assert caught.value.accepted == "unknown"
