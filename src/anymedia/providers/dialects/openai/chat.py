"""Chat completions: `POST /chat/completions`."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from anymedia.contracts.errors import ProviderUnavailable, UnreadableResponse, UnsupportedOption
from anymedia.contracts.media import extension
from anymedia.contracts.text import (
    AssistantMessage,
    AudioPart,
    FilePart,
    Finish,
    FinishReason,
    ImagePart,
    Message,
    NamedTool,
    OutputFormat,
    Part,
    SchemaOutput,
    SystemMessage,
    TextAnswer,
    TextPart,
    TextRequest,
    Tool,
    ToolCall,
    ToolChoice,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from anymedia.providers.dialects.openai.errors import (
    failure_inside,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.fields import json_text, merged, named
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.schema import strict
from anymedia.providers.dialects.openai.usage import reported_cost, usage
from anymedia.providers.inputs import held, reference
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape

DETAILS = "reasoning_details"

# --- asking ---------------------------------------------------------------------------------


def exchange(request: TextRequest, quirks: Quirks) -> Exchange[TextAnswer]:
    """Ask, and read the answer."""
    response = yield ask(request, quirks)
    return answer(response, quirks)


def ask(request: TextRequest, quirks: Quirks, *, stream: bool = False) -> HttpRequest:
    """The request, for a whole answer or for a stream."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": [spoken(message, quirks) for message in request.messages],
        **named(request, quirks.fields),
    }
    if request.tools:
        body["tools"] = [{"type": "function", "function": offered(tool)} for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = chosen(request.tool_choice)
    if request.output is not None:
        body["response_format"] = wanted(request.output)
    if stream:
        body["stream"] = True
        if quirks.asks_for_usage:
            body["stream_options"] = {"include_usage": True}
    if quirks.reword is not None:
        body = quirks.reword(body, request)
    return post(quirks.path, json=merged(body, request.options))


def spoken(message: Message, quirks: Quirks) -> dict[str, Any]:
    """A message of the conversation."""
    match message:
        case SystemMessage():
            return {"role": "system", "content": message.content}
        case UserMessage():
            return user(message, quirks)
        case AssistantMessage():
            return assistant(message, quirks)
        case ToolMessage():
            return {
                "role": "tool",
                "tool_call_id": message.tool_call_id,
                "content": message.content,
            }


def user(message: UserMessage, quirks: Quirks) -> dict[str, Any]:
    """What the user says; in parts only where there is more than words."""
    said: dict[str, Any] = {"role": "user"}
    said["content"] = (
        message.content
        if isinstance(message.content, str)
        else [(quirks.show and quirks.show(part)) or shown(part) for part in message.content]
    )
    if message.name is not None:
        said["name"] = message.name
    return said


def shown(part: Part) -> dict[str, Any]:
    """One part of what the user says and shows."""
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            image = {"url": reference(part.image)}
            if part.detail is not None:
                image["detail"] = part.detail
            return {"type": "image_url", "image_url": image}
        case AudioPart():
            sound = held(part.audio)
            return {
                "type": "input_audio",
                "input_audio": {
                    "data": base64.b64encode(sound.data).decode(),
                    "format": extension(sound.media_type),
                },
            }
        case FilePart():
            return {"type": "file", "file": document(part)}
        case VideoPart():
            raise UnsupportedOption("clips cannot be shown in this dialect; show frames as images")


def document(part: FilePart) -> dict[str, str]:
    """A file with the name that the model is told."""
    given = held(part.file)
    name = part.filename or given.filename or f"file.{extension(given.media_type)}"
    return {"filename": name, "file_data": given.data_uri()}


def assistant(message: AssistantMessage, quirks: Quirks) -> dict[str, Any]:
    """What the model said before."""
    said: dict[str, Any] = {"role": "assistant", "content": message.content}
    if message.tool_calls:
        said["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": written(call)},
            }
            for call in message.tool_calls
        ]
    if quirks.reasoning_field and message.reasoning is not None:
        said[quirks.reasoning_field] = message.reasoning
    state = message.provider_state.get(quirks.state)
    if quirks.keeps_reasoning_details and isinstance(state, dict) and state.get(DETAILS):
        said[DETAILS] = state[DETAILS]
    return said


def written(call: ToolCall) -> str:
    """A tool call's arguments as the JSON text they travel in."""
    return call.raw_arguments or json_text(call.arguments)


def offered(tool: Tool) -> dict[str, Any]:
    """A function the model may ask for."""
    function: dict[str, Any] = {"name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = strict(tool.parameters) if tool.strict else tool.parameters
    if tool.strict is not None:
        function["strict"] = tool.strict
    return function


def chosen(choice: ToolChoice) -> Any:
    """Whether and which tool it should ask for."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "function": {"name": choice.name}}
    return choice


def wanted(output: OutputFormat) -> dict[str, Any]:
    """Structured output."""
    if isinstance(output, SchemaOutput):
        return {"type": "json_schema", "json_schema": described(output)}
    return {"type": "json_object"}


def described(output: SchemaOutput) -> dict[str, Any]:
    """A named schema."""
    schema: dict[str, Any] = {"name": output.name}
    if output.description is not None:
        schema["description"] = output.description
    schema["schema"] = strict(output.json_schema) if output.strict else output.json_schema
    schema["strict"] = output.strict
    return schema


# --- being answered -------------------------------------------------------------------------


class ContentPart(Shape):
    """A piece of content, from services whose models answer in pieces."""

    type: str | None = None
    text: str | None = None
    thinking: tuple[ContentPart, ...] | str | None = None


class Function(Shape):
    """Which function with which arguments; some services send these as an object."""

    name: str | None = None
    arguments: Any = None


class Call(Shape):
    """The model asks for a tool; in streams, a fragment of that."""

    index: int | None = None
    id: str | None = None
    function: Function | None = None


class Audio(Shape):
    """A spoken answer."""

    id: str | None = None
    data: str | None = None
    transcript: str | None = None


class Said(Shape):
    """What the model says, whole or in fragments."""

    content: str | tuple[ContentPart | None, ...] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    reasoning_details: Any = None
    tool_calls: tuple[Call | None, ...] | None = None
    audio: Audio | None = None


class Choice(Shape):
    """One of the answers that were asked for."""

    message: Said | None = None
    finish_reason: str | None = None
    error: Any = None


class Completion(Shape):
    """A whole answer."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    choices: tuple[Choice, ...] | None = None
    usage: Any = None
    service_tier: str | None = None
    provider: Any = None
    """Who served it, where the service passes questions on."""
    error: Any = None


def answer(response: HttpResponse, quirks: Quirks) -> TextAnswer:
    """What the model said. Raises what a 200 says went wrong."""
    completion = response.read(Completion)
    raise_failure_inside(response, completion.error, completion.object, quirks.errors)
    if not completion.choices:
        raise UnreadableResponse("the answer has no `choices`", accepted="unknown")
    choice = completion.choices[0]
    raise_failed_finish(choice.finish_reason, choice.error, quirks)
    said = choice.message or Said()
    words, thoughts = flat(said.content)
    metadata = kept(completion.id, completion.service_tier, completion.provider)
    if said.audio is not None:
        words = words or said.audio.transcript or ""
        metadata["audio"] = {"id": said.audio.id, "data": said.audio.data}
    calls = called(said.tool_calls)
    if not (words or calls or said.refusal):
        raise_empty(choice.finish_reason, quirks)
    return TextAnswer(
        model=completion.model,
        request_id=request_id(response, quirks.errors) or completion.id,
        text=words,
        reasoning=said.reasoning_content or said.reasoning or thoughts or None,
        refusal=said.refusal or None,
        tool_calls=calls,
        finish=finished(choice.finish_reason, called=bool(calls), refused=bool(said.refusal)),
        usage=usage(completion.usage),
        reported_cost=reported_cost(completion.usage) if quirks.reports_cost else None,
        metadata=metadata,
        provider_state=state(listed(said.reasoning_details), quirks),
    )


def listed(details: Any) -> list[Any]:
    """Reasoning details, where they are a list as documented."""
    return details if isinstance(details, list) else []


def state(details: list[Any], quirks: Quirks) -> dict[str, Any]:
    """The opaque pieces that the next turn has to bring back."""
    if not details or not quirks.keeps_reasoning_details:
        return {}
    return {quirks.state: {DETAILS: details}}


def flat(content: str | tuple[ContentPart | None, ...] | None) -> tuple[str, str]:
    """Words and thoughts, from content that is text or pieces of both."""
    if content is None or isinstance(content, str):
        return content or "", ""
    parts = [part for part in content if part is not None]
    words = "".join(part.text or "" for part in parts)
    thoughts = [
        part.thinking if isinstance(part.thinking, str) else flat(part.thinking)[0]
        for part in parts
    ]
    return words, "".join(thoughts)


def called(calls: tuple[Call | None, ...] | None) -> tuple[ToolCall, ...]:
    """The tools that the model asks for; a call without a name asks for nothing."""
    named_calls = [call for call in calls or () if call and call.function and call.function.name]
    return tuple(
        tool_call(call.id, position, call.function.name, call.function.arguments)
        for position, call in enumerate(named_calls)
        if call.function and call.function.name
    )


def tool_call(id_: str | None, position: int, name: str, arguments: Any) -> ToolCall:
    """A tool call; what is not a JSON object is kept as it was written."""
    fields, raw = understood(arguments)
    return ToolCall(id=id_ or f"call_{position}", name=name, arguments=fields, raw_arguments=raw)


def written_out(arguments: Any) -> str:
    """A fragment of arguments as text, where a service sends a whole object at once."""
    if isinstance(arguments, dict):
        return json_text(arguments)
    return arguments if isinstance(arguments, str) else ""


def understood(arguments: Any) -> tuple[dict[str, Any], str | None]:
    """Arguments as an object; and the model's own writing where they are something else."""
    if isinstance(arguments, dict):
        return arguments, None
    if not isinstance(arguments, str) or not arguments.strip():
        return {}, None
    try:
        fields = msgspec.json.decode(arguments)
    except (msgspec.DecodeError, RecursionError):
        return {}, arguments
    return (fields, None) if isinstance(fields, dict) else ({}, arguments)


FINISHES: dict[str, FinishReason] = {
    "stop": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
    "length": "length",
    "max_tokens": "length",
    "model_length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "content_filter": "content_filter",
}
FAILED = frozenset({"error", "insufficient_system_resource"})
"""Finish words that services put into a 200 when generating broke off on their side."""


def finished(raw: str | None, *, called: bool, refused: bool) -> Finish:
    """Why the model stopped. An unknown word means no more than that it did."""
    unified = FINISHES.get(raw or "", "stop")
    if refused:
        unified = "content_filter"
    elif called and unified == "stop":
        # A forced tool call finishes with `stop`.
        unified = "tool_calls"
    return Finish(unified=unified, raw=raw)


def raise_failed_finish(raw: str | None, error: Any, quirks: Quirks) -> None:
    """Raise what a choice says broke off its making."""
    if error:
        raise failure_inside({"error": error}, quirks.errors)
    if raw in FAILED:
        raise ProviderUnavailable(
            f"the answer broke off at the provider (`finish_reason` is `{raw}`)",
            accepted="unknown",
            provider_code=raw,
        )


def raise_empty(raw: str | None, quirks: Quirks) -> None:
    """Raise where an answer that claims to be whole says nothing at all."""
    if quirks.empty_is_failure and raw == "stop":
        raise ProviderUnavailable(
            "the answer ended without a word", accepted="unknown", provider_code=raw
        )


def kept(id_: str | None, service_tier: str | None, provider: Any = None) -> dict[str, Any]:
    """The provider's further words worth keeping."""
    words = (
        ("id", id_),
        ("service_tier", service_tier),
        ("provider", provider if isinstance(provider, str) else None),
    )
    return {name: value for name, value in words if value}
