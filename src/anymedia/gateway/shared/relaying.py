"""The short way through the gateway: a body in a provider's own dialect goes on as it came.

It is tried before a route's own serving, on the bare messages of the server: what is put together
here for a request is what it needs and nothing else. Whatever is not plainly of the kind, or has
failed in a way that another attempt may mend, is left to the route, which finds the body and what
was tried in vain in the request's state.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Final, TypeAlias

import msgspec
from msgspec import Raw
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from anymedia.contracts.errors import GenerationError
from anymedia.engine.course import Course
from anymedia.engine.relay import Passed
from anymedia.gateway.shared.body import KEPT, gathered
from anymedia.gateway.shared.manner import Manner, request_id, request_id_of
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway

LongWay: TypeAlias = Callable[[HttpRequest, bytes, Course], AsyncGenerator[bytes, None]]
FIELDS: Final = msgspec.json.Decoder(dict[str, Raw])
JSON: Final = b"application/json"
TRIED: Final = "tried"
"""Where in a request's state the long way finds what was tried for it already."""


class ShortWay:
    """Serves what may be passed on as it is, for one route."""

    def __init__(
        self,
        gateway: Gateway,
        dialect: str,
        manner: Manner,
        long_way: LongWay,
        *,
        without: tuple[bytes, ...] = (),
    ) -> None:
        self._gateway = gateway
        self._dialect = dialect
        self._manner = manner
        self._long_way = long_way
        self._without = frozenset(without)
        """Headers that ask for something which only the long way can do."""
        self._ids = tuple(name.lower().encode("latin-1") for name in manner.id_headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether it has been served."""
        headers = dict[bytes, bytes](scope["headers"])
        kind = headers.get(b"content-type", JSON)
        if (kind != JSON and not is_json(kind)) or not self._without.isdisjoint(headers):
            return False
        gateway, state = self._gateway, scope.setdefault("state", {})
        body = state[KEPT] = await gathered(scope, receive, gateway.limit_bytes)
        try:
            fields = FIELDS.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        streaming = "stream" in fields and bytes(fields["stream"]) == b"true"
        asker = gateway.caller(scope)
        relays = gateway.client.relays
        way = relays.way(fields, self._dialect, streaming=streaming, asker=asker)
        if way is None:
            return False
        passed = relays.begun(way, fields, asker=asker)
        if streaming:
            request = HttpRequest(scope, receive, send)
            pieces = self._pieces(request, passed, body)
            answer = Streamed(request, pieces, self._manner, gateway.clock)
            for header in self._manner.id_headers:
                answer.headers.setdefault(header, request_id(request))
            await answer(scope, receive, send)
            return True
        try:
            with attended(receive):
                await relays.call(passed, body)
        except GenerationError as error:
            relays.failed(passed, error)
            raise
        if passed.receipt is None:
            state[TRIED] = passed.course
            return False
        relays.ended(passed)
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": self._head(scope, passed, len(passed.content)),
            }
        )
        await send({"type": "http.response.body", "body": passed.content})
        return True

    def _head(self, scope: Scope, passed: Passed, size: int) -> list[tuple[bytes, bytes]]:
        """What we have to say about an answer that is not ours."""
        found = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % size),
            (b"anymedia-model", passed.name.encode("latin-1", "replace")),
        ]
        if passed.cost.amount is not None:
            found.append((b"anymedia-cost-usd", f"{passed.cost.amount.normalize():f}".encode()))
        identity = request_id_of(scope).encode("latin-1")
        found += [(name, identity) for name in self._ids]
        return found

    async def _pieces(
        self, request: HttpRequest, passed: Passed, body: bytes
    ) -> AsyncGenerator[bytes, None]:
        """The provider's own events; before the first of them, a failure leads to the long way."""
        relays = self._gateway.client.relays
        try:
            async with aclosing(relays.stream(passed, body)) as events:
                async for piece in events:
                    yield piece
        except GenerationError as error:
            relays.failed(passed, error)
            raise
        if passed.receipt is not None:
            relays.ended(passed)
            return
        async with aclosing(self._long_way(request, body, passed.course)) as elsewhere:
            async for piece in elsewhere:
                yield piece


def is_json(said: bytes) -> bool:
    """Whether a content type is JSON's, whatever is said beside it."""
    return said.partition(b";")[0].strip().lower() == JSON


def tried(request: HttpRequest) -> Course | None:
    """What was tried for a request by the short way, in vain."""
    found: Course | None = request.scope.get("state", {}).get(TRIED)
    return found
