"""`POST /v1/responses`, and what is said to who looks for a response again."""

from __future__ import annotations

import secrets

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.errors import NotFound
from anymedia.gateway.openai import (
    responses,
    responses_answer,
    responses_events,
    responses_stream,
)
from anymedia.gateway.openai.responses_answer import Head
from anymedia.gateway.openai.responses_passing import passed_on
from anymedia.gateway.shared.body import document
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway


class Responses:
    """What each route does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def create(self, request: HttpRequest) -> Response:
        """`POST /v1/responses`."""
        gateway, client = self._gateway, self._gateway.client
        reading = Reading(await document(request, gateway.limit_bytes))
        asked = responses.asked(reading)
        asker = gateway.asker(request, asked.request)
        wanted, notices = await passed_on(client, asked, reading, asker=asker)
        head = Head(secrets.token_hex(16), self._now(), asked.echo, notices)
        if asked.stream:
            pieces = responses_stream.told(
                client.stream(wanted, asker=asker, speaker=head.speaker),
                head,
                wanted.model or "",
                self._now,
            )
            return Streamed(request, pieces, responses_events.MANNER, gateway.clock)
        with attended(request.receive):
            result = await client.run(wanted, asker=asker)
        return as_json(responses_answer.whole(result, head, self._now()))

    async def forgotten(self, request: HttpRequest) -> Response:
        """`GET` and `DELETE /v1/responses/{id}`: nothing is kept that could be found."""
        self._gateway.asker(request)
        raise NotFound(
            "answers are not kept here, so there is none to find; read them from the answer to "
            "`POST /v1/responses`"
        )

    def _now(self) -> int:
        return int(self._gateway.clock.time())
