"""A response asked for: from its body to a `TextRequest`.

Nothing is kept here, so what leans on something kept is refused by its name: `store`,
`previous_response_id`, `conversation`, `background`. Who wants to go on sends the whole
conversation, with the items of earlier answers as they came.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from anymedia.contracts.text import JsonOutput, NamedTool, SchemaOutput, SystemMessage, TextRequest
from anymedia.gateway.openai.chat import HINTS, fields_of
from anymedia.gateway.openai.responses_input import Turn, turns
from anymedia.gateway.shared.extension import built
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.spec import Refused

NAMES = {
    "output": "text.format",
    "user": "safety_identifier",
    "reasoning_effort": "reasoning.effort",
    "messages": "input",
}
"""Its words for our fields, in what is said about mistakes."""
ALL_ITEMS = "send the whole conversation in `input`, with the items of earlier answers as they came"
NOT_KEPT = {
    "previous_response_id": f"answers are not kept here; {ALL_ITEMS}",
    "conversation": f"conversations are not kept here; {ALL_ITEMS}",
    "background": "answers are not made in the background here; leave it out, or say `stream`",
    "store": f"answers are not kept here; say `false` or leave it out, and {ALL_ITEMS}",
}
"""What leans on something kept, and what to do instead."""
ENCRYPTED = "reasoning.encrypted_content"
"""What comes along always, so that the next turn can have it."""


class Body(msgspec.Struct):
    """The body."""

    model: str
    input: Any
    instructions: str | None = None
    stream: bool | None = None
    stream_options: Any = None
    tools: Any = None
    tool_choice: Any = None
    parallel_tool_calls: bool | None = None
    text: Any = None
    max_output_tokens: int | None = None
    temperature: float | None = None
    top_p: float | None = None
    reasoning: Any = None
    include: list[str] | None = None
    truncation: str | None = None
    user: str | None = None
    safety_identifier: str | None = None
    metadata: dict[str, Any] | None = None
    service_tier: str | None = None
    top_logprobs: int | None = None
    store: bool | None = None
    background: bool | None = None
    previous_response_id: str | None = None
    conversation: Any = None
    anymedia: dict[str, Any] | None = None


class StreamOptions(msgspec.Struct):
    """What a stream should say besides."""

    include_obfuscation: bool | None = None
    """Padding against listeners; we add none."""


class Function(msgspec.Struct):
    """A function on offer."""

    type: str
    name: str
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class Choice(msgspec.Struct):
    """A function that has to be called."""

    type: str
    name: str


class Format(msgspec.Struct):
    """Structured output."""

    type: Literal["text", "json_object", "json_schema"]
    name: str | None = None
    description: str | None = None
    schema: dict[str, Any] | None = None
    strict: bool | None = None


class Words(msgspec.Struct):
    """How the words should be."""

    format: Any = None


class Reasoning(msgspec.Struct):
    """How much to think. Whether it is told can be done without: who tells it, tells it anyway."""

    effort: str | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked, and in which form the answer should come."""

    request: TextRequest
    turns: tuple[Turn, ...]
    """The messages of the request, with the items that they were."""
    stream: bool
    echo: dict[str, Any]
    """What an answer repeats of its question."""


def asked(reading: Reading) -> Asked:
    """The request that a body stands for."""
    body = reading.top(Body, HINTS)
    check_kept(body)
    found = turns(reading, body.input)
    if body.instructions:
        found.insert(0, Turn(SystemMessage(content=body.instructions)))
    check_carried(body, reading)
    if body.stream_options is not None:
        reading.read(body.stream_options, StreamOptions, "stream_options")
    fields: dict[str, Any] = {
        "model": body.model,
        "messages": [turn.message for turn in found],
        "tools": offered(reading, body.tools),
        "tool_choice": chosen(reading, body.tool_choice),
        "parallel_tool_calls": body.parallel_tool_calls,
        "output": wanted(reading, body.text),
        "max_output_tokens": body.max_output_tokens,
        "temperature": body.temperature,
        "top_p": body.top_p,
        "reasoning_effort": effort(reading, body.reasoning),
        "user": body.safety_identifier or body.user,
        "metadata": body.metadata,
    }
    return Asked(
        request=built(TextRequest, fields, body.anymedia, names=NAMES),
        turns=tuple(found),
        stream=bool(body.stream),
        echo=echo(body),
    )


def check_kept(body: Body) -> None:
    """Refuse what would have us keep something, or find it again."""
    for name, instead in NOT_KEPT.items():
        if getattr(body, name):
            raise Refused(f"`{name}`: {instead}", param=name, word="unsupported_parameter")


def check_carried(body: Body, reading: Reading) -> None:
    """Note what only OpenAI has."""
    if body.service_tier not in {None, "auto"}:
        reading.stranger("service_tier")
    if body.truncation not in {None, "disabled"}:
        reading.stranger("truncation")
    if body.top_logprobs:
        reading.stranger("top_logprobs")
    if set(body.include or ()) - {ENCRYPTED}:
        reading.stranger("include")


def offered(reading: Reading, raw: Any) -> list[dict[str, Any]] | None:
    """The functions that the model may ask for; tools that run elsewhere are OpenAI's affair."""
    if raw is None:
        return None
    found = []
    for path, one in reading.many(raw, "tools"):
        kind = one.get("type") if isinstance(one, dict) else None
        if not isinstance(kind, str):
            raise wrong(f"{path}.type", "expected a kind of tool, such as `function`")
        if kind != "function":
            reading.stranger(f"{path}.type")
            continue
        said = fields_of(reading.read(one, Function, path))
        found.append({name: value for name, value in said if value is not None and name != "type"})
    return found


def chosen(reading: Reading, raw: Any) -> Any:
    """Whether and which tool it should ask for."""
    match raw:
        case None | "auto" | "none" | "required":
            return raw
        case {"type": "function"}:
            return NamedTool(name=reading.read(raw, Choice, "tool_choice").name)
        case {"type": str()}:
            reading.stranger("tool_choice.type")
            return None
        case _:
            raise wrong("tool_choice", "expected `auto`, `none`, `required` or a named function")


def wanted(reading: Reading, raw: Any) -> JsonOutput | SchemaOutput | dict[str, Any] | None:
    """Structured output, if any."""
    if raw is None:
        return None
    said = reading.read(raw, Words, "text").format
    if said is None:
        return None
    path = "text.format"
    output = reading.read(said, Format, path)
    match output.type:
        case "text":
            return None
        case "json_object":
            return JsonOutput()
        case "json_schema":
            for name in ("name", "schema"):
                if getattr(output, name) is None:
                    raise wrong(f"{path}.{name}", "is missing")
            return {
                "type": "schema",
                "name": output.name,
                "description": output.description,
                "json_schema": output.schema,
                "strict": bool(output.strict),
            }


def effort(reading: Reading, raw: Any) -> str | None:
    """How much to think; how it is told is its provider's affair."""
    if raw is None:
        return None
    return reading.read(raw, Reasoning, "reasoning", ("summary", "generate_summary")).effort


def echo(body: Body) -> dict[str, Any]:
    """The question's settings as an answer repeats them."""
    reasoning = body.reasoning if isinstance(body.reasoning, dict) else {}
    text = body.text if isinstance(body.text, dict) else {}
    return {
        "background": False,
        "instructions": body.instructions,
        "max_output_tokens": body.max_output_tokens,
        "metadata": body.metadata or {},
        "parallel_tool_calls": body.parallel_tool_calls is not False,
        "previous_response_id": None,
        "reasoning": {"effort": None, "summary": None, **reasoning},
        "safety_identifier": body.safety_identifier,
        "store": False,
        "temperature": body.temperature,
        "text": {**text, "format": text.get("format") or {"type": "text"}},
        "tool_choice": "auto" if body.tool_choice is None else body.tool_choice,
        "tools": body.tools or [],
        "top_p": body.top_p,
        "truncation": body.truncation or "disabled",
        "user": body.user,
    }
