"""Text in this dialect, whole and streamed, through whichever of the two APIs fits.

`options.api` decides, else the model's sheet: `settings.api` names one for good, and
`settings.chat_tool_efforts` lists the reasoning efforts with which chat takes tools (others get
a 400 there, so they go to responses). Without a word, chat. `settings.efforts` leads from a
reasoning effort that a model lacks to the one that stands for it.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.notice import Notice, rounded
from anymedia.contracts.text import AssistantMessage, TextAnswer, TextRequest
from anymedia.providers.dialects.openai import chat, responses
from anymedia.providers.dialects.openai.chat_stream import ChatDecoder
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.relay import relay
from anymedia.providers.dialects.openai.responses_stream import ResponsesDecoder
from anymedia.providers.spec import Brief, Call, Decoder, Stream
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse

Api: TypeAlias = Literal["chat", "responses"]


def operations(quirks: Quirks) -> tuple[Call, Stream]:
    """Text at once and text bit by bit."""
    passing_on = relay(quirks)
    further = (responses.DIALECT,) if quirks.responses else ()
    return (
        Call(
            TextRequest,
            partial(exchange, quirks=quirks),
            dialect="openai",
            further_dialects=further,
            relay=passing_on,
        ),
        Stream(
            TextRequest,
            partial(start, quirks=quirks),
            partial(decoder, quirks=quirks),
            dialect="openai",
            further_dialects=further,
            relay=passing_on,
        ),
    )


def api(request: TextRequest, brief: Brief) -> Api:
    """Which API serves a request; the same answer for its stream and its decoder."""
    settings = brief.model.settings if brief.model else {}
    asked = request.options.get("api") or settings.get("api")
    match asked:
        case "chat" | "responses":
            return asked
        case None:
            pass
        case _:
            raise UnsupportedOption(f"`options.api` is {asked!r}; it can be `chat` or `responses`")
    efforts = settings.get("chat_tool_efforts")
    if not request.tools or efforts is None:
        return "chat"
    effort = request.reasoning_effort or settings.get("default_effort")
    return "chat" if effort in efforts else "responses"


def effort(
    request: TextRequest, brief: Brief, quirks: Quirks
) -> tuple[TextRequest, tuple[Notice, ...]]:
    """The request with the reasoning effort in words that its model has, and what changed."""
    asked = request.reasoning_effort
    if quirks.thinks_with_reasoning_alone and asked != "none" and forgetful(request):
        why = "earlier calls of tools came back without the reasoning that led to them"
        notice = rounded("reasoning_effort", asked or "the model's own", "none", why)
        return request.model_copy(update={"reasoning_effort": "none"}), (notice,)
    words = brief.model.settings.get("efforts") if brief.model else None
    given = words.get(asked) if isinstance(words, dict) and asked else None
    if given is None or given == asked:
        return request, ()
    notice = rounded("reasoning_effort", asked, given, "the model has no such step")
    return request.model_copy(update={"reasoning_effort": given}), (notice,)


def forgetful(request: TextRequest) -> bool:
    """Whether a turn that called tools has come back without its reasoning."""
    turns = (one for one in request.messages if isinstance(one, AssistantMessage))
    return any(one.tool_calls and one.reasoning is None for one in turns)


def exchange(request: TextRequest, brief: Brief, quirks: Quirks) -> Exchange[TextAnswer]:
    """The whole answer."""
    if api(request, brief) == "responses":
        return (yield from responses.exchange(request, brief, quirks))
    worded, notices = effort(request, brief, quirks)
    answer = yield from chat.exchange(worded, quirks)
    return answer.model_copy(update={"warnings": (*answer.warnings, *notices)})


def start(request: TextRequest, brief: Brief, quirks: Quirks) -> HttpRequest:
    """Open a stream."""
    if api(request, brief) == "responses":
        return responses.ask(request, brief, quirks, stream=True)
    return chat.ask(effort(request, brief, quirks)[0], quirks, stream=True)


def decoder(request: TextRequest, brief: Brief, head: HttpResponse, quirks: Quirks) -> Decoder:
    """What reads the stream that `start` opened."""
    if api(request, brief) == "responses":
        return ResponsesDecoder(request, quirks, head)
    return ChatDecoder(quirks, head, effort(request, brief, quirks)[1])
