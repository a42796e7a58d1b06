"""Responses: `POST /responses`, OpenAI's newer text API.

Nothing is stored at the provider (`store: false`). What a reasoning model wants back in the next
turn comes encrypted in its answer; it is kept as `provider_state` and sent again unchanged. So is
every answer that says more than our words do: calls of the provider's own tools, sources, phases.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from anymedia.contracts.errors import (
    ProviderError,
    UnreadableResponse,
    UnsupportedOption,
)
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.text import (
    AssistantMessage,
    AudioPart,
    FilePart,
    Finish,
    FinishReason,
    ImagePart,
    NamedTool,
    OutputFormat,
    Part,
    SchemaOutput,
    TextAnswer,
    TextPart,
    TextRequest,
    Tool,
    ToolChoice,
    ToolMessage,
    UserMessage,
    VideoPart,
)
from anymedia.providers.dialects.openai.chat import described, document, kept, tool_call, written
from anymedia.providers.dialects.openai.errors import (
    failure_inside,
    raise_failure_inside,
    request_id,
)
from anymedia.providers.dialects.openai.fields import merged, named
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.schema import strict
from anymedia.providers.dialects.openai.usage import usage
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post
from anymedia.wire.shape import Shape, convert

# --- asking ---------------------------------------------------------------------------------

FIELDS: Mapping[str, str] = {
    "max_output_tokens": "max_output_tokens",
    "temperature": "temperature",
    "top_p": "top_p",
    "parallel_tool_calls": "parallel_tool_calls",
}
MISSING = ("stop", "seed", "presence_penalty", "frequency_penalty", "top_k")
"""Fields that chat has and this API has not."""
ENCRYPTED = "reasoning.encrypted_content"
DIALECT = "openai-responses"
"""Its name as a language. In `provider_state`, items that a caller said in it."""
CHARGED = frozenset(
    {
        *("web_search_call", "file_search_call", "code_interpreter_call"),
        "image_generation_call",
    }
)
"""Tools that run at the provider for money."""


def exchange(request: TextRequest, brief: Brief, quirks: Quirks) -> Exchange[TextAnswer]:
    """Ask, and read the answer."""
    response = yield ask(request, brief, quirks)
    return answer(response, request, quirks)


def ask(request: TextRequest, brief: Brief, quirks: Quirks, *, stream: bool = False) -> HttpRequest:
    """The request, for a whole answer or for a stream."""
    if request.options.get("background"):
        raise UnsupportedOption(
            "`options.background` is for answers that are fetched later; leave it out"
        )
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for message in request.conversation() for item in said(message, quirks)],
        "store": False,
        **named(request, {**FIELDS, "user": quirks.fields.get("user", "user")}),
    }
    if (system := request.system()) is not None:
        body["instructions"] = system
    if request.tools:
        body["tools"] = [offered(tool) for tool in request.tools]
    if request.tool_choice is not None:
        body["tool_choice"] = chosen(request.tool_choice)
    if request.output is not None:
        body["text"] = {"format": wanted(request.output)}
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
    if stream:
        body["stream"] = True
    body = merged(body, request.options)
    if brief.model is not None and "reasoning" in brief.model.features:
        # Models that do not reason refuse this.
        asked = body.get("include")
        further = [one for one in asked if one != ENCRYPTED] if isinstance(asked, list) else []
        body["include"] = [ENCRYPTED, *further]
    return post("/responses", json=body)


def said(
    message: UserMessage | AssistantMessage | ToolMessage, quirks: Quirks
) -> Iterable[dict[str, Any]]:
    """The items that a message of the conversation becomes."""
    match message:
        case UserMessage(content=str() as words):
            yield {"role": "user", "content": words}
        case UserMessage():
            yield {"role": "user", "content": [shown(part) for part in message.parts()]}
        case AssistantMessage():
            yield from assistant(message, quirks)
        case ToolMessage():
            yield {
                "type": "function_call_output",
                "call_id": message.tool_call_id,
                "output": message.content,
            }


def shown(part: Part) -> dict[str, Any]:
    """One part of what the user says and shows."""
    match part:
        case TextPart():
            return {"type": "input_text", "text": part.text}
        case ImagePart():
            image = {"type": "input_image", "image_url": reference(part.image)}
            if part.detail is not None:
                image["detail"] = part.detail
            return image
        case FilePart():
            return {"type": "input_file", **document(part)}
        case AudioPart() | VideoPart():
            raise UnsupportedOption(
                f"the responses API takes no {part.type}; `options.api` can be `chat`"
            )


def assistant(message: AssistantMessage, quirks: Quirks) -> Iterable[dict[str, Any]]:
    """What the model said before: its own items where they were kept, else written anew."""
    known = message.provider_state
    if items := own_items({name: known.get(name) for name in (quirks.state, DIALECT)}):
        yield from items
        return
    if message.content is not None:
        yield {"role": "assistant", "content": message.content}
    for call in message.tool_calls:
        yield {
            "type": "function_call",
            "call_id": call.id,
            "name": call.name,
            "arguments": written(call),
        }


def offered(tool: Tool) -> dict[str, Any]:
    """A function the model may ask for. Strict is the default here, so it is always said."""
    function: dict[str, Any] = {"type": "function", "name": tool.name}
    if tool.description is not None:
        function["description"] = tool.description
    function["parameters"] = strict(tool.parameters) if tool.strict else tool.parameters
    function["strict"] = bool(tool.strict)
    return function


def chosen(choice: ToolChoice) -> Any:
    """Whether and which tool it should ask for."""
    if isinstance(choice, NamedTool):
        return {"type": "function", "name": choice.name}
    return choice


def wanted(output: OutputFormat) -> dict[str, Any]:
    """Structured output; name and schema stand beside the type, not below it as in chat."""
    if isinstance(output, SchemaOutput):
        return {"type": "json_schema", **described(output)}
    return {"type": "json_object"}


def left_out(request: TextRequest) -> tuple[Notice, ...]:
    """What the caller asked for and this API cannot do."""
    return tuple(
        dropped(name, "the responses API does not have it", asked=value)
        for name in MISSING
        if (value := getattr(request, name)) is not None and value != ()
    )


# --- being answered -------------------------------------------------------------------------


class Piece(Shape):
    """A piece of a message or of a summary."""

    type: str | None = None
    text: str | None = None
    refusal: str | None = None
    annotations: Any = None
    logprobs: Any = None


class MessageItem(Shape):
    """Something the model says."""

    content: tuple[Piece | None, ...] | None = None


class ReasoningItem(Shape):
    """Something the model thinks: a summary, or at open models the thoughts themselves."""

    summary: tuple[Piece | None, ...] | None = None
    content: tuple[Piece | None, ...] | None = None


class CallItem(Shape):
    """A tool the model asks for."""

    call_id: str | None = None
    id: str | None = None
    name: str | None = None
    arguments: Any = None


class Reason(Shape):
    """Why an answer is not complete."""

    reason: str | None = None


class Response(Shape):
    """A whole answer."""

    id: str | None = None
    object: str | None = None
    model: str | None = None
    status: str | None = None
    incomplete_details: Reason | None = None
    output: tuple[dict[str, Any] | None, ...] | None = None
    usage: Any = None
    service_tier: str | None = None
    error: Any = None


INCOMPLETE: dict[str, FinishReason] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}


def answer(response: HttpResponse, request: TextRequest, quirks: Quirks) -> TextAnswer:
    """What the model said. Raises what a 200 says went wrong."""
    whole = response.read(Response)
    identifier = request_id(response, quirks.errors)
    if whole.status not in {"failed", "cancelled"}:
        raise_failure_inside(response, whole.error, whole.object, quirks.errors)
    raise_unfinished(whole, quirks, identifier)
    if whole.output is None:
        raise UnreadableResponse("the answer has no `output`", accepted="unknown")
    return gathered(whole, whole.output, request, quirks, identifier)


def raise_unfinished(whole: Response, quirks: Quirks, identifier: str | None) -> None:
    """Raise what kept the answer from being made."""
    match whole.status:
        case "failed":
            raise failure_inside({"error": whole.error or {}}, quirks.errors, identifier)
        case "cancelled":
            raise ProviderError(
                "the answer was cancelled at the provider",
                accepted="unknown",
                request_id=identifier,
            )
        case "queued" | "in_progress":
            raise UnreadableResponse(
                f"the answer is still being made (`status` is `{whole.status}`)",
                accepted="unknown",
                request_id=identifier,
            )
        case _:
            pass  # complete, incomplete with a reason, or a word we do not know yet


def gathered(
    whole: Response,
    items: tuple[dict[str, Any] | None, ...],
    request: TextRequest,
    quirks: Quirks,
    identifier: str | None,
) -> TextAnswer:
    """An answer out of its items."""
    known = [item for item in items if item is not None]
    pieces = [
        piece
        for item in known
        if item.get("type") == "message"
        for piece in convert(item, MessageItem).content or ()
        if piece is not None
    ]
    calls = tuple(
        tool_call(call.call_id or call.id, position, call.name or "", call.arguments)
        for position, call in enumerate(calls_in(known))
    )
    refusal = "".join(piece.refusal or "" for piece in pieces) or None
    return TextAnswer(
        model=whole.model,
        request_id=identifier or whole.id,
        text="".join(piece.text or "" for piece in pieces),
        reasoning="\n\n".join(thoughts(known)) or None,
        refusal=refusal,
        tool_calls=calls,
        finish=finished(whole, called=bool(calls), refused=refusal is not None),
        usage=usage(whole.usage),
        warnings=(*left_out(request), *charged(known)),
        metadata=kept(whole.id, whole.service_tier),
        provider_state=state(known, quirks),
    )


def calls_in(items: Iterable[dict[str, Any]]) -> list[CallItem]:
    """The tools asked for; a call without a name asks for nothing."""
    calls = (convert(item, CallItem) for item in items if item.get("type") == "function_call")
    return [call for call in calls if call.name]


def thoughts(items: Iterable[dict[str, Any]]) -> Iterable[str]:
    """What the model says it thought."""
    for item in items:
        if item.get("type") == "reasoning":
            thought = convert(item, ReasoningItem)
            for piece in thought.summary or thought.content or ():
                if piece is not None and piece.text:
                    yield piece.text


def finished(whole: Response, *, called: bool, refused: bool) -> Finish:
    """Why the model stopped, with the provider's reason or status as its own word."""
    reason = whole.incomplete_details.reason if whole.incomplete_details else None
    unified: FinishReason = "tool_calls" if called else "stop"
    if reason is not None:
        unified = INCOMPLETE.get(reason, unified)
    if refused:
        unified = "content_filter"
    return Finish(unified=unified, raw=reason or whole.status)


def charged(items: Iterable[dict[str, Any]]) -> tuple[Notice, ...]:
    """That the provider's own tools cost more than their tokens, which is all that is counted."""
    told = (item.get("type") for item in items)
    kinds = [kind for kind in told if isinstance(kind, str) and kind in CHARGED]
    return tuple(
        Notice(
            code="provider-note",
            message=f"the answer holds {kinds.count(kind)} `{kind}`, which the provider charges "
            f"besides the tokens; `cost` does not count it",
        )
        for kind in dict.fromkeys(kinds)
    )


def own_items(known: Mapping[str, Any]) -> tuple[dict[str, Any], ...]:
    """The items of an answer in a `provider_state`; none where it is of another kind."""
    for kept_by_one in known.values():
        items = kept_by_one.get("items") if isinstance(kept_by_one, dict) else None
        if isinstance(items, list | tuple) and items:
            return tuple(item for item in items if isinstance(item, dict))
    return ()


def tells_more(item: dict[str, Any]) -> bool:
    """Whether an item is more than our words for it."""
    match item.get("type"):
        case "function_call":
            return False
        case "reasoning":
            return bool(item.get("encrypted_content"))
        case "message":
            pieces = convert(item, MessageItem).content or ()
            return bool(item.get("phase")) or any(
                piece is not None and (piece.annotations or piece.logprobs) for piece in pieces
            )
        case _:
            return True


def state(items: list[dict[str, Any]], quirks: Quirks) -> dict[str, Any]:
    """What has to come back in the next turn: all items in order, if any tells more than we do.

    Thoughts without their encrypted content were not stored anywhere and cannot be referred to.
    """
    if not any(map(tells_more, items)):
        return {}
    wanted_back = [
        item for item in items if item.get("type") != "reasoning" or item.get("encrypted_content")
    ]
    return {quirks.state: {"items": wanted_back}}
