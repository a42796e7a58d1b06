"""How many tokens a message has, before it is sent.

Who would be asked counts them, where it can. For others the answer is an estimate by the length of
the words, and says so: `estimated` is true then, and `warnings` has it in a sentence.
"""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route

from anymedia.gateway.anthropic import question
from anymedia.gateway.anthropic.failures import MANNER
from anymedia.gateway.anthropic.routes import DIALECT, betas_of
from anymedia.gateway.shared.body import document
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.manner import route
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.spec import Gateway

PATH = "/v1/messages/count_tokens"
ENOUGH = 128_000
"""For an answer that nobody asks for: no budget for thinking is too much for it."""
ABOUT_ANSWERS = ("max_tokens", "stream")


def token_routes(gateway: Gateway) -> list[Route]:
    """`/v1/messages/count_tokens`."""

    async def count(request: HttpRequest) -> Response:
        """`POST /v1/messages/count_tokens`."""
        body = await document(request, gateway.limit_bytes)
        for name in ABOUT_ANSWERS:
            if name in body:
                raise wrong(name, "is about the answer, and not counted; leave it out")
        body["max_tokens"] = ENOUGH
        if betas := betas_of(request):
            body["betas"] = betas
        reading = Reading(body)
        asked = question.asked(reading).request
        asker = gateway.asker(request, asked)
        wanted, _ = await passed_on(gateway.client, asked, reading, asker=asker, dialect=DIALECT)
        wanted = await gateway.permitted(wanted, asker)
        with attended(request.receive):
            found = await gateway.client.count_tokens(wanted, asker=asker)
        told: dict[str, Any] = {"input_tokens": found.tokens}
        if not found.exact:
            said = (
                f"`{found.name}` counts no tokens beforehand: this is an estimate by the length, too "
                f"high rather than too low"
            )
            told |= {"estimated": True, "warnings": [{"code": "provider-note", "message": said}]}
        return as_json(told)

    return [route(PATH, MANNER, count)]
