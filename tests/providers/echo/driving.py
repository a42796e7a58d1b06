"""Drives echo's adapter against echo's server, with JSON between them and a time that tests say."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from io import BytesIO
from typing import Any, TypeVar, cast

import msgspec
from PIL import Image
from tests.support.clock import START

from anymedia.contracts.event import StreamPiece
from anymedia.contracts.job import JobState, Succeeded
from anymedia.contracts.media import InlineArtifact, RemoteArtifact
from anymedia.contracts.request import Request
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.text import TextRequest
from anymedia.echo import server
from anymedia.providers.adapters.echo import ECHO
from anymedia.providers.spec import Brief, Call, Job, Stream, Submitted
from anymedia.wire.exchange import Exchange, step
from anymedia.wire.http import HttpRequest, HttpResponse, get
from anymedia.wire.sse import SseParser

T = TypeVar("T")


def over_the_wire(request: HttpRequest) -> HttpRequest:
    """The request as the far end sees it: JSON has no tuples and no decimals."""
    return replace(request, json=msgspec.json.decode(msgspec.json.encode(request.json)))


def answered(request: HttpRequest, after: float = 0.0) -> HttpResponse:
    """What echo's server says, so many seconds after noon."""
    return server.respond(over_the_wire(request), START + timedelta(seconds=after))


def driven(exchange: Exchange[T], after: float = 0.0) -> T:
    """An exchange to its end."""
    try:
        request = next(exchange)
        while True:
            request = step(exchange, request, answered(request, after), ECHO.explain)
    except StopIteration as stop:
        return cast("T", stop.value)


def called(request: Request[Any], after: float = 0.0, marker: str = "") -> Any:
    """The answer to a request that is answered at once."""
    operation = ECHO.operation(request.medium, Call)
    assert isinstance(operation, Call)
    return driven(operation.exchange(request, Brief(marker=marker)), after)


def made(request: Request[Any]) -> list[bytes]:
    """The files of an answer that comes at once."""
    answer = called(request)
    assert isinstance(answer, MediaAnswer)
    return [one.data for one in answer.artifacts if isinstance(one, InlineArtifact)]


def job(request: Request[Any]) -> Job:
    """The operation that does it later."""
    operation = ECHO.operation(request.medium, Job)
    assert isinstance(operation, Job)
    return operation


def submitted(request: Request[Any], after: float = 0.0, marker: str = "m") -> Submitted:
    """An order placed."""
    return driven(job(request).submit(request, Brief(marker=marker)), after)


def polled(request: Request[Any], handle: str, after: float) -> JobState:
    """Where an order stands."""
    return driven(job(request).poll(handle), after)


def rendered(request: Request[Any]) -> list[bytes]:
    """The files of an order, waited for and fetched."""
    state = polled(request, submitted(request).handle, after=60)
    assert isinstance(state, Succeeded)
    return [fetched(one).content for one in state.artifacts if isinstance(one, RemoteArtifact)]


def fetched(artifact: RemoteArtifact, after: float = 60) -> HttpResponse:
    """One file where it lies."""
    return answered(get(artifact.url), after)


def streamed(request: TextRequest) -> list[StreamPiece]:
    """The pieces of an answer that comes bit by bit."""
    operation = ECHO.operation("text", Stream)
    assert isinstance(operation, Stream)
    head, chunks = server.stream(over_the_wire(operation.start(request, Brief())), START)
    if head.status >= 400:
        raise ECHO.explain(replace_content(head, b"".join(chunks)))
    decoder, parser = operation.decoder(request, Brief(), head), SseParser()
    pieces: list[StreamPiece] = []
    for chunk in chunks:
        for event in parser.feed(chunk):
            pieces += decoder.feed(event)
    for event in parser.end():
        pieces += decoder.feed(event)
    return [*pieces, *decoder.end()]


def replace_content(head: HttpResponse, content: bytes) -> HttpResponse:
    """A head with its body."""
    return HttpResponse(head.status, content, head.headers)


def photo(width: int = 160, height: int = 120) -> bytes:
    """A picture that is easily known again: red, green, blue and yellow quarters."""
    image = Image.new("RGB", (width, height), (230, 200, 30))
    for colour, box in (
        ((200, 30, 30), (0, 0, width // 2, height // 2)),
        ((30, 160, 50), (width // 2, 0, width, height // 2)),
        ((30, 60, 200), (0, height // 2, width // 2, height)),
    ):
        image.paste(colour, box)
    out = BytesIO()
    image.save(out, "PNG")
    return out.getvalue()
