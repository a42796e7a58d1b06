"""The short way through the gateway: a body in a provider's own dialect goes on as it came."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec
from msgspec import Raw
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.client.aio import AsyncClient
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.relay import Passed, Way
from anymedia.gateway.shared.manner import Manner
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway

LongWay: TypeAlias = Callable[[Course], AsyncGenerator[bytes, None]]
FIELDS = msgspec.json.Decoder(dict[str, Raw])


@dataclass(frozen=True, slots=True)
class Question:
    """A body that may go the short way, and who asks."""

    way: Way
    fields: dict[str, Raw]
    asker: Asker


def short(client: AsyncClient, body: bytes, asker: Asker, dialect: str) -> Question | None:
    """The short way for a body; `None` for whatever has to be understood first.

    Raises `Refused` where the caller's key does not allow it.
    """
    try:
        fields = FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    way = client.relays.way(fields, dialect, streaming=is_streamed(fields), asker=asker)
    return None if way is None else Question(way, fields, asker)


def is_streamed(fields: dict[str, Any]) -> bool:
    """Whether the answer is wanted bit by bit."""
    return bytes(fields.get("stream", b"")) == b"true"


async def passed(
    request: HttpRequest, client: AsyncClient, question: Question
) -> Response | Course:
    """The provider's own answer, or what was tried in vain."""
    async with attended(request.receive):
        answer = await client.relays.call(question.way, question.fields, asker=question.asker)
    if answer.receipt is None:
        return answer.course
    return Response(answer.content, headers=told(answer), media_type="application/json")


def streamed(
    request: HttpRequest, gateway: Gateway, question: Question, manner: Manner, long_way: LongWay
) -> Response:
    """The provider's own events; before the first of them, a failure leads to the long way."""

    async def pieces() -> AsyncGenerator[bytes, None]:
        beginning: Passed | None = None
        passing = gateway.client.relays.stream(question.way, question.fields, asker=question.asker)
        async with aclosing(passing) as passing:
            async for piece in passing:
                if isinstance(piece, Passed):
                    beginning = piece
                else:
                    yield piece
        if beginning is not None and beginning.receipt is None:
            async with aclosing(long_way(beginning.course)) as elsewhere:
                async for piece in elsewhere:
                    yield piece

    return Streamed(request, pieces(), manner, gateway.clock)


def told(answer: Passed) -> dict[str, str]:
    """What we have to say about an answer that is not ours."""
    headers = {"anymedia-model": answer.name}
    if answer.cost.amount is not None:
        headers["anymedia-cost-usd"] = f"{answer.cost.amount.normalize():f}"
    return headers
