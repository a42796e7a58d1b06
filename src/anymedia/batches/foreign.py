"""Lines in the form of OpenAI's batch API: `{"custom_id", "method", "url", "body"}`.

What a chat completion's body says, as fields of a `TextRequest`. What is not known here is told as
a mistake and never dropped.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

CHAT = "/v1/chat/completions"
PLAIN = (
    *("model", "messages", "temperature", "top_p", "top_k", "presence_penalty"),
    *("frequency_penalty", "seed", "reasoning_effort", "parallel_tool_calls", "metadata", "user"),
)
RENAMED = {
    "max_completion_tokens": "max_output_tokens",
    "max_tokens": "max_output_tokens",
    "safety_identifier": "user",
}
READ = frozenset({*PLAIN, *RENAMED, "stop", "tools", "tool_choice", "response_format", "n"})
IGNORED = frozenset({"stream", "store", "service_tier"})
"""Without a meaning in a batch, unless they ask for something."""
ENVELOPE = frozenset({"custom_id", "method", "url", "body"})


def is_foreign(line: Mapping[str, Any]) -> bool:
    """Whether a line is in that form."""
    return "url" in line and "body" in line


def chat_fields(line: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of the text request that a line stands for. `ValueError` says what is wrong."""
    strange = line.keys() - ENVELOPE
    if strange:
        raise ValueError(f"`{min(strange)}`: there is no such field beside `url` and `body`")
    if line["url"] != CHAT or str(line.get("method", "POST")).upper() != "POST":
        raise ValueError(f"`url`: expected `{CHAT}`, asked by `POST`")
    body = line["body"]
    if not isinstance(body, dict):
        raise ValueError("`body`: expected an object")  # noqa: TRY004  it is the caller's data
    said = {name: value for name, value in body.items() if value is not None}
    refuse(said)
    fields = {name: said[name] for name in PLAIN if name in said}
    fields |= {ours: said[theirs] for theirs, ours in RENAMED.items() if theirs in said}
    if "messages" in fields:
        fields["messages"] = [message(one) for one in many(fields["messages"], "messages")]
    if "stop" in said:
        fields["stop"] = [said["stop"]] if isinstance(said["stop"], str) else said["stop"]
    if "tools" in said:
        fields["tools"] = [tool(one) for one in many(said["tools"], "tools")]
    if "tool_choice" in said:
        fields["tool_choice"] = choice(said["tool_choice"])
    if "response_format" in said and (output := wanted(said["response_format"])) is not None:
        fields["output"] = output
    return fields


def refuse(said: Mapping[str, Any]) -> None:
    """What no line can ask for."""
    for name in said:
        if name not in READ and not (name in IGNORED and said[name] in {False, "auto"}):
            raise ValueError(f"`body.{name}` is not carried in a batch; leave it out")
    if said.get("n", 1) != 1:
        raise ValueError("`body.n`: one answer a line; write several lines")


def many(value: Any, name: str) -> list[Any]:
    """A list, or a mistake."""
    if not isinstance(value, list):
        raise ValueError(f"`body.{name}`: expected a list")  # noqa: TRY004  it is the caller's data
    return value


def message(one: Any) -> Any:
    """One message of the conversation."""
    if not isinstance(one, dict):
        return one  # and let the contract say what it expects
    said = {name: value for name, value in one.items() if value is not None}
    if said.get("role") == "developer":
        said["role"] = "system"
    content = said.get("content")
    if isinstance(content, list):
        if said.get("role") == "user":
            said["content"] = [part(each) for each in content]
        else:
            said["content"] = "".join(str(each.get("text", "")) for each in content)
    if calls := said.get("tool_calls"):
        said["tool_calls"] = [called(each) for each in calls]
    said.pop("refusal", None)
    return said


def part(one: Any) -> Any:
    """One part of what a user shows."""
    match one:
        case {"type": "image_url", "image_url": {"url": str() as url, **more}}:
            detail = {"detail": more["detail"]} if more.get("detail") else {}
            return {"type": "image", "image": url, **detail}
        case {"type": "file", "file": {"file_data": str() as data, **more}}:
            named = {"filename": more["filename"]} if more.get("filename") else {}
            return {"type": "file", "file": data, **named}
        case {"type": "input_audio", "input_audio": {"data": str() as data, **more}}:
            return {
                "type": "audio",
                "audio": f"data:audio/{more.get('format', 'wav')};base64,{data}",
            }
        case _:
            return one


def called(one: Any) -> Any:
    """A tool call that the model made before."""
    match one:
        case {"id": identifier, "function": {"name": name, "arguments": str() as written}}:
            return {"id": identifier, "name": name, **arguments(written)}
        case _:
            return one


def arguments(written: str) -> dict[str, Any]:
    """What a function was called with; as it was written, where that is no object."""
    try:
        return {"arguments": msgspec.json.decode(written or "{}", type=dict)}
    except (msgspec.DecodeError, RecursionError):
        return {"arguments": {}, "raw_arguments": written}


def tool(one: Any) -> Any:
    """A function that the model may ask for."""
    match one:
        case {"type": "function", "function": dict() as function}:
            return {name: value for name, value in function.items() if value is not None}
        case _:
            raise ValueError("`body.tools`: expected functions")


def choice(said: Any) -> Any:
    """Whether and which tool it should ask for."""
    match said:
        case {"type": "function", "function": {"name": str() as name}}:
            return {"name": name}
        case _:
            return said


def wanted(said: Any) -> dict[str, Any] | None:
    """Structured output, if any."""
    match said:
        case {"type": "text"}:
            return None
        case {"type": "json_object"}:
            return {"type": "json"}
        case {"type": "json_schema", "json_schema": {"name": name, **schema}}:
            return {
                "type": "schema",
                "name": name,
                "json_schema": schema.get("schema") or {},
                "strict": bool(schema.get("strict")),
                **({"description": schema["description"]} if schema.get("description") else {}),
            }
        case _:
            raise ValueError("`body.response_format`: expected a kind that is documented")
