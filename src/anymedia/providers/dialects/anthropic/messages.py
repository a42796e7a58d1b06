"""Asking: `POST /v1/messages`.

The system's words stand beside the messages. Turns alternate: what a tool answered and what the
user says is one turn, so neighbours of one role are joined. The number of tokens to write at
most has to be said, and what it thinks is a part of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.notice import Notice, dropped, imitated, rounded
from anymedia.contracts.text import (
    AssistantMessage,
    NamedTool,
    OutputFormat,
    SchemaOutput,
    TextRequest,
    Tool,
    ToolMessage,
    UserMessage,
)
from anymedia.providers.dialects.anthropic.parts import shown, unseen
from anymedia.providers.dialects.anthropic.quirks import SAMPLING, Quirks
from anymedia.providers.dialects.anthropic.schema import loses, strict
from anymedia.providers.dialects.anthropic.thinking import Thinking, thinking
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.spec import Brief
from anymedia.wire.http import HttpRequest, post

OURS = frozenset({"betas", "stream"})
"""Options that never go into a body: the first is a header, the second the operation's choice."""
MISSING = ("presence_penalty", "frequency_penalty", "seed")


@dataclass(frozen=True, slots=True)
class Asking:
    """A request in this dialect, and what became of the caller's options on the way."""

    body: dict[str, Any]
    headers: dict[str, str]
    notices: tuple[Notice, ...]

    def sent(self, *, stream: bool) -> HttpRequest:
        """As it goes out."""
        body = {**self.body, "stream": True} if stream else self.body
        return post("/v1/messages", json=body, headers=self.headers)


def asking(request: TextRequest, brief: Brief, quirks: Quirks) -> Asking:
    """What to send. The same for the request and for reading its answer."""
    most, cut = output_tokens(request, brief, quirks)
    thought = thinking(request, brief.model, quirks, most)
    sampled, version, unsampled = sampling(request, brief, quirks, thought)
    body: dict[str, Any] = {
        "model": request.model,
        "max_tokens": most,
        "messages": turns(request, quirks),
        **sampled,
        **thought.fields,
    }
    if (system := request.system()) is not None:
        body["system"] = system
    if request.tools:
        body["tools"] = [offered(tool) for tool in request.tools]
        if (choice := chosen(request)) is not None:
            body["tool_choice"] = choice
    if request.output is not None:
        body["output_config"] = {**body.get("output_config", {}), "format": wanted(request.output)}
    if request.stop:
        body["stop_sequences"] = list(request.stop)
    if request.user is not None:
        body["metadata"] = {"user_id": request.user}
    headers = {"anthropic-version": version}
    if betas := request.options.get("betas"):
        names = betas if isinstance(betas, list | tuple) else [betas]
        headers["anthropic-beta"] = ",".join(str(name) for name in names)
    return Asking(
        merged(body, request.options, without=OURS),
        headers,
        (*cut, *thought.notices, *unsampled, *left_out(request)),
    )


def output_tokens(
    request: TextRequest, brief: Brief, quirks: Quirks
) -> tuple[int, tuple[Notice, ...]]:
    """How much it may write: as asked, but no more than the model can."""
    asked = request.max_output_tokens
    cap = brief.model.limits.output_tokens if brief.model else None
    if asked is None:
        return min(quirks.output_tokens, cap or quirks.output_tokens), ()
    if cap is not None and asked > cap:
        return cap, (rounded("max_output_tokens", asked, cap, "the model writes no more"),)
    return asked, ()


def sampling(
    request: TextRequest, brief: Brief, quirks: Quirks, thought: Thinking
) -> tuple[dict[str, Any], str, tuple[Notice, ...]]:
    """The fields that steer sampling, the version that takes them, and what is not sent.

    The current version refuses them. Older models take them in the older version, which their
    sheet names as `settings.sampling_version`; not while they think, and not two at a time.
    """
    asked = {name: value for name in SAMPLING if (value := getattr(request, name)) is not None}
    older = brief.model.settings.get("sampling_version") if brief.model else None
    names = quirks.sampling or (SAMPLING if older else {})
    if not asked:
        return {}, quirks.version, ()
    if not names or thought.on:
        why = "it cannot be set while the model thinks" if names else "the API does not have it"
        return {}, quirks.version, tuple(dropped(n, why, asked=v) for n, v in asked.items())
    notices: list[Notice] = []
    if "temperature" in asked and asked.pop("top_p", None) is not None:
        notices.append(dropped("top_p", "the API takes it or `temperature`", asked=request.top_p))
    if (heat := asked.get("temperature")) is not None and heat > 1:
        asked["temperature"] = 1.0
        notices.append(rounded("temperature", heat, 1.0, "the API takes 0 to 1"))
    unknown = [name for name in asked if name not in names]
    notices += [
        dropped(name, "the API does not have it", asked=asked.pop(name)) for name in unknown
    ]
    fields = {names[name]: value for name, value in asked.items()}
    return fields, quirks.version if quirks.sampling else str(older), tuple(notices)


def turns(request: TextRequest, quirks: Quirks) -> list[dict[str, Any]]:
    """The conversation; neighbours of one role become one turn."""
    joined: list[dict[str, Any]] = []
    for message in request.conversation():
        role, blocks = said(message, quirks)
        if not blocks:  # the API refuses a turn that says nothing
            continue
        if joined and joined[-1]["role"] == role:
            joined[-1]["content"] += blocks
        else:
            joined.append({"role": role, "content": blocks})
    return joined


def said(
    message: UserMessage | AssistantMessage | ToolMessage, quirks: Quirks
) -> tuple[str, list[dict[str, Any]]]:
    """Who speaks, and in which blocks."""
    match message:
        case UserMessage():
            return "user", [block for part in message.parts() if (block := shown(part))]
        case AssistantMessage():
            return "assistant", list(assistant(message, quirks))
        case ToolMessage():
            result: dict[str, Any] = {"type": "tool_result", "tool_use_id": message.tool_call_id}
            if message.content:
                result["content"] = message.content
            if message.is_error:
                result["is_error"] = True
            return "user", [result]


def assistant(message: AssistantMessage, quirks: Quirks) -> Iterable[dict[str, Any]]:
    """What the model said before: its own blocks where they were kept, else written anew."""
    own = message.provider_state.get(quirks.state)
    blocks = own.get("content") if isinstance(own, dict) else None
    if isinstance(blocks, list | tuple) and blocks:
        yield from blocks
        return
    if message.content:
        yield {"type": "text", "text": message.content}
    for call in message.tool_calls:
        yield {"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments}


def offered(tool: Tool) -> dict[str, Any]:
    """A function the model may ask for."""
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    parameters = strict(tool.parameters) if tool.strict else tool.parameters
    function["input_schema"] = {"type": "object", **parameters}
    if tool.strict:
        function["strict"] = True
    return function


def chosen(request: TextRequest) -> dict[str, Any] | None:
    """Whether and which tool it should ask for, and whether several at once."""
    choice: dict[str, Any] | None = None
    match request.tool_choice:
        case NamedTool(name=name):
            choice = {"type": "tool", "name": name}
        case "required":
            choice = {"type": "any"}
        case "auto" | "none" as word:
            choice = {"type": word}
        case None:
            pass
    if request.parallel_tool_calls is False and request.tool_choice != "none":
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return choice


def wanted(output: OutputFormat) -> dict[str, Any]:
    """Structured output, which is always strict here and has no name."""
    if not isinstance(output, SchemaOutput):
        raise UnsupportedOption(
            "this API writes JSON only by a schema; give one as `output`, or ask in words"
        )
    schema = strict(output.json_schema)
    if output.description is not None:
        schema.setdefault("description", output.description)
    return {"type": "json_schema", "schema": schema}


def left_out(request: TextRequest) -> Iterable[Notice]:
    """What the caller asked for and this API cannot do."""
    for name in MISSING:
        if (value := getattr(request, name)) is not None:
            yield dropped(name, "the API does not have it", asked=value)
    strictly = [tool.parameters for tool in request.tools if tool.strict]
    if isinstance(request.output, SchemaOutput):
        strictly.append(request.output.json_schema)
    if any(loses(schema) for schema in strictly):
        yield imitated("output", "limits in the schema are told in words, and not enforced")
    yield from unseen(request)
