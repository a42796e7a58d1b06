"""Text in this dialect, whole and streamed, through whichever of the two APIs fits.

`options.api` decides, else the model's sheet: `settings.api` names one for good, and
`settings.chat_tool_efforts` lists the reasoning efforts with which chat takes tools (others get
a 400 there, so they go to responses). Without a word, chat.
"""

from __future__ import annotations

from functools import partial
from typing import Literal, TypeAlias

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.dialects.openai import chat, responses
from anymedia.providers.dialects.openai.chat_stream import ChatDecoder
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.responses_stream import ResponsesDecoder
from anymedia.providers.spec import Brief, Call, Decoder, Stream
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse

Api: TypeAlias = Literal["chat", "responses"]


def operations(quirks: Quirks) -> tuple[Call, Stream]:
    """Text at once and text bit by bit."""
    return (
        Call(TextRequest, partial(exchange, quirks=quirks)),
        Stream(TextRequest, partial(start, quirks=quirks), partial(decoder, quirks=quirks)),
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


def exchange(request: TextRequest, brief: Brief, quirks: Quirks) -> Exchange[TextAnswer]:
    """The whole answer."""
    if api(request, brief) == "responses":
        return (yield from responses.exchange(request, brief, quirks))
    return (yield from chat.exchange(request, quirks))


def start(request: TextRequest, brief: Brief, quirks: Quirks) -> HttpRequest:
    """Open a stream."""
    if api(request, brief) == "responses":
        return responses.ask(request, brief, quirks, stream=True)
    return chat.ask(request, quirks, stream=True)


def decoder(request: TextRequest, brief: Brief, head: HttpResponse, quirks: Quirks) -> Decoder:
    """What reads the stream that `start` opened."""
    if api(request, brief) == "responses":
        return ResponsesDecoder(request, quirks, head)
    return ChatDecoder(quirks, head)
