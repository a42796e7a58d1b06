"""Responses, whole and streamed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from starlette.responses import JSONResponse, Response, StreamingResponse

from anymedia.contracts.model import Model
from anymedia.testing.doubles.openai import mind
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure, missing_parameter

KNOWN = frozenset(
    {
        *("model", "input", "instructions", "max_output_tokens", "tools", "tool_choice"),
        *("parallel_tool_calls", "text", "reasoning", "previous_response_id", "conversation"),
        *("store", "background", "stream", "stream_options", "include", "truncation"),
        *("service_tier", "metadata", "max_tool_calls", "moderation", "context_management"),
        *("prompt_cache_key", "safety_identifier", "user", "temperature", "top_p"),
    }
)
ENCRYPTED = "reasoning.encrypted_content"
SEARCH = "web_search"
"""The one tool of its own that the double has."""


def answer(asked: Asked) -> Response:
    """`POST /v1/responses`."""
    model = asked.model("text", unknown=400)
    asked.refuse_unknown(KNOWN)
    fields = asked.fields
    items = given(fields)
    refuse_unsupported(fields, items, model)
    identifier = f"resp_{asked.number}"
    thinks = reasons(fields, model)
    output = spoken(fields, items, identifier, thinks=thinks)
    read = mind.tokens(json.dumps(fields.get("input")) + str(fields.get("instructions") or ""))
    reasoning = mind.REASONING_TOKENS if thinks else 0
    written = reasoning + sum(
        mind.tokens(json.dumps(item)) for item in output if item["type"] != "reasoning"
    )
    usage = {
        "input_tokens": read,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": written,
        "output_tokens_details": {"reasoning_tokens": reasoning},
        "total_tokens": read + written,
    }
    asked.charge(identifier, model, input_tokens=read, output_tokens=written)
    whole = response(fields, model, identifier, output, usage)
    if fields.get("stream"):
        return StreamingResponse(events(whole), media_type="text/event-stream; charset=utf-8")
    return JSONResponse(whole)


def given(fields: dict[str, Any]) -> list[dict[str, Any]]:
    """The input as items."""
    match fields.get("input"):
        case str() as text if text:
            return [{"role": "user", "content": text}]
        case list() as items if items:
            return items
        case _:
            raise missing_parameter("input")


def reasons(fields: dict[str, Any], model: Model) -> bool:
    """Whether the model thinks before it speaks."""
    effort = (fields.get("reasoning") or {}).get("effort")
    effort = effort or model.settings.get("default_effort", "medium")
    return "reasoning" in model.features and effort != "none"


def refuse_unsupported(fields: dict[str, Any], items: list[dict[str, Any]], model: Model) -> None:
    """What the API answers with 400, or 404 for thoughts that were never stored."""
    if ENCRYPTED in (fields.get("include") or ()) and "reasoning" not in model.features:
        raise Failure(400, "Encrypted content is not supported with this model.", param="include")
    if "reasoning" in model.features and "temperature" in fields:
        raise Failure(
            400,
            "Unsupported parameter: 'temperature' is not supported with this model.",
            code="unsupported_parameter",
            param="temperature",
        )
    called = {item.get("call_id") for item in items if item.get("type") == "function_call"}
    for item in items:
        if item.get("type") == "function_call_output" and item.get("call_id") not in called:
            raise Failure(
                400,
                f"No tool call found for function call output with call_id {item.get('call_id')}.",
                param="input",
            )
        if item.get("type") == "reasoning" and not item.get("encrypted_content"):
            raise Failure(404, f"Item with id '{item.get('id')}' not found.", param="input")


def spoken(
    fields: dict[str, Any], items: list[dict[str, Any]], identifier: str, *, thinks: bool
) -> list[dict[str, Any]]:
    """The output items."""
    output: list[dict[str, Any]] = []
    if thinks:
        thought: dict[str, Any] = {"id": f"rs_{identifier}", "type": "reasoning", "summary": []}
        if (fields.get("reasoning") or {}).get("summary"):
            thought["summary"] = [{"type": "summary_text", "text": "Thinking it over."}]
        if ENCRYPTED in (fields.get("include") or ()):
            thought["encrypted_content"] = f"gAAAA-{identifier}"
        output.append(thought)
    prompt = last_words(items)
    last = items[-1]
    choice = fields.get("tool_choice", "auto")
    answering = last.get("type") == "function_call_output"
    if mind.FORBIDDEN in prompt:
        return [*output, message(identifier, {"type": "refusal", "refusal": mind.REFUSAL})]
    offered = fields.get("tools") or []
    functions = [tool for tool in offered if tool.get("type") == "function"]
    searching = choice != "none" and any(tool.get("type") == SEARCH for tool in offered)
    if searching:
        output.append(
            {
                "id": f"ws_{identifier}",
                "type": "web_search_call",
                "status": "completed",
                "action": {"type": "search", "query": prompt},
            }
        )
    if functions and choice != "none" and not answering:
        tools = [(tool["name"], tool.get("parameters") or {}) for tool in functions]
        parallel = fields.get("parallel_tool_calls", True)
        calls = mind.wanted_tools(tools, choice, prompt, parallel=parallel)
        return output + [
            {
                "id": f"fc_{identifier}_{place}",
                "type": "function_call",
                "status": "completed",
                "call_id": f"call_{identifier}_{place}",
                "name": name,
                "arguments": arguments,
            }
            for place, (name, arguments) in enumerate(calls)
        ]
    wanted = (fields.get("text") or {}).get("format") or {}
    match wanted.get("type"):
        case "json_schema":
            text = json.dumps(mind.sample(wanted.get("schema", {})))
        case "json_object":
            text = json.dumps({"answer": mind.echo(prompt)})
        case _:
            text = mind.echo(str(last.get("output")) if answering else prompt)
    part: dict[str, Any] = {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    if searching:
        cited = {"type": "url_citation", "url": "https://example.com/", "title": "Example"}
        part["annotations"] = [{**cited, "start_index": 0, "end_index": len(text)}]
    return [*output, message(identifier, part)]


def message(identifier: str, part: dict[str, Any]) -> dict[str, Any]:
    """An item with words in it."""
    return {
        "id": f"msg_{identifier}",
        "type": "message",
        "status": "completed",
        "role": "assistant",
        "content": [part],
    }


def last_words(items: list[dict[str, Any]]) -> str:
    """What the user said last, without pictures and files."""
    for item in reversed(items):
        if item.get("role") == "user":
            content = item.get("content")
            if isinstance(content, str):
                return content
            return " ".join(
                str(part.get("text", ""))
                for part in content or ()
                if part.get("type") == "input_text"
            )
    return ""


def response(
    fields: dict[str, Any],
    model: Model,
    identifier: str,
    output: list[dict[str, Any]],
    usage: dict[str, Any],
) -> dict[str, Any]:
    """A whole answer, cut short where the request says so."""
    whole: dict[str, Any] = {
        "id": identifier,
        "object": "response",
        "created_at": 1_795_000_000,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "instructions": fields.get("instructions"),
        "metadata": fields.get("metadata") or {},
        "model": model.id,
        "output": output,
        "parallel_tool_calls": fields.get("parallel_tool_calls", True),
        "service_tier": "default",
        "store": fields.get("store", True),
        "temperature": fields.get("temperature", 1),
        "text": fields.get("text") or {"format": {"type": "text"}},
        "tool_choice": fields.get("tool_choice", "auto"),
        "tools": fields.get("tools") or [],
        "top_p": fields.get("top_p", 1),
        "usage": usage,
    }
    most = fields.get("max_output_tokens")
    if most is not None and usage["output_tokens"] > most:
        whole |= {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}}
    return whole


def events(whole: dict[str, Any]) -> Iterator[str]:
    """A streamed answer: named events, numbered, without a `[DONE]`."""
    number = -1

    def event(kind: str, **more: Any) -> str:
        nonlocal number
        number += 1
        told = {"type": kind, "sequence_number": number, **more}
        return f"event: {kind}\ndata: {json.dumps(told)}\n\n"

    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield event("response.created", response=begun)
    yield event("response.in_progress", response=begun)
    for place, item in enumerate(whole["output"]):
        where = {"output_index": place, "item_id": item["id"]}
        yield event("response.output_item.added", output_index=place, item=opened(item))
        if item["type"] == "message":
            part = item["content"][0]
            where["content_index"] = 0
            name = "output_text" if part["type"] == "output_text" else "refusal"
            text = part.get("text") or part.get("refusal")
            empty = {**part, ("text" if name == "output_text" else "refusal"): ""}
            yield event("response.content_part.added", part=empty, **where)
            for piece in mind.words(text):
                yield event(f"response.{name}.delta", delta=piece, **where)
            field = "text" if name == "output_text" else "refusal"
            yield event(f"response.{name}.done", **{field: text}, **where)
            yield event("response.content_part.done", part=part, **where)
        if item["type"] == "reasoning":
            for place_, part in enumerate(item["summary"]):
                where["summary_index"] = place_
                blank = {**part, "text": ""}
                yield event("response.reasoning_summary_part.added", part=blank, **where)
                yield event("response.reasoning_summary_text.delta", delta=part["text"], **where)
                yield event("response.reasoning_summary_text.done", text=part["text"], **where)
                yield event("response.reasoning_summary_part.done", part=part, **where)
        if item["type"] == "function_call":
            arguments = item["arguments"]
            half = len(arguments) // 2
            for piece in (arguments[:half], arguments[half:]):
                yield event("response.function_call_arguments.delta", delta=piece, **where)
            yield event(
                "response.function_call_arguments.done",
                arguments=arguments,
                name=item["name"],
                **where,
            )
        yield event("response.output_item.done", output_index=place, item=item)
    closing = "incomplete" if whole["status"] == "incomplete" else "completed"
    yield event(f"response.{closing}", response=whole)


def opened(item: dict[str, Any]) -> dict[str, Any]:
    """An item before anything is in it."""
    match item["type"]:
        case "message":
            return {**item, "status": "in_progress", "content": []}
        case "function_call":
            return {**item, "status": "in_progress", "arguments": ""}
        case _:
            return item
