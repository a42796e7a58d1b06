"""The routes: read, ask, answer."""

from __future__ import annotations

import secrets

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from anymedia.gateway.anthropic import question
from anymedia.gateway.anthropic.answer import Head, message
from anymedia.gateway.anthropic.failures import MANNER
from anymedia.gateway.anthropic.stream import told
from anymedia.gateway.shared.body import document
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.manner import route
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway

DIALECT = "anthropic"


def anthropic_routes(gateway: Gateway) -> list[Route]:
    """`/v1/messages`. The models are listed by `openai_routes`, in the words of whoever asks."""

    async def messages(request: HttpRequest) -> Response:
        """`POST /v1/messages`."""
        body = await document(request, gateway.limit_bytes)
        if betas := request.headers.get("anthropic-beta"):
            body["betas"] = [one.strip() for one in betas.split(",")]
        reading = Reading(body)
        asked = question.asked(reading)
        asker = gateway.asker(request, asked.request)
        wanted, notices = await passed_on(
            gateway.client, asked.request, reading, asker=asker, dialect=DIALECT
        )
        head = Head(f"msg_{secrets.token_hex(12)}", notices)
        if asked.stream:
            events = gateway.client.stream(wanted, asker=asker)
            pieces = told(events, head, wanted.model or "")
            return Streamed(request, pieces, MANNER, gateway.clock)
        async with attended(request.receive):
            result = await gateway.client.run(wanted, asker=asker)
        return as_json(message(result, head))

    return [route("/v1/messages", MANNER, messages)]
