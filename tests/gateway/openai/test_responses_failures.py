"""Responses that fail, and bodies that ask for none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from tests.support.face import LIMIT_BYTES, facing, settings_of

ECHO = "echo/hello"
PATH = "/v1/responses"
IMAGE = {"type": "input_image", "image_url": "https://example.com/a.png"}
CALL = {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"}


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[str]:
    """The address of a gateway that has not seen a failure yet: it learns from them."""
    with facing(settings_of(tmp_path), tmp_path) as address:
        yield address


@pytest.fixture
def client(fresh: str) -> Iterator[OpenAI]:
    """The official client."""
    with OpenAI(api_key="any", base_url=f"{fresh}/v1", max_retries=0) as client:
        yield client


@pytest.mark.parametrize(
    ("scripted", "error", "code"),
    [
        ("rate_limit", openai.RateLimitError, "rate_limit_exceeded"),
        ("auth", openai.InternalServerError, "authentication_failed"),
        ("moderation", openai.BadRequestError, "content_policy_violation"),
        ("server", openai.InternalServerError, "server_error"),
        ("model", openai.NotFoundError, "model_not_found"),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_a_providers_failure_is_one_of_openais(
    client: OpenAI,
    scripted: str,
    error: type[openai.APIStatusError],
    code: str,
    *,
    streaming: bool,
) -> None:
    """The client raises what it would raise for OpenAI; a stream that has not begun, too."""
    further = {"options": {"fail": scripted}, "retry": {"max_attempts": 1}}
    with pytest.raises(error) as failure:
        client.responses.create(
            model=ECHO, input="Hello", extra_body={"anymedia": further}, stream=streaming
        )
    assert failure.value.code == code
    assert failure.value.request_id


def test_a_stream_that_breaks_off_says_so_in_the_stream(client: OpenAI) -> None:
    """An error and the failed response, with what was said until then."""
    further = {"options": {"cut_stream": "end"}, "retry": {"max_attempts": 1}}
    events = list(
        client.responses.create(
            model=ECHO,
            input="one two three four five six",
            extra_body={"anymedia": further},
            stream=True,
        )
    )
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created"
    assert "response.output_text.delta" in kinds
    error, failed = events[-2:]
    assert error.type == "error"
    assert error.code in {"network_error", "server_error"}
    assert failed.type == "response.failed"
    assert failed.response.status == "failed"
    assert failed.response.error is not None
    assert failed.response.error.message == error.message
    (message,) = failed.response.output
    assert message.type == "message"
    assert message.status == "incomplete"
    (piece,) = message.content
    assert piece.type == "output_text"
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert piece.text == "".join(deltas) != ""
    assert [event.sequence_number for event in events] == list(range(len(events)))


@pytest.mark.parametrize(
    ("content", "about"),
    [
        (b"", "JSON"),
        (b"{", "JSON"),
        (b"[]", "object"),
        (b"null", "object"),
        (b'{"model": "\xff"}', "UTF-8"),
        (b"[" * 100_000, ""),
        (b'{"model":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, ""),
        (
            b'{"model": "echo/hello", "input": ['
            + b'{"type":"x","a":' * 900
            + b"1"
            + b"}" * 900
            + b"]}",
            "",
        ),
        (b'{"model": "echo/hello", "input": ' + b"[" * 900 + b"]" * 900 + b"}", "input[0]"),
        (
            b'{"model": "echo/hello", "input": "a", "tools": ' + b"[" * 900 + b"]" * 900 + b"}",
            "tools[0]",
        ),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    raw: httpx.Client, content: bytes, about: str
) -> None:
    """With OpenAI's kind of error, and never with a 500."""
    answer = raw.post(PATH, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert about in error["message"]
    assert answer.headers["x-request-id"]


def test_other_bodies_are_not_read(raw: httpx.Client) -> None:
    """Too large, or of another kind."""
    assert raw.post(PATH, content=b"x" * (LIMIT_BYTES + 1)).status_code == 413
    assert raw.post(PATH, data={"model": ECHO, "input": "Hello"}).status_code == 415


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"input": None}, "input"),
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": 5}, "input"),
        ({"input": {"role": "user", "content": "x"}}, "input"),
        ({"input": [5]}, "input[0]"),
        ({"input": [None]}, "input[0]"),
        ({"input": [{}]}, "input[0].type"),
        ({"input": [{"type": 5}]}, "input[0].type"),
        ({"input": [{"type": "message"}]}, "input[0].role"),
        ({"input": [{"role": "pope", "content": "x"}]}, "input[0].role"),
        ({"input": [{"role": "user"}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": 5}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": []}]}, "input[0].content"),
        ({"input": [{"role": "user", "content": [{"text": "x"}]}]}, "input[0].content[0].type"),
        (
            {"input": [{"role": "user", "content": [{"type": "input_text", "text": 5}]}]},
            "input[0].content[0].text",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_image"}]}]},
            "input[0].content[0].image_url",
        ),
        (
            {"input": [{"role": "user", "content": [{**IMAGE, "detail": "tiny"}]}]},
            "input[0].content[0].detail",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "input_file"}]}]},
            "input[0].content[0].file_data",
        ),
        (
            {"input": [{"role": "user", "content": [{"type": "hologram", "hologram": {}}]}]},
            "input[0].content[0].type",
        ),
        ({"input": [{"role": "system", "content": [IMAGE]}]}, "input[0].content[0].type"),
        ({"input": [{"role": "user", "content": "x", "mood": "sad"}]}, "input[0].mood"),
        ({"input": [{"type": "hologram"}]}, "input[0].type"),
        ({"input": [{"type": "item_reference", "id": "msg_1"}]}, "input[0]"),
        ({"input": [{"id": "msg_1"}]}, "input[0]"),
        ({"input": [{"type": "function_call", "name": "f"}]}, "input[0].call_id"),
        ({"input": [{**CALL, "arguments": {}}]}, "input[0].arguments"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c1", "output": "x"}]},
            "input[0].call_id",
        ),
        (
            {"input": [CALL, {"type": "function_call_output", "call_id": "c1", "output": 5}]},
            "input[1].output",
        ),
        (
            {"input": [CALL, {"type": "function_call_output", "call_id": "c1", "output": [IMAGE]}]},
            "input[1].output[0].type",
        ),
        ({"input": [{"type": "reasoning", "summary": "x"}]}, "input[0].summary"),
        ({"input": [{"type": "reasoning", "summary": [{}]}]}, "input[0].summary[0].type"),
        (
            {"input": [{"type": "reasoning", "encrypted_content": "anymedia1.AAAA"}]},
            "input[0].encrypted_content",
        ),
        ({"instructions": 5}, "instructions"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": 7}, "stream_options"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 7}, "temperature"),
        ({"max_output_tokens": 0}, "max_output_tokens"),
        ({"max_output_tokens": 1.5}, "max_output_tokens"),
        ({"tools": {}}, "tools"),
        ({"tools": [5]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].name"),
        ({"tools": [{"type": "function", "name": "no spaces!"}]}, "tools.0.name"),
        ({"tools": [{"type": "function", "name": "f", "parameters": 5}]}, "tools[0].parameters"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools[0].name"),
        ({"tool_choice": 7}, "tool_choice"),
        ({"tool_choice": {"type": "function"}}, "tool_choice.name"),
        ({"text": "json"}, "text"),
        ({"text": {"format": "json"}}, "text.format"),
        ({"text": {"format": {"type": "yaml"}}}, "text.format.type"),
        ({"text": {"format": {"type": "json_schema", "name": "x"}}}, "text.format.schema"),
        ({"text": {"format": {"type": "json_schema", "schema": {}}}}, "text.format.name"),
        ({"reasoning": "high"}, "reasoning"),
        ({"reasoning": {"effort": "colossal"}}, "reasoning.effort"),
        ({"include": "everything"}, "include"),
        ({"metadata": 7}, "metadata"),
        ({"messages": [{"role": "user", "content": "x"}]}, "messages"),
        ({"dance": True}, "dance"),
        ({"anymedia": {"messages": []}}, "anymedia.messages"),
        ({"anymedia": {"max_cost": "dear"}}, "max_cost"),
    ],
)
@pytest.mark.parametrize("streaming", [False, True])
def test_what_is_wrong_is_named(
    raw: httpx.Client, change: dict[str, Any], param: str, *, streaming: bool
) -> None:
    """The field of the caller's own body, before a stream begins, too."""
    body = {"model": ECHO, "input": "Hello", "stream": streaming} | change
    answer = raw.post(PATH, json={name: value for name, value in body.items() if value is not None})
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "url", ["/etc/passwd", "file:///etc/passwd", "artifact:art_1", "~/.ssh/id", "runway://x", ""]
)
@pytest.mark.parametrize("kind", ["input_image.image_url", "input_file.file_url"])
def test_what_is_shown_cannot_be_a_file_of_the_gateways_machine(
    raw: httpx.Client, url: str, kind: str
) -> None:
    """An http(s) URL or a data URI, and nothing else."""
    kind, _, field = kind.partition(".")
    content = [{"type": kind, field: url}]
    answer = raw.post(PATH, json={"model": ECHO, "input": [{"role": "user", "content": content}]})
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == f"input[0].content[0].{field}"


def test_items_with_urls_do_not_go_on_as_they_came(raw: httpx.Client) -> None:
    """A provider inside our network could fetch them for a caller outside."""
    shot = {"type": "computer_screenshot", "image_url": "http://127.0.0.1/secret.png"}
    item = {"type": "computer_call_output", "call_id": "c", "output": shot}
    answer = raw.post(PATH, json={"model": "openai/gpt-4.1", "input": [item]})
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert error["param"] == "input[0].type"
    assert "URL" in error["message"]


def test_an_unknown_model_is_not_found(raw: httpx.Client) -> None:
    """404, as the dialect has it."""
    answer = raw.post(PATH, json={"model": "no-such-model", "input": "Hello"})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"
