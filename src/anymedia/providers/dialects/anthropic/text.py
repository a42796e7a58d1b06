"""Text in this dialect, whole and streamed."""

from __future__ import annotations

from functools import partial

from anymedia.contracts.errors import NetworkFailed
from anymedia.contracts.event import AnswerComplete, StreamPiece
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.dialects.anthropic import tokens
from anymedia.providers.dialects.anthropic.answers import answer
from anymedia.providers.dialects.anthropic.messages import asking
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.dialects.anthropic.relay import relay
from anymedia.providers.dialects.anthropic.stream import MessagesDecoder
from anymedia.providers.spec import Brief, Call, Decoder, Stream
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse
from anymedia.wire.sse import SseParser


def operations(quirks: Quirks) -> tuple[Call, Stream]:
    """Text at once and text bit by bit."""
    passing_on = relay(quirks)
    return (
        Call(
            TextRequest,
            partial(exchange, quirks=quirks),
            dialect="anthropic",
            relay=passing_on,
            count=partial(tokens.count, quirks=quirks),
        ),
        Stream(
            TextRequest,
            partial(start, quirks=quirks),
            partial(decoder, quirks=quirks),
            dialect="anthropic",
            relay=passing_on,
        ),
    )


def exchange(request: TextRequest, brief: Brief, quirks: Quirks) -> Exchange[TextAnswer]:
    """Ask, and read the answer; a long one is fetched as a stream and read at its end."""
    asked = asking(request, brief, quirks)
    most = asked.body.get("max_tokens")
    long = isinstance(most, int) and most > quirks.whole_tokens
    response = yield asked.sent(stream=long)
    if long and response.media_type() == "text/event-stream":
        return read_whole(response, MessagesDecoder(quirks, response, asked.notices))
    return answer(response, quirks, asked.notices)


def read_whole(response: HttpResponse, decoder: MessagesDecoder) -> TextAnswer:
    """The answer that a finished stream carries."""
    parser = SseParser()
    pieces: list[StreamPiece] = []
    for event in (*parser.feed(response.content), *parser.end()):
        pieces.extend(decoder.feed(event))
    pieces.extend(decoder.end())
    for piece in pieces:
        if isinstance(piece, AnswerComplete):
            return piece.answer
    raise NetworkFailed("the stream carried no answer", accepted="unknown")


def start(request: TextRequest, brief: Brief, quirks: Quirks) -> HttpRequest:
    """The request of a stream."""
    return asking(request, brief, quirks).sent(stream=True)


def decoder(request: TextRequest, brief: Brief, head: HttpResponse, quirks: Quirks) -> Decoder:
    """The reader of a stream."""
    return MessagesDecoder(quirks, head, asking(request, brief, quirks).notices)
