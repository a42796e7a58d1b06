"""The routes: read, ask, answer."""

from __future__ import annotations

import secrets
from collections.abc import AsyncGenerator
from contextlib import aclosing

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from anymedia.contracts.text import TextRequest
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.gateway.anthropic import question
from anymedia.gateway.anthropic.answer import Head, message
from anymedia.gateway.anthropic.failures import MANNER
from anymedia.gateway.anthropic.stream import told
from anymedia.gateway.shared.body import document
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.manner import route
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.relaying import ShortWay, tried
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway

DIALECT = "anthropic"


def message_routes(gateway: Gateway) -> list[Route]:
    """`/v1/messages`."""

    async def understood(request: HttpRequest) -> tuple[TextRequest, bool, Asker, Head]:
        """What a body asks for, with what only its dialect knows aboard."""
        body = await document(request, gateway.limit_bytes)
        if betas := betas_of(request):
            body["betas"] = betas
        reading = Reading(body)
        asked = question.asked(reading)
        asker = gateway.asker(request, asked.request)
        wanted, notices = await passed_on(
            gateway.client, asked.request, reading, asker=asker, dialect=DIALECT
        )
        return wanted, asked.stream, asker, Head(f"msg_{secrets.token_hex(12)}", notices)

    async def messages(request: HttpRequest) -> Response:
        """`POST /v1/messages`, where it cannot be passed on as it is."""
        client, course = gateway.client, tried(request)
        wanted, stream, asker, head = await understood(request)
        if stream:
            events = client.stream(wanted, asker=asker, speaker=head.speaker)
            pieces = told(events, head, wanted.model or "")
            return Streamed(request, pieces, MANNER, gateway.clock)
        with attended(request.receive):
            result = (
                await client.run(wanted, asker=asker)
                if course is None
                else await client.relays.go_on(wanted, course)
            )
        return as_json(message(result, head))

    async def go_on(request: HttpRequest, _: bytes, course: Course) -> AsyncGenerator[bytes, None]:
        """By the long way, what could not be had by the short one."""
        wanted, _stream, _asker, head = await understood(request)
        events = gateway.client.relays.go_on_streaming(wanted, course, head.speaker)
        async with aclosing(told(events, head, wanted.model or "")) as pieces:
            async for piece in pieces:
                yield piece

    short_way = ShortWay(gateway, DIALECT, MANNER, go_on, without=(b"anthropic-beta",))
    return [route("/v1/messages", MANNER, messages, short_way=short_way)]


def betas_of(request: HttpRequest) -> list[str]:
    """What is asked for by a header, and goes along like a field of the body."""
    said = request.headers.get("anthropic-beta", "")
    return [one.strip() for one in said.split(",")] if said else []
