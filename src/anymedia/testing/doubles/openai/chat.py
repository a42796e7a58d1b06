"""Chat completions, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from anymedia.contracts.model import Model
from anymedia.testing.doubles.openai import mind
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure, missing_parameter

KNOWN = frozenset(
    {
        *("model", "messages", "max_completion_tokens", "max_tokens", "temperature", "top_p"),
        *("frequency_penalty", "presence_penalty", "n", "stop", "seed", "logprobs"),
        *("top_logprobs", "logit_bias", "response_format", "tools", "tool_choice"),
        *("parallel_tool_calls", "reasoning_effort", "verbosity", "modalities", "audio"),
        *("service_tier", "store", "metadata", "prompt_cache_key", "prompt_cache_options"),
        *("safety_identifier", "user", "stream", "stream_options", "prediction"),
        *("web_search_options", "moderation"),
    }
)


@dataclass(frozen=True, slots=True)
class Said:
    """What the model says, before it is put into a form."""

    text: str | None = None
    refusal: str | None = None
    calls: tuple[tuple[str, str], ...] = ()
    finish: str = "stop"
    output_tokens: int = 0


def answer(asked: Asked) -> Response:
    """`POST /v1/chat/completions`."""
    model = asked.model("text")
    asked.refuse_unknown(KNOWN)
    refuse_unsupported(asked.fields, model)
    messages = asked.fields.get("messages")
    if not isinstance(messages, list) or not messages:
        raise missing_parameter("messages")
    prompt = last_words(messages)
    said = spoken(asked.fields, messages[-1], prompt)
    reasoning = mind.REASONING_TOKENS if reasons(asked.fields, model) else 0
    read = sum(mind.tokens(json.dumps(message.get("content"))) for message in messages)
    usage = {
        "prompt_tokens": read,
        "completion_tokens": said.output_tokens + reasoning,
        "total_tokens": read + said.output_tokens + reasoning,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0, "cache_write_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": reasoning, "audio_tokens": 0},
    }
    identifier = f"chatcmpl-{asked.number}"
    asked.charge(identifier, model, input_tokens=read, output_tokens=said.output_tokens + reasoning)
    head = {"id": identifier, "created": 1_795_000_000, "model": model.id}
    if asked.fields.get("stream"):
        options = asked.fields.get("stream_options") or {}
        events = chunks(said, head, usage if options.get("include_usage") else None)
        return StreamingResponse(events, media_type="text/event-stream; charset=utf-8")
    return JSONResponse(completion(said, head, usage))


def refuse_unsupported(fields: dict[str, Any], model: Model) -> None:
    """What reasoning models answer with 400."""
    if model.settings.get("api") == "responses":
        raise Failure(
            404, "This model is only supported in v1/responses and not here.", param="model"
        )
    if "reasoning" not in model.features:
        return
    if "max_tokens" in fields:
        raise Failure(
            400,
            "Unsupported parameter: 'max_tokens' is not supported with this model. "
            "Use 'max_completion_tokens' instead.",
            code="unsupported_parameter",
            param="max_tokens",
        )
    for name in ("temperature", "top_p"):
        if fields.get(name, 1) != 1:
            raise Failure(
                400,
                f"Unsupported value: '{name}' does not support {fields[name]} with this model. "
                "Only the default (1) value is supported.",
                code="unsupported_value",
                param=name,
            )
    efforts = model.settings.get("chat_tool_efforts")
    effort = fields.get("reasoning_effort", model.settings.get("default_effort"))
    if fields.get("tools") and efforts is not None and effort not in efforts:
        raise Failure(
            400,
            f"Function tools with reasoning_effort are not supported for {model.id} in "
            "/v1/chat/completions. To use function tools, use /v1/responses or set "
            "reasoning_effort to 'none'.",
            param="reasoning_effort",
        )


def reasons(fields: dict[str, Any], model: Model) -> bool:
    """Whether the model thinks before it speaks."""
    effort = fields.get("reasoning_effort", model.settings.get("default_effort", "medium"))
    return "reasoning" in model.features and effort != "none"


def last_words(messages: list[dict[str, Any]]) -> str:
    """What the user said last, without pictures and sound."""
    for message in reversed(messages):
        if message.get("role") == "user":
            content = message.get("content")
            if isinstance(content, str):
                return content
            return " ".join(
                str(part.get("text", "")) for part in content or () if part.get("type") == "text"
            )
    return ""


def spoken(fields: dict[str, Any], last: dict[str, Any], prompt: str) -> Said:
    """The answer to a prompt."""
    wanted = fields.get("response_format") or {}
    if mind.FORBIDDEN in prompt:
        return Said(refusal=mind.REFUSAL, output_tokens=mind.tokens(mind.REFUSAL))
    choice = fields.get("tool_choice", "auto")
    if fields.get("tools") and choice != "none" and last.get("role") != "tool":
        tools = [
            (tool["function"]["name"], tool["function"].get("parameters", {}))
            for tool in fields["tools"]
        ]
        calls = mind.wanted_tools(
            tools, choice, prompt, parallel=fields.get("parallel_tool_calls", True)
        )
        return Said(
            calls=tuple(calls),
            finish="stop" if isinstance(choice, dict) else "tool_calls",
            output_tokens=sum(mind.tokens(name + arguments) for name, arguments in calls),
        )
    match wanted.get("type"):
        case "json_schema":
            text = json.dumps(mind.sample(wanted["json_schema"].get("schema", {})))
        case "json_object":
            text = json.dumps({"answer": mind.echo(prompt)})
        case _:
            content = last.get("content") if last.get("role") == "tool" else prompt
            text = mind.echo(str(content))
    most = fields.get("max_completion_tokens") or fields.get("max_tokens")
    if most is not None and mind.tokens(text) > most:
        return Said(text=text[: 4 * most], finish="length", output_tokens=most)
    return Said(text=text, output_tokens=mind.tokens(text))


def completion(said: Said, head: dict[str, Any], usage: dict[str, Any]) -> dict[str, Any]:
    """A whole answer."""
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said.text,
        "refusal": said.refusal,
        "annotations": [],
    }
    if said.calls:
        message["tool_calls"] = [
            {
                "id": f"call_{head['id']}_{place}",
                "type": "function",
                "function": {"name": name, "arguments": arguments},
            }
            for place, (name, arguments) in enumerate(said.calls)
        ]
    return {
        **head,
        "object": "chat.completion",
        "choices": [
            {"index": 0, "message": message, "logprobs": None, "finish_reason": said.finish}
        ],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": None,
    }


def chunks(said: Said, head: dict[str, Any], usage: dict[str, Any] | None) -> Iterator[str]:
    """A streamed answer. With usage asked for, all chunks but the last say `null` to it."""

    def event(choices: list[dict[str, Any]], counted: dict[str, Any] | None = None) -> str:
        told: dict[str, Any] = {**head, "object": "chat.completion.chunk", "choices": choices}
        if usage is not None:
            told["usage"] = counted
        return f"data: {json.dumps({**told, 'obfuscation': 'x7'})}\n\n"

    def fragment(finish: str | None = None, **delta: Any) -> str:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return event([choice])

    yield fragment(role="assistant", content=None if said.calls else "", refusal=None)
    for piece in mind.words(said.text or ""):
        yield fragment(content=piece)
    for piece in mind.words(said.refusal or ""):
        yield fragment(refusal=piece)
    for place, (name, arguments) in enumerate(said.calls):
        function = {"name": name, "arguments": ""}
        call = {
            "index": place,
            "id": f"call_{head['id']}_{place}",
            "type": "function",
            "function": function,
        }
        yield fragment(tool_calls=[call])
        half = len(arguments) // 2
        for piece in (arguments[:half], arguments[half:]):
            yield fragment(tool_calls=[{"index": place, "function": {"arguments": piece}}])
    yield fragment(finish=said.finish)
    if usage is not None:
        yield event([], usage)
    yield "data: [DONE]\n\n"
