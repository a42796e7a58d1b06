"""Lines become requests, whatever pieces they come in and whoever's form they have."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.batches import lines as reading
from anymedia.batches.lines import BadLine, read, split
from anymedia.client.verbs import request_for
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.text import NamedTool, SchemaOutput, TextRequest, UserMessage


def line(**fields: Any) -> bytes:
    """A line of a file."""
    return json.dumps({"custom_id": "one", **fields}).encode()


def request(**fields: Any) -> Any:
    """The request of a line."""
    found = read(line(**fields), request_for, None)
    assert found is not None
    return found.request


def mistake(raw: bytes) -> str:
    """What is wrong with a line."""
    with pytest.raises(BadLine) as bad:
        read(raw, request_for, None)
    return bad.value.message


def test_a_line_is_a_request_of_its_medium() -> None:
    """`medium` says the same as `media_type`; the rest are the request's fields."""
    asked = request(media_type="image", prompt="a fox", count=2)
    assert asked == ImageRequest(prompt="a fox", count=2)
    assert request(medium="image", prompt="a fox", count=2) == asked


def test_an_empty_line_is_nothing() -> None:
    """A file may end with a newline, and be spaced out."""
    assert read(b"  \r", request_for, None) is None


def test_lines_that_do_not_say_are_what_the_batch_says() -> None:
    """The usual medium counts where a line has none."""
    found = read(line(prompt="hello"), request_for, "text")
    assert found is not None
    assert isinstance(found.request, TextRequest)


@pytest.mark.parametrize(
    ("raw", "words"),
    [
        (b"nonsense", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'\xff\xfe{"a": 1}', "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b'{"media_type": "text", "prompt": "x"}', "`custom_id`"),
        (b'{"custom_id": 7, "media_type": "text", "prompt": "x"}', "`custom_id`"),
        (line(media_type="smell", prompt="x"), "`media_type`: expected one of"),
        (line(prompt="x"), "`media_type`: expected one of"),
        (line(media_type="text", medium="image", prompt="x"), "differ"),
        (line(media_type="video", prompt="x", seconds=3), "`seconds`: there is no such field"),
        (line(media_type="text"), "`messages`: is missing"),
        (line(media_type="text", prompt="x", idempotency_key="k"), "`idempotency_key`"),
        (line(method="POST", url="/v1/embeddings", body={}), "`url`: expected"),
        (line(method="GET", url="/v1/chat/completions", body={}), "`url`: expected"),
        (line(url="/v1/chat/completions", body=[]), "`body`: expected an object"),
        (line(url="/v1/chat/completions", body={"n": 2}), "`body.n`"),
        (line(url="/v1/chat/completions", body={"stream": True}), "`body.stream`"),
        (line(url="/v1/chat/completions", body={"logprobs": True}), "`body.logprobs`"),
        (line(url="/v1/chat/completions", body={"messages": "x"}), "`body.messages`"),
    ],
)
def test_a_bad_line_says_what_is_wrong(raw: bytes, words: str) -> None:
    """Each names the field, and none is an error of another kind."""
    assert words in mistake(raw)


def test_a_line_that_is_too_long_is_refused() -> None:
    """However long it is, it is told to be too long, and not read."""
    assert "longer than" in mistake(b" " * (reading.LONGEST_LINE + 1))


def test_a_chat_in_openais_form_is_a_text_request() -> None:
    """What the body says, in our words."""
    asked = request(
        method="POST",
        url="/v1/chat/completions",
        body={
            "model": "gpt-6-luna",
            "messages": [
                {"role": "developer", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is this?"},
                        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
                    ],
                },
                {
                    "role": "assistant",
                    "content": None,
                    "tool_calls": [
                        {
                            "id": "c1",
                            "type": "function",
                            "function": {"name": "look", "arguments": '{"at": "it"}'},
                        }
                    ],
                },
                {"role": "tool", "tool_call_id": "c1", "content": "a fox"},
            ],
            "max_completion_tokens": 50,
            "stop": "END",
            "tools": [{"type": "function", "function": {"name": "look", "parameters": {}}}],
            "tool_choice": {"type": "function", "function": {"name": "look"}},
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "it", "schema": {"type": "object"}, "strict": True},
            },
            "stream": False,
        },
    )
    assert isinstance(asked, TextRequest)
    assert asked.model == "gpt-6-luna"
    assert asked.system() == "Be brief."
    shown = asked.messages[1]
    assert isinstance(shown, UserMessage)
    assert [part.type for part in shown.parts()] == ["text", "image"]
    assert asked.messages[2].tool_calls[0].arguments == {"at": "it"}  # type: ignore[union-attr]
    assert (asked.max_output_tokens, asked.stop) == (50, ("END",))
    assert asked.tool_choice == NamedTool(name="look")
    assert isinstance(asked.output, SchemaOutput)
    assert asked.output.strict


@given(st.binary(max_size=200), st.lists(st.integers(1, 20), max_size=40))
def test_pieces_of_any_size_make_the_same_lines(content: bytes, sizes: list[int]) -> None:
    """Where a file is cut makes no difference."""

    async def pieces() -> AsyncIterator[bytes]:
        rest = content
        for size in sizes:
            yield rest[:size]
            rest = rest[size:]
        yield rest

    async def gathered() -> list[bytes]:
        return [one async for one in split(pieces())]

    whole = content.split(b"\n")
    if not whole[-1]:
        whole.pop()
    assert asyncio.run(gathered()) == whole
