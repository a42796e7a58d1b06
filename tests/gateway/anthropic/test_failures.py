"""Failures reach Anthropic's own client as Anthropic's would, and broken requests are told why."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import Anthropic
from tests.support.face import LIMIT_BYTES, facing, settings_of

ECHO = "echo/hello"
MESSAGES = "/v1/messages"
HELLO: list[Any] = [{"role": "user", "content": "Say one two three four five six"}]


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Anthropic]:
    """The official client at a gateway that has not seen a failure yet: it learns from them."""
    with (
        facing(settings_of(tmp_path), tmp_path) as address,
        Anthropic(api_key="any", base_url=address, max_retries=0) as client,
    ):
        yield client


@pytest.mark.parametrize("streaming", [False, True])
@pytest.mark.parametrize(
    ("scripted", "status", "kind"),
    [
        ("rate_limit", 429, "rate_limit_error"),
        ("auth", 502, "api_error"),
        ("credits", 502, "api_error"),
        ("moderation", 400, "invalid_request_error"),
        ("overloaded", 529, "overloaded_error"),
        ("timeout", 504, "timeout_error"),
        ("model", 404, "not_found_error"),
        ("malformed", 502, "api_error"),
    ],
)
def test_a_providers_failure_is_one_of_anthropics(
    fresh: Anthropic, scripted: str, status: int, kind: str, *, streaming: bool
) -> None:
    """The client raises what it would raise for Anthropic; a stream that has not begun, too."""
    further = {"options": {"fail": scripted}, "retry": {"max_attempts": 1}}
    with pytest.raises(anthropic.APIStatusError) as failure:
        fresh.messages.create(
            model=ECHO,
            max_tokens=64,
            messages=HELLO,
            extra_body={"anymedia": further},
            stream=streaming,
        )
    assert failure.value.status_code == status
    assert isinstance(failure.value.body, dict)
    assert failure.value.body["error"]["type"] == kind
    assert failure.value.body["request_id"] == failure.value.request_id


def test_a_stream_that_breaks_off_says_so_in_the_stream(fresh: Anthropic) -> None:
    """After the first words there is no status left to change."""
    further = {"options": {"cut_stream": "reset"}, "retry": {"max_attempts": 1}}
    words: list[str] = []
    stream = fresh.messages.create(
        model=ECHO, max_tokens=64, messages=HELLO, extra_body={"anymedia": further}, stream=True
    )
    with pytest.raises(anthropic.APIStatusError) as failure:
        words.extend(event.type for event in stream)
    assert words[0] == "message_start"
    assert isinstance(failure.value.body, dict)
    assert failure.value.body["error"]["type"] == "api_error"


@pytest.mark.parametrize(
    ("content", "status", "kind"),
    [
        (b"{", 400, "invalid_request_error"),
        (b"[1]", 400, "invalid_request_error"),
        (b'{"model": "\xff"}', 400, "invalid_request_error"),
        (b"[" * 100_000, 400, "invalid_request_error"),
        (b"x" * (LIMIT_BYTES + 1), 413, "request_too_large"),
    ],
)
def test_a_body_that_is_no_request_is_refused(
    raw: httpx.Client, content: bytes, status: int, kind: str
) -> None:
    """With Anthropic's kind of error, and never with a 500."""
    answer = raw.post(MESSAGES, content=content, headers={"content-type": "application/json"})
    assert answer.status_code == status
    assert answer.json()["type"] == "error"
    assert answer.json()["error"]["type"] == kind
    assert answer.headers["request-id"] == answer.json()["request_id"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"model": []}, "model"),
        ({"messages": {}}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages[0].content"),
        ({"messages": [{"role": "pope", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": [7]}]}, "messages[0].content[0].type"),
        (
            {"messages": [{"role": "user", "content": [{"type": "hologram"}]}]},
            "messages[0].content[0].type",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "tool_use", "id": "x"}]}]},
            "messages[0].content[0].name",
        ),
        (
            {
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {
                                "type": "image",
                                "source": {"type": "url", "url": "file:///etc/passwd"},
                            }
                        ],
                    }
                ]
            },
            "messages[0].content[0].source.url",
        ),
        ({"system": 5}, "system"),
        ({"thinking": {"type": "deep"}}, "thinking.type"),
        ({"thinking": {"type": "enabled"}}, "thinking.budget_tokens"),
        ({"tool_choice": {"type": "tool"}}, "tool_choice.name"),
        ({"tools": [{"name": "x"}]}, "tools[0].input_schema"),
        ({"output_config": {"format": {"type": "json_object"}}}, "output_config.format.schema"),
        ({"dance": 1}, "dance"),
    ],
)
def test_what_is_wrong_is_named(raw: httpx.Client, change: dict[str, Any], param: str) -> None:
    """The field of the caller's own body."""
    body = {"model": ECHO, "max_tokens": 64, "messages": HELLO} | change
    answer = raw.post(
        MESSAGES, json={name: value for name, value in body.items() if value is not None}
    )
    assert answer.status_code == 400, answer.text
    assert answer.json()["error"]["param"] == param


def test_thoughts_that_were_tampered_with_are_passed_over(raw: httpx.Client) -> None:
    """What claims to be packed here and is not, is nothing."""
    content = [
        {"type": "redacted_thinking", "data": "anymedia1.AAAA"},
        {"type": "text", "text": "Hello"},
    ]
    body = {
        "model": ECHO,
        "max_tokens": 64,
        "messages": [*HELLO, {"role": "assistant", "content": content}, *HELLO],
    }
    assert raw.post(MESSAGES, json=body).status_code == 200
