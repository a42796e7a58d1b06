"""Responses: what is sent, and what an answer means."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from anymedia.contracts.errors import (
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.catalog import catalogued
from anymedia.providers.dialects.openai import responses
from anymedia.providers.dialects.openai.errors import explain
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.responses import DIALECT
from anymedia.providers.dialects.openai.text import api
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse

MODELS = {model.id: model for model in catalogued("openai")}


def asked(**fields: Any) -> TextRequest:
    """A request; a plain one unless more is said."""
    if "messages" not in fields:
        fields.setdefault("prompt", "Hello")
    return TextRequest.model_validate({"model": "gpt-6.1-sol", **fields})


def sent(request: TextRequest, brief: Brief | None = None) -> dict[str, Any]:
    """The body that goes out for it."""
    body: dict[str, Any] = responses.ask(request, brief or Brief(), Quirks()).json
    return body


def answered(
    body: Any, request: TextRequest | None = None, headers: dict[str, str] | None = None
) -> TextAnswer:
    """What an answer with this body is read as."""
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    _, answer = replay(
        responses.exchange(request or asked(), Brief(), Quirks()),
        HttpResponse(200, content, headers),
        explain=explain,
    )
    return answer


def whole(*output: Any, status: str | None = "completed", **more: Any) -> dict[str, Any]:
    """A response with these output items."""
    return {"id": "resp_1", "status": status, "model": "m-1", "output": list(output), **more}


def message(*content: Any) -> dict[str, Any]:
    """An item with words."""
    return {"id": "msg_1", "type": "message", "role": "assistant", "content": list(content)}


def words(text: str) -> dict[str, Any]:
    """A piece of a message."""
    return {"type": "output_text", "text": text, "annotations": []}


CALL = {
    "id": "fc_1",
    "type": "function_call",
    "call_id": "call_1",
    "name": "weather",
    "arguments": '{"city":"Paris"}',
}
THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "encrypted_content": "gAAA",
    "summary": [
        {"type": "summary_text", "text": "Look it up."},
        {"type": "summary_text", "text": "Then answer."},
    ],
}


# --- asking ---------------------------------------------------------------------------------


def test_nothing_is_stored_and_nothing_unsaid_is_sent() -> None:
    """The API's own default would keep every conversation for a month."""
    request = responses.ask(asked(), Brief(), Quirks())
    assert (request.method, request.path) == ("POST", "/responses")
    assert request.json == {
        "model": "gpt-6.1-sol",
        "input": [{"role": "user", "content": "Hello"}],
        "store": False,
    }


def test_fields_have_the_names_of_this_api() -> None:
    """Effort, limit, user, system and output format each sit elsewhere than in chat."""
    body = sent(
        asked(
            system="Be brief.",
            prompt="Hello",
            max_output_tokens=64,
            reasoning_effort="low",
            user="u1",
            output={"type": "schema", "json_schema": {"type": "object"}, "name": "city"},
            options={"reasoning": {"summary": "auto"}, "text": {"verbosity": "low"}},
        )
    )
    assert body["instructions"] == "Be brief."
    assert body["max_output_tokens"] == 64
    assert body["safety_identifier"] == "u1"
    assert body["reasoning"] == {"effort": "low", "summary": "auto"}
    assert body["text"] == {
        "format": {
            "type": "json_schema",
            "name": "city",
            "schema": {"type": "object", "additionalProperties": False},
            "strict": True,
        },
        "verbosity": "low",
    }


def test_thoughts_are_asked_for_encrypted_only_of_models_that_think() -> None:
    """Others refuse the question."""
    thinking = sent(asked(), Brief(model=MODELS["gpt-6.1-sol"]))
    assert thinking["include"] == ["reasoning.encrypted_content"]
    assert "include" not in sent(asked(), Brief(model=MODELS["gpt-4.1"]))


def test_what_else_is_to_be_included_is_asked_for_beside_the_thoughts() -> None:
    """The caller's list adds to ours, and says nothing twice."""
    further = ["web_search_call.action.sources", "reasoning.encrypted_content"]
    request = asked(options={"include": further})
    thinking = sent(request, Brief(model=MODELS["gpt-6.1-sol"]))
    assert thinking["include"] == ["reasoning.encrypted_content", further[0]]
    assert sent(request, Brief(model=MODELS["gpt-4.1"]))["include"] == further


def test_items_of_a_caller_go_out_as_they_came() -> None:
    """Whatever they are, in their place; a kept answer of ours wins."""
    items = [{"type": "custom_tool_call", "call_id": "c", "name": "n", "input": "x"}]
    said = {"role": "assistant", "content": "Hm.", "provider_state": {DIALECT: {"items": items}}}
    assert sent(asked(messages=[said]))["input"] == items
    said["provider_state"] = {DIALECT: {"items": items}, "openai": {"items": [CALL]}}
    assert sent(asked(messages=[said]))["input"] == [CALL]


def test_a_conversation_becomes_items() -> None:
    """Messages, calls and outputs; what the model said is written anew where nothing was kept."""
    history = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": "Let me look.",
            "tool_calls": [{"id": "call_1", "name": "weather", "arguments": {"city": "Paris"}}],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    assert sent(asked(messages=history))["input"] == [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "Let me look."},
        {
            "type": "function_call",
            "call_id": "call_1",
            "name": "weather",
            "arguments": '{"city":"Paris"}',
        },
        {"type": "function_call_output", "call_id": "call_1", "output": "sunny"},
    ]


def test_what_the_model_wants_back_goes_back_unchanged() -> None:
    """Its own items, in their order, in place of what we would write."""
    answer = answered(whole(THOUGHT, message(words("Hm.")), CALL))
    assert answer.provider_state == {"openai": {"items": [THOUGHT, message(words("Hm.")), CALL]}}
    history = [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": answer.text,
            "tool_calls": [call.model_dump() for call in answer.tool_calls],
            "provider_state": answer.provider_state,
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "sunny"},
    ]
    items = sent(asked(messages=history))["input"]
    assert items[1:4] == [THOUGHT, message(words("Hm.")), CALL]
    assert items[4]["type"] == "function_call_output"


def test_thoughts_that_were_stored_nowhere_are_not_sent_back() -> None:
    """Without their encrypted content the provider could not find them."""
    bare = {"id": "rs_1", "type": "reasoning", "summary": []}
    assert answered(whole(bare, message(words("Hi")))).provider_state == {}
    both = answered(whole(bare, THOUGHT, CALL)).provider_state
    assert both == {"openai": {"items": [THOUGHT, CALL]}}


SEARCHED = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
CITED = [{"type": "url_citation", "url": "https://example.com/", "title": "x"}]


@pytest.mark.parametrize(
    "told",
    [
        [SEARCHED, message(words("Hi"))],
        [message({**words("Hi"), "annotations": CITED})],
        [{**message(words("Hi")), "phase": "commentary"}],
    ],
)
def test_an_answer_that_says_more_than_we_do_is_kept_whole(told: list[Any]) -> None:
    """Tools of the provider's own, sources, phases: in their order, for the next turn."""
    assert answered(whole(*told)).provider_state == {"openai": {"items": told}}


def test_tools_of_the_providers_own_are_said_to_cost_more() -> None:
    """Tokens are all that is counted; each kind is told of once."""
    answer = answered(whole(SEARCHED, {**SEARCHED, "id": "ws_2"}, message(words("Hi"))))
    (notice,) = answer.warnings
    assert notice.code == "provider-note"
    assert "2 `web_search_call`" in notice.message
    assert answered(whole(CALL)).warnings == ()


def test_the_state_of_another_provider_is_left_alone() -> None:
    """A conversation may move between providers."""
    history = [
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello", "provider_state": {"other": {"items": [CALL]}}},
    ]
    assert sent(asked(messages=history))["input"][1] == {"role": "assistant", "content": "Hello"}


def test_pictures_and_files_go_inside_the_request() -> None:
    """Under this API's names."""
    png, pdf = "data:image/png;base64,iVBORw0KGgo=", "data:application/pdf;base64,JVBERg=="
    parts = [
        {"type": "text", "text": "What?"},
        {"type": "image", "image": png, "detail": "low"},
        {"type": "file", "file": pdf, "filename": "a.pdf"},
    ]
    (item,) = sent(asked(messages=[{"role": "user", "content": parts}]))["input"]
    assert item["content"] == [
        {"type": "input_text", "text": "What?"},
        {"type": "input_image", "image_url": png, "detail": "low"},
        {"type": "input_file", "filename": "a.pdf", "file_data": pdf},
    ]


@pytest.mark.parametrize("kind", ["audio", "video"])
def test_sound_and_clips_are_refused_before_sending(kind: str) -> None:
    """The message says what to do instead."""
    part = {"type": kind, kind: "data:audio/wav;base64,UklGRg=="}
    with pytest.raises(UnsupportedOption, match="chat"):
        sent(asked(messages=[{"role": "user", "content": [part]}]))


def test_answers_that_are_fetched_later_are_refused() -> None:
    """Nobody would fetch them."""
    with pytest.raises(UnsupportedOption, match="background"):
        sent(asked(options={"background": True}))


def test_tools_are_flat_and_say_whether_they_are_strict() -> None:
    """Strict is the default of this API and not ours."""
    body = sent(
        asked(
            tools=[{"name": "weather", "description": "Now"}, {"name": "time", "strict": True}],
            tool_choice={"name": "time"},
        )
    )
    loose, strict = body["tools"]
    assert loose == {
        "type": "function",
        "name": "weather",
        "description": "Now",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    }
    assert strict["strict"] is True
    assert strict["parameters"]["additionalProperties"] is False
    assert body["tool_choice"] == {"type": "function", "name": "time"}


def test_what_this_api_lacks_is_left_out_with_a_warning() -> None:
    """Never quietly."""
    request = asked(seed=7, stop=("end",), temperature=0.5)
    body = sent(request)
    assert not {"seed", "stop"} & body.keys()
    assert body["temperature"] == 0.5
    answer = answered(whole(message(words("Hi"))), request)
    assert [notice.option for notice in answer.warnings] == ["stop", "seed"]


# --- being answered -------------------------------------------------------------------------


def test_words_thoughts_usage_and_ids_come_back() -> None:
    """Items of kinds that we do not read are let pass."""
    usage = {
        "input_tokens": 12,
        "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
        "output_tokens": 9,
        "output_tokens_details": {"reasoning_tokens": 6},
    }
    search = {"type": "web_search_call", "content": "odd", "summary": 3}
    answer = answered(
        whole(THOUGHT, search, None, message(words("Re"), None, words("d.")), usage=usage),
        headers={"x-request-id": "req_1"},
    )
    assert answer.text == "Red."
    assert answer.reasoning == "Look it up.\n\nThen answer."
    assert (answer.request_id, answer.metadata["id"], answer.model) == ("req_1", "resp_1", "m-1")
    assert answer.finish.model_dump() == {"unified": "stop", "raw": "completed"}
    assert answer.usage.input_tokens == 12
    assert answer.usage.cached_input_tokens == 4
    assert answer.usage.cache_write_tokens == 3
    assert answer.usage.reasoning_tokens == 6
    assert answer.usage.raw == usage


def test_tool_calls_go_by_their_call_id() -> None:
    """That is what their outputs refer to; bad arguments do not crash."""
    bad = CALL | {"call_id": "call_2", "arguments": "{"}
    nameless = CALL | {"call_id": "call_3", "name": None}
    answer = answered(whole(CALL, bad, nameless))
    assert [(c.id, c.arguments, c.raw_arguments) for c in answer.tool_calls] == [
        ("call_1", {"city": "Paris"}, None),
        ("call_2", {}, "{"),
    ]
    assert answer.finish.unified == "tool_calls"


@pytest.mark.parametrize(
    ("reason", "unified"),
    [
        ("max_output_tokens", "length"),
        ("content_filter", "content_filter"),
        ("steered", "stop"),
        ("brand_new", "stop"),
    ],
)
def test_an_incomplete_answer_says_why(reason: str, unified: str) -> None:
    """The reason is the finish word."""
    body = whole(message(words("Hel")), status="incomplete", incomplete_details={"reason": reason})
    finish = answered(body).finish
    assert (finish.unified, finish.raw) == (unified, reason)


def test_a_refusal_is_told_apart_from_words() -> None:
    """A piece of its own in the message."""
    answer = answered(whole(message({"type": "refusal", "refusal": "I can't."})))
    assert (answer.text, answer.refusal) == ("", "I can't.")
    assert answer.finish.unified == "content_filter"


@pytest.mark.parametrize("status", [None, "a_new_word"])
def test_an_unknown_status_is_no_failure(status: str | None) -> None:
    """There is an answer, so it is one."""
    assert answered(whole(message(words("Hi")), status=status)).text == "Hi"


def failed(**error: Any) -> dict[str, Any]:
    """A response that failed."""
    return whole(status="failed", error=error)


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (failed(code="server_error", message="x"), ProviderUnavailable),
        (failed(code="rate_limit_exceeded", message="x"), RateLimited),
        (failed(code="insufficient_quota", message="x"), InsufficientCredits),
        (failed(code="bio_policy", message="x"), ContentRefused),
        (failed(code="image_content_policy_violation", message="x"), ContentRefused),
        (failed(code="invalid_prompt", message="x"), RequestRejected),
        (failed(code="image_too_large", message="x"), RequestRejected),
        (failed(code="a_new_code", message="x"), ProviderError),
        (failed(), ProviderError),
        (whole(status="cancelled"), ProviderError),
        (whole(status="in_progress"), UnreadableResponse),
        (whole(status="queued"), UnreadableResponse),
        ({"error": {"message": "x", "type": "server_error"}}, ProviderUnavailable),
        ({"status": "completed"}, UnreadableResponse),
        ({"status": "completed", "output": [5]}, UnreadableResponse),
        (whole(message(5)), UnreadableResponse),
        (b"", UnreadableResponse),
        (b"<html>", UnreadableResponse),
    ],
)
def test_a_200_that_is_no_answer_is_the_right_failure(
    body: Any, error: type[GenerationError]
) -> None:
    """By its code, as the documentation groups them."""
    with pytest.raises(error):
        answered(body)


# --- which API ------------------------------------------------------------------------------

TOOL = {"name": "weather"}


@pytest.mark.parametrize(
    ("model", "fields", "expected"),
    [
        ("gpt-6.1-sol", {}, "chat"),
        ("gpt-6.1-sol", {"tools": [TOOL]}, "responses"),
        ("gpt-6.1-sol", {"tools": [TOOL], "reasoning_effort": "none"}, "chat"),
        ("gpt-6.1-sol", {"tools": [TOOL], "reasoning_effort": "high"}, "responses"),
        ("gpt-6-astra", {"tools": [TOOL], "reasoning_effort": "none"}, "responses"),
        ("gpt-5.4", {"tools": [TOOL]}, "chat"),
        ("gpt-5.4", {"tools": [TOOL], "reasoning_effort": "low"}, "responses"),
        ("gpt-5.5-pro", {}, "responses"),
        ("gpt-4.1", {"tools": [TOOL]}, "chat"),
        ("gpt-4.1", {"options": {"api": "responses"}}, "responses"),
        ("gpt-6.1-sol", {"tools": [TOOL], "options": {"api": "chat"}}, "chat"),
        ("not-in-the-catalogue", {"tools": [TOOL]}, "chat"),
    ],
)
def test_the_api_follows_the_caller_then_the_sheet(
    model: str, fields: dict[str, Any], expected: str
) -> None:
    """Tools beside reasoning are refused by chat for these models."""
    request = asked(model=model, **fields)
    assert api(request, Brief(model=MODELS.get(model))) == expected


def test_an_api_that_is_none_is_refused() -> None:
    """With what it could be."""
    with pytest.raises(UnsupportedOption, match="`chat` or `responses`"):
        api(asked(options={"api": "assistants"}), Brief())
