"""Failures reach OpenAI's own client as OpenAI's would, and broken requests are told what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import openai
import pytest
from openai import OpenAI
from tests.support.face import LIMIT_BYTES, facing, settings_of

ECHO = "echo/hello"


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
        ("credits", openai.InternalServerError, "insufficient_credits"),
        ("moderation", openai.BadRequestError, "content_policy_violation"),
        ("server", openai.InternalServerError, "server_error"),
        ("malformed", openai.InternalServerError, "server_error"),
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
        client.chat.completions.create(
            model=ECHO,
            messages=[{"role": "user", "content": "Hello"}],
            extra_body={"anymedia": further},
            stream=streaming,
        )
    assert failure.value.code == code
    assert failure.value.request_id


def test_a_stream_that_breaks_off_says_so_in_the_stream(client: OpenAI) -> None:
    """After the first words there is no status left to change."""
    further = {"options": {"cut_stream": "end"}, "retry": {"max_attempts": 1}}
    stream = client.chat.completions.create(
        model=ECHO,
        messages=[{"role": "user", "content": "one two three four five six"}],
        extra_body={"anymedia": further},
        stream=True,
    )
    words: list[str] = []
    with pytest.raises(openai.APIError) as failure:
        words.extend(chunk.choices[0].delta.content or "" for chunk in stream)
    assert failure.value.code in {"network_error", "server_error"}
    assert failure.value.type == "server_error"


CHAT = "/v1/chat/completions"
HELLO = [{"role": "user", "content": "Hello"}]


@pytest.mark.parametrize(
    ("content", "status", "about"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"[]", 400, "object"),
        (b"null", 400, "object"),
        (b'{"model": "\xff"}', 400, "UTF-8"),
        (b'{"model": "\\ud800", "messages": []}', 400, ""),
        (b'{"model": 1e999}', 400, ""),
        (b"[" * 100_000, 400, ""),
        (b'{"model":' + b'{"a":' * 5_000 + b"1" + b"}" * 5_001, 400, ""),
        (b'{"model": "m", "model": 3, "messages": []}', 400, "model"),
        (b"x" * (LIMIT_BYTES + 1), 413, "bytes"),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    raw: httpx.Client, content: bytes, status: int, about: str
) -> None:
    """With OpenAI's kind of error, and never with a 500."""
    answer = raw.post(CHAT, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert about in error["message"]
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"model": None}, "model"),
        ({"model": 5}, "model"),
        ({"messages": None}, "messages"),
        ({"messages": "Hello"}, "messages"),
        ({"messages": []}, "messages"),
        ({"messages": [5]}, "messages[0].role"),
        ({"messages": [{"role": "pope", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages[0].content"),
        (
            {"messages": [{"role": "user", "content": [{"text": "x"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "text", "text": 5}]}]},
            "messages[0].content[0].text",
        ),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram", "hologram": {}}]}]},
            "messages[0].content[0].type",
        ),
        ({"messages": [{"role": "user", "content": "x", "mood": "sad"}]}, "messages[0].mood"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"temperature": "hot"}, "temperature"),
        ({"temperature": 7}, "temperature"),
        ({"max_tokens": 0}, "max_completion_tokens"),
        ({"n": 2}, "n"),
        ({"logprobs": True}, "logprobs"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"tools": [{"type": "custom", "custom": {"name": "f"}}]}, "tools[0].type"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": 5}}]}, None),
        ({"tool_choice": 7}, "tool_choice"),
        ({"response_format": "json"}, "response_format"),
        ({"stream_options": 7}, "stream_options"),
        ({"reasoning_effort": "colossal"}, "reasoning_effort"),
        ({"dance": True}, "dance"),
        ({"anymedia": {"messages": []}}, "anymedia.messages"),
        ({"anymedia": {"max_cost": "dear"}}, "max_cost"),
    ],
)
def test_what_is_wrong_is_named(
    raw: httpx.Client, change: dict[str, object], param: str | None
) -> None:
    """The field of the caller's own body."""
    body = {"model": ECHO, "messages": HELLO} | change
    answer = raw.post(CHAT, json={name: value for name, value in body.items() if value is not None})
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["param"] is not None
    if param is not None:
        assert error["param"] == param


@pytest.mark.parametrize(
    "url", ["/etc/passwd", "file:///etc/passwd", "artifact:art_1", "~/.ssh/id", "runway://x", ""]
)
def test_a_picture_cannot_be_a_file_of_the_gateways_machine(raw: httpx.Client, url: str) -> None:
    """An http(s) URL or a data URI, and nothing else."""
    content = [{"type": "image_url", "image_url": {"url": url}}]
    answer = raw.post(
        CHAT, json={"model": ECHO, "messages": [{"role": "user", "content": content}]}
    )
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == "messages[0].content[0].image_url.url"


def test_a_schema_nested_without_end_is_a_wrong_request(raw: httpx.Client) -> None:
    """Deep enough to be decoded, too deep to be worked on."""
    deep = '{"type":"object","properties":{"a":' * 400 + "{}" + "}}" * 400
    answer = raw.post(
        CHAT,
        headers={"content-type": "application/json"},
        content=f"""{{"model": "{ECHO}", "messages": [{{"role": "user", "content": "Hello"}}],
            "response_format": {{"type": "json_schema", "json_schema":
            {{"name": "deep", "strict": true, "schema": {deep}}}}}}}""",
    )
    assert answer.status_code == 400
    assert "depth" in answer.json()["error"]["message"]


def test_other_kinds_of_bodies_are_not_read(raw: httpx.Client) -> None:
    """415 for a form where JSON is wanted, and the other way round."""
    assert raw.post(CHAT, data={"model": ECHO}).status_code == 415
    assert raw.post("/v1/images/edits", json={"prompt": "x"}).status_code == 415
    assert raw.post("/v1/audio/transcriptions", json={}).status_code == 415


@pytest.mark.parametrize(
    "body",
    [b"", b"--x\r\n", b"--x\r\n\r\nno name\r\n--x--\r\n", b"\xff" * 100, b"--x--\r\n"],
)
def test_a_form_that_is_none_is_refused(raw: httpx.Client, body: bytes) -> None:
    """Whatever is wrong with it."""
    kind = {"content-type": "multipart/form-data; boundary=x"}
    for path in ("/v1/images/edits", "/v1/audio/transcriptions", "/v1/videos"):
        answer = raw.post(path, content=body, headers=kind)
        assert answer.status_code == 400, path
        assert answer.json()["error"]["type"] == "invalid_request_error"


def test_an_unknown_model_is_not_found(raw: httpx.Client) -> None:
    """404, as the dialect has it."""
    answer = raw.post(CHAT, json={"model": "no-such-model", "messages": HELLO})
    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == "model_not_found"


def test_when_to_come_back_is_said(fresh: str) -> None:
    """A limit of the provider's, with its own word on when there is room."""
    further = {
        "options": {"fail": "rate_limit", "retry_after_seconds": 30},
        "retry": {"max_attempts": 1},
    }
    with httpx.Client(base_url=fresh) as client:
        answer = client.post(CHAT, json={"model": ECHO, "messages": HELLO, "anymedia": further})
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= 30
