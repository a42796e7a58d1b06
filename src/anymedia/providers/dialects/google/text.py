"""Text in this dialect, whole and streamed."""

from __future__ import annotations

from functools import partial

from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.dialects.google.answers import answer
from anymedia.providers.dialects.google.contents import asking, sent
from anymedia.providers.dialects.google.stream import GeneratedDecoder
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.spec import Brief, Call, Decoder, Stream
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse


def operations(surface: Surface) -> tuple[Call, Stream]:
    """Text at once and text bit by bit."""
    return (
        Call(TextRequest, partial(exchange, surface=surface)),
        Stream(TextRequest, partial(start, surface=surface), partial(decoder, surface=surface)),
    )


def exchange(request: TextRequest, brief: Brief, surface: Surface) -> Exchange[TextAnswer]:
    """Ask, and read the answer."""
    asked = asking(request, brief, surface)
    response = yield sent(request, asked, surface, stream=False)
    return answer(response, surface, asked.notices)


def start(request: TextRequest, brief: Brief, surface: Surface) -> HttpRequest:
    """The request of a stream."""
    return sent(request, asking(request, brief, surface), surface, stream=True)


def decoder(request: TextRequest, brief: Brief, _: HttpResponse, surface: Surface) -> Decoder:
    """The reader of a stream."""
    return GeneratedDecoder(surface, asking(request, brief, surface).notices)
