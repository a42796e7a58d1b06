"""Asking: the body of `generateContent`.

The system's words stand beside the contents. Turns alternate: neighbours of one role are joined,
and what tools answered is the user's. What the model said before goes back as it came, with its
signatures, if it came from this surface; else it is written anew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from anymedia.contracts.media import as_base64
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.text import (
    AssistantMessage,
    ImagePart,
    NamedTool,
    SchemaOutput,
    TextRequest,
    Tool,
    ToolMessage,
    UserMessage,
)
from anymedia.providers.dialects.google.parts import shown
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.google.thinking import thinking
from anymedia.providers.dialects.openai.fields import merged, named
from anymedia.providers.spec import Brief
from anymedia.wire.http import HttpRequest, post

Turn: TypeAlias = UserMessage | AssistantMessage | ToolMessage
PLAIN = {
    "max_output_tokens": "maxOutputTokens",
    "temperature": "temperature",
    "top_p": "topP",
    "top_k": "topK",
    "presence_penalty": "presencePenalty",
    "frequency_penalty": "frequencyPenalty",
    "seed": "seed",
    "stop": "stopSequences",
}
OURS = frozenset({"api", "gcs_uri"})
"""Options that never go into a body."""
UNSIGNED = as_base64(b"skip_thought_signature_validator")
"""Stands for the signature of a call that another model made; from Gemini 3 on one is wanted."""


@dataclass(frozen=True, slots=True)
class Asking:
    """A body, and what became of the caller's options on the way."""

    body: dict[str, Any]
    notices: tuple[Notice, ...]


def asking(request: TextRequest, brief: Brief, surface: Surface) -> Asking:
    """What to send. The same for the request and for reading its answer."""
    thought, notices = thinking(request.reasoning_effort, brief.model)
    configuration: dict[str, Any] = named(request, PLAIN)
    if thought:
        configuration["thinkingConfig"] = thought
    if request.output is not None:
        configuration["responseMimeType"] = "application/json"
        if isinstance(request.output, SchemaOutput):
            configuration["responseJsonSchema"] = request.output.json_schema
    body: dict[str, Any] = {"contents": turns(request, brief.model, surface)}
    if (system := request.system()) is not None:
        body["systemInstruction"] = {"parts": [{"text": system}]}
    if request.tools:
        body["tools"] = [{"functionDeclarations": [offered(tool) for tool in request.tools]}]
        if (choice := chosen(request)) is not None:
            body["toolConfig"] = {"functionCallingConfig": choice}
    if configuration:
        body["generationConfig"] = configuration
    body |= surface.labelled(brief.marker)
    return Asking(merged(body, request.options, without=OURS), (*notices, *left_out(request)))


def sent(request: TextRequest, asked: Asking, surface: Surface, *, stream: bool) -> HttpRequest:
    """The request, for a whole answer or for one bit by bit."""
    if stream:
        path = surface.method(request.model, "streamGenerateContent")
        return post(path, query={"alt": "sse"}, json=asked.body)
    return post(surface.method(request.model, "generateContent"), json=asked.body)


# --- the conversation -----------------------------------------------------------------------


def turns(request: TextRequest, model: Model | None, surface: Surface) -> list[dict[str, Any]]:
    """The conversation; neighbours of one role become one turn."""
    joined: list[dict[str, Any]] = []
    asked = Asked()
    for message in in_order(request.conversation()):
        match message:
            case UserMessage():
                role, parts = "user", [shown(part) for part in message.parts()]
            case AssistantMessage():
                role, parts = "model", list(said_before(message, model, surface))
                asked = Asked.of(message, parts)
            case ToolMessage():
                role, parts = "user", [asked.answered(message)]
        if not parts:  # the API refuses a turn that says nothing
            continue
        if joined and joined[-1]["role"] == role:
            joined[-1]["parts"] += parts
        else:
            joined.append({"role": role, "parts": parts})
    for turn in joined:
        turn["parts"].sort(key=lambda part: "functionResponse" not in part)
    return joined


def in_order(messages: Iterable[Turn]) -> list[Turn]:
    """The conversation with the answers of tools in the order that they were asked for in."""
    places: dict[str, int] = {}
    ordered: list[Turn] = []
    for message in messages:
        if isinstance(message, AssistantMessage):
            places = {call.id: place for place, call in enumerate(message.tool_calls)}
        ordered.append(message)
        place = len(ordered) - 1
        while place and later(ordered[place - 1], ordered[place], places):
            ordered[place - 1 : place + 1] = ordered[place], ordered[place - 1]
            place -= 1
    return ordered


def later(one: Turn, other: Turn, places: dict[str, int]) -> bool:
    """Whether both are answers of tools, and the first was asked for after the second."""
    if not isinstance(one, ToolMessage) or not isinstance(other, ToolMessage):
        return False
    return places.get(one.tool_call_id, 0) > places.get(other.tool_call_id, 0)


def said_before(
    message: AssistantMessage, model: Model | None, surface: Surface
) -> Iterable[dict[str, Any]]:
    """What the model said: its own parts where they were kept, else written anew."""
    own = message.provider_state.get(surface.name)
    kept = own.get("parts") if isinstance(own, dict) else None
    if isinstance(kept, list | tuple) and kept:
        yield from (dict(part) for part in kept if isinstance(part, dict))
        return
    if message.content:
        yield {"text": message.content}
    levels = model is None or model.settings.get("thinking", "level") == "level"
    for position, call in enumerate(message.tool_calls):
        part: dict[str, Any] = {"functionCall": {"name": call.name, "args": call.arguments}}
        if position == 0 and levels:
            part["thoughtSignature"] = UNSIGNED
        yield part


class Asked:
    """The tools that the model asked for last: their names, and its own ids if it gave any."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._own: set[str] = set()

    @classmethod
    def of(cls, message: AssistantMessage, parts: list[dict[str, Any]]) -> Asked:
        """What a message asks for, sent as these parts."""
        asked = cls()
        asked._names = {call.id: call.name for call in message.tool_calls}
        calls = [
            part["functionCall"] for part in parts if isinstance(part.get("functionCall"), dict)
        ]
        asked._own = {str(call["id"]) for call in calls if call.get("id")}
        return asked

    def answered(self, message: ToolMessage) -> dict[str, Any]:
        """A tool's answer. Without an id of the model's own it is matched by name and order."""
        identifier = message.tool_call_id
        answer: dict[str, Any] = {
            "name": message.name or self._names.get(identifier) or identifier,
            "response": told(message),
        }
        if identifier in self._own:
            answer["id"] = identifier
        return {"functionResponse": answer}


def told(message: ToolMessage) -> dict[str, Any]:
    """What a tool said, as the object that the API wants."""
    if message.is_error:
        return {"error": message.content}
    try:
        found = msgspec.json.decode(message.content)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        found = None
    return found if isinstance(found, dict) else {"output": message.content}


# --- tools ----------------------------------------------------------------------------------


def offered(tool: Tool) -> dict[str, Any]:
    """A function the model may ask for."""
    declared: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        declared["description"] = tool.description
    if tool.parameters.get("properties"):
        declared["parametersJsonSchema"] = tool.parameters
    return declared


def chosen(request: TextRequest) -> dict[str, Any] | None:
    """Whether and which tool it should ask for; strict ones have their arguments checked."""
    match request.tool_choice:
        case NamedTool(name=name):
            return {"mode": "ANY", "allowedFunctionNames": [name]}
        case "required":
            return {"mode": "ANY"}
        case "none":
            return {"mode": "NONE"}
        case _ if any(tool.strict for tool in request.tools):
            return {"mode": "VALIDATED"}
        case "auto":
            return {"mode": "AUTO"}
        case _:
            return None


def left_out(request: TextRequest) -> Iterable[Notice]:
    """What the caller asked for and this API cannot do."""
    why = "the API does not have it"
    if request.user is not None:
        yield dropped("user", why)
    if request.parallel_tool_calls is False:
        yield dropped("parallel_tool_calls", why, asked=False)
    users = [message for message in request.messages if isinstance(message, UserMessage)]
    if any(message.name is not None for message in users):
        yield dropped("messages.name", why)
    if any(
        isinstance(part, ImagePart) and part.detail not in {None, "auto"}
        for message in users
        for part in message.parts()
    ):
        yield dropped("messages.detail", why)
