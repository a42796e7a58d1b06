"""What goes out to batch APIs, and what is read from them, without a network.

Answers are written from the documentation and the official clients, and marked so by this line.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from anymedia.contracts.errors import GenerationError, UnreadableResponse
from anymedia.providers.registry import provider
from anymedia.providers.spec import Batch, BatchOrder, Brief, Lookup
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse, post

NAMES = ("openai", "anthropic", "google", "mistral")
SENT = datetime(2026, 11, 21, 12, tzinfo=UTC)
BODY = {"model": "m-1", "messages": [{"role": "user", "content": "hello"}]}


def batch(name: str) -> Batch:
    """A provider's operation."""
    found = provider(name).batch
    assert found is not None
    return found


def told(document: Any, status: int = 200) -> HttpResponse:
    """An answer."""
    return HttpResponse(status, json.dumps(document).encode())


def order(group: str) -> BatchOrder:
    """One question."""
    return BatchOrder(marker="bat_1", model="m-1", group=group, lines=(("line-1", BODY),))


def played(name: str, exchange: Any, *answers: HttpResponse) -> tuple[list[HttpRequest], Any]:
    """An exchange with written answers."""
    return replay(exchange, *answers, explain=provider(name).explain)


def file_of(request: HttpRequest) -> dict[str, Any]:
    """The one line of the file in a form."""
    (found,) = (part for part in request.parts if part.name == "file")
    line: dict[str, Any] = json.loads(found.content)
    return line


def test_openai_stages_a_file_and_orders_it() -> None:
    """The line holds method, path and body; the order names path, window and our marker."""
    operation = batch("openai")
    assert operation.stage is not None
    asked = order("/chat/completions")
    (upload,), staged = played("openai", operation.stage(asked), told({"id": "file-1"}))
    assert upload.path == "/files"
    assert file_of(upload) == {
        "custom_id": "line-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": BODY,
    }
    (sent,), submitted = played("openai", operation.submit(asked, staged), told({"id": "batch_1"}))
    assert sent.path == "/batches"
    assert sent.json == {
        "input_file_id": "file-1",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
        "metadata": {"anymedia": "bat_1"},
    }
    assert submitted.handle == "batch_1"


def test_mistral_names_the_model_in_the_order() -> None:
    """Lines hold the rest of the body."""
    operation = batch("mistral")
    assert operation.stage is not None
    asked = order("/chat/completions")
    (upload,), staged = played("mistral", operation.stage(asked), told({"id": "f1"}))
    assert file_of(upload) == {"custom_id": "line-1", "body": {"messages": BODY["messages"]}}
    (sent,), _ = played("mistral", operation.submit(asked, staged), told({"id": "j1"}))
    assert (sent.path, sent.json["model"], sent.json["input_files"]) == (
        "/batch/jobs",
        "m-1",
        ["f1"],
    )


def test_anthropic_sends_everything_at_once() -> None:
    """In the version that the questions are in; never as streams."""
    operation = batch("anthropic")
    asked = BatchOrder(
        marker="bat_1",
        model="m-1",
        group="2026-10-21",
        lines=(("line-1", {**BODY, "stream": True}),),
    )
    (sent,), submitted = played("anthropic", operation.submit(asked, ""), told({"id": "b1"}))
    assert sent.path == "/v1/messages/batches"
    assert sent.headers["anthropic-version"] == "2026-10-21"
    assert sent.json == {"requests": [{"custom_id": "bat_1_line-1", "params": BODY}]}
    (look,), _ = played(
        "anthropic",
        operation.poll(submitted.handle),
        told({"id": "b1", "processing_status": "in_progress"}),
    )
    assert look.path == "/v1/messages/batches/b1"
    assert look.headers["anthropic-version"] == "2026-10-21"
    question = post("/v1/messages", headers={"anthropic-version": "v", "anthropic-beta": "b"})
    assert operation.group(question) is None


def test_anthropic_finds_its_order_by_the_names_of_its_messages() -> None:
    """Among those that have ended since then and are as large; page by page, no further back."""
    operation = batch("anthropic")
    assert isinstance(operation.recovery, Lookup)
    assert not operation.recovery.proves_absence
    brief = Brief(marker="bat_1", requests=2)

    def listed(name: str, status: str = "ended", count: int = 2, hour: int = 12) -> dict[str, Any]:
        return {
            "id": name,
            "processing_status": status,
            "request_counts": {"succeeded": count - 1, "errored": 1},
            "created_at": f"2026-11-21T{hour}:00:01Z",
        }

    def results(name: str) -> HttpResponse:
        line = {"custom_id": name, "result": {"type": "canceled"}}
        return HttpResponse(200, json.dumps(line).encode() + b"\n{}\n")

    pages = (
        told(
            {"data": [listed("going", "in_progress"), listed("large", count=3)], "has_more": True}
        ),
        told({"data": [listed("theirs"), listed("ours")], "has_more": False}),
    )
    found = operation.recovery.find(brief, SENT)
    asked = (*pages, results("bat_12_line-1"), results("bat_1_line-1"))
    sent, submitted = played("anthropic", found, *asked)
    assert [one.path.rpartition("/messages/")[2] for one in sent] == [
        *("batches", "batches", "batches/theirs/results", "batches/ours/results"),
    ]
    assert sent[1].query["after_id"] == "large"
    assert submitted.handle == "2026-10-21 ours"
    old = told({"data": [listed("old", hour=11)], "has_more": True})
    for answers in ((old,), (told({"data": [], "has_more": True}),)):
        sent, submitted = played("anthropic", operation.recovery.find(brief, SENT), *answers)
        assert (len(sent), submitted) == (1, None)


def test_google_stages_a_file_and_orders_it_under_our_name() -> None:
    """The model stands in the address."""
    operation = batch("google")
    assert operation.stage is not None
    group = operation.group(post("/v1beta/models/m-1:generateContent"))
    assert group == "/v1beta/models/m-1"
    home = "https://generativelanguage.googleapis.com"
    (_, upload), staged = played(
        "google",
        operation.stage(order(group)),
        HttpResponse(200, b"{}", {"x-goog-upload-url": f"{home}/upload"}),
        told({"file": {"name": "files/f1", "uri": f"{home}/v1beta/files/f1", "state": "ACTIVE"}}),
    )
    assert upload.content is not None
    assert json.loads(upload.content) == {"key": "line-1", "request": BODY}
    (sent,), submitted = played(
        "google", operation.submit(order(group), staged), told({"name": "batches/b1"})
    )
    assert sent.path == "/v1beta/models/m-1:batchGenerateContent"
    assert sent.json == {"batch": {"displayName": "bat_1", "inputConfig": {"fileName": "files/f1"}}}
    assert submitted.handle == "batches/b1"


@pytest.mark.parametrize(
    ("name", "answer", "expected"),
    [
        ("openai", {"id": "b", "status": "validating"}, ("running", False, False, "")),
        ("openai", {"id": "b", "status": "a new word"}, ("running", False, False, "")),
        (
            "openai",
            {"id": "b", "status": "completed", "output_file_id": "o", "error_file_id": "e"},
            ("ended", False, False, "o e"),
        ),
        (
            "openai",
            {"id": "b", "status": "expired", "error_file_id": "e"},
            ("ended", True, False, "e"),
        ),
        ("openai", {"id": "b", "status": "cancelled"}, ("ended", False, True, "")),
        ("mistral", {"id": "b", "status": "QUEUED"}, ("running", False, False, "")),
        (
            "mistral",
            {"id": "b", "status": "TIMEOUT_EXCEEDED", "output_file": "o"},
            ("ended", True, False, "o"),
        ),
        (
            "google",
            {"name": "batches/b", "metadata": {"state": "BATCH_STATE_RUNNING"}},
            ("running", False, False, ""),
        ),
        (
            "google",
            {
                "name": "batches/b",
                "metadata": {
                    "state": "JOB_STATE_SUCCEEDED",
                    "batchStats": {"successfulRequestCount": "2"},
                    "output": {"responsesFile": "files/o"},
                },
            },
            ("ended", False, False, "files/o"),
        ),
    ],
)
def test_states_are_read(name: str, answer: Any, expected: tuple[Any, ...]) -> None:
    """An unknown word is not an end."""
    _, state = played(name, batch(name).poll("b"), told(answer))
    assert (state.status, state.expired, state.cancelled, state.results) == expected
    assert state.problem is None


def test_a_batch_that_was_refused_says_why() -> None:
    """Nothing of it was done."""
    answer = {
        "id": "b",
        "status": "failed",
        "errors": {"data": [{"code": "token_limit_exceeded", "message": "Enqueued too much."}]},
    }
    _, state = played("openai", batch("openai").poll("b"), told(answer))
    assert state.status == "ended"
    assert state.problem.provider_code == "token_limit_exceeded"
    assert "Enqueued too much." in state.problem.message


@pytest.mark.parametrize(
    ("name", "line", "outcome", "status"),
    [
        (
            "openai",
            {"custom_id": "l", "response": {"status_code": 200, "body": {}}, "error": None},
            "answered",
            200,
        ),
        (
            "openai",
            {"custom_id": "l", "response": {"status_code": 429, "body": {}}},
            "answered",
            429,
        ),
        (
            "openai",
            {"custom_id": "l", "response": None, "error": {"code": "batch_expired"}},
            "expired",
            None,
        ),
        ("openai", {"custom_id": "l", "error": "broken"}, "answered", 500),
        (
            "anthropic",
            {"custom_id": "l", "result": {"type": "succeeded", "message": {}}},
            "answered",
            200,
        ),
        (
            "anthropic",
            {
                "custom_id": "l",
                "result": {
                    "type": "errored",
                    "error": {"type": "error", "error": {"type": "overloaded_error"}},
                },
            },
            "answered",
            529,
        ),
        ("anthropic", {"custom_id": "l", "result": {"type": "expired"}}, "expired", None),
        ("anthropic", {"custom_id": "l", "result": {"type": "canceled"}}, "cancelled", None),
        ("google", {"key": "l", "response": {"candidates": []}}, "answered", 200),
        ("google", {"key": "l", "error": {"code": 8, "message": "x"}}, "answered", 429),
        (
            "mistral",
            {"custom_id": "l", "response": {"status_code": 422, "body": {}}},
            "answered",
            422,
        ),
    ],
)
def test_lines_of_results_are_read(name: str, line: Any, outcome: str, status: int | None) -> None:
    """As responses that would have come alone."""
    reply = batch(name).read(json.dumps(line).encode())
    assert (reply.line, reply.outcome) == ("l", outcome)
    assert (reply.response.status if reply.response else None) == status


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("raw", [b"{", b"[]", b"{}", b'{"custom_id": "l"}', b'{"key": "l"}'])
def test_lines_that_are_none_are_told_as_unreadable(name: str, raw: bytes) -> None:
    """Never as anything else."""
    with pytest.raises(UnreadableResponse):
        batch(name).read(raw)


@pytest.mark.parametrize(
    ("name", "page"),
    [
        ("openai", {"data": [{"id": "b0"}, {"id": "b1", "metadata": {"anymedia": "bat_1"}}]}),
        ("mistral", {"data": [{"id": "b0"}, {"id": "b1", "metadata": {"anymedia": "bat_1"}}]}),
        (
            "google",
            {
                "operations": [
                    {"name": "b0"},
                    {"name": "b1", "metadata": {"displayName": "bat_1"}},
                ]
            },
        ),
    ],
)
def test_a_lost_order_is_found_by_its_marker(name: str, page: Any) -> None:
    """And one that is not there is provably not there."""
    recovery = batch(name).recovery
    assert isinstance(recovery, Lookup)
    _, found = played(name, recovery.find(Brief(marker="bat_1"), SENT), told(page))
    assert found.handle == "b1"
    _, found = played(name, recovery.find(Brief(marker="bat_2"), SENT), told(page))
    assert found is None


@pytest.mark.parametrize("name", NAMES)
def test_cancelling_what_is_over_is_impossible(name: str) -> None:
    """Other failures stay failures."""
    _, outcome = played(name, batch(name).cancel("b"), told({}))
    assert outcome == "requested"
    _, outcome = played(name, batch(name).cancel("b"), told({"error": {"message": "over"}}, 400))
    assert outcome == "impossible"
    with pytest.raises(GenerationError):
        played(name, batch(name).cancel("b"), told({"error": {"message": "no"}}, 503))
