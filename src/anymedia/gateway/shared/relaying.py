"""The short way through the gateway: a body in a provider's own dialect goes on as it came.

It is tried before a route's own serving, on the bare messages of the server: what is put together
here for a request is what it needs and nothing else. Whatever is not plainly of the kind, or has
failed in a way that another attempt may mend, is left to the route, which finds the body and what
was tried in vain in the request's state.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping
from contextlib import aclosing
from decimal import Decimal
from typing import Any, Final, TypeAlias

import msgspec
from starlette.requests import Request as HttpRequest
from starlette.types import Receive, Scope, Send

from anymedia.contracts.errors import GenerationError
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.engine.relay import Passed
from anymedia.engine.ways import Way
from anymedia.gateway.shared.body import KEPT, gathered
from anymedia.gateway.shared.manner import Manner, request_id, request_id_of
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway
from anymedia.providers.spec import Fields
from anymedia.wire.large import FIELDS, LARGE_BYTES, outlined, read_through

LongWay: TypeAlias = Callable[[HttpRequest, bytes, Course], AsyncGenerator[bytes, None]]
JSON: Final = b"application/json"
MODEL: Final = b"anymedia-model"
COST: Final = b"anymedia-cost-usd"
TRIED: Final = "tried"
"""Where in a request's state the long way finds what was tried for it already."""
FAILED: Final = "failed"
"""Where it stands why nothing will come of it, for whoever has to tell."""


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
        self.without = frozenset(without)
        """Headers that ask for something which only the long way can do."""
        self.ids = tuple(name.lower().encode("latin-1") for name in manner.id_headers)
        """Where clients look for the request's id."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> bool:
        """Whether it has been served."""
        state = scope.setdefault("state", {})
        if (failure := state.pop(FAILED, None)) is not None:
            raise failure
        headers = dict[bytes, bytes](scope["headers"])
        if TRIED in state or not is_json(headers) or not self.without.isdisjoint(headers):
            return False
        gateway = self._gateway
        body = state.get(KEPT)
        if body is None:
            body = state[KEPT] = await gathered(scope, receive, gateway.limit_bytes)
        fields = fields_of(body) if len(body) <= LARGE_BYTES else await large_fields_of(body)
        if fields is None:
            return False
        asker = gateway.caller(scope)
        way = self.way(fields, asker)
        if way is None:
            return False
        if is_streamed(fields):
            await self._stream(way, fields, body, asker, scope, receive, send)
            return True
        passed = await self.call(way, fields, body, asker, receive)
        if passed.receipt is None:
            state[TRIED] = passed.course
            return False
        await send(
            {
                "type": "http.response.start",
                "status": 200,
                "headers": self._head(scope, passed, len(passed.content)),
            }
        )
        await send({"type": "http.response.body", "body": passed.content})
        self.ended(passed)
        return True

    def way(self, fields: Fields, asker: Asker) -> Way | None:
        """Where a body may be passed on to, if so. Raises `Refused` where its caller may not."""
        relays = self._gateway.client.relays
        return relays.way(fields, self._dialect, streaming=is_streamed(fields), asker=asker)

    async def call(
        self, way: Way, fields: Fields, body: bytes, asker: Asker, receive: Receive
    ) -> Passed:
        """The whole answer; without a receipt the long way may go on."""
        relays = self._gateway.client.relays
        passed = relays.begun(way, fields, asker=asker)
        try:
            with attended(receive):
                await relays.call(passed, body)
        except GenerationError as error:
            relays.failed(passed, error)
            raise
        return passed

    def ended(self, passed: Passed) -> None:
        """Count an answer that has gone out."""
        self._gateway.client.relays.ended(passed)

    async def _stream(
        self,
        way: Way,
        fields: Fields,
        body: bytes,
        asker: Asker,
        scope: Scope,
        receive: Receive,
        send: Send,
    ) -> None:
        passed = self._gateway.client.relays.begun(way, fields, asker=asker)
        request = HttpRequest(scope, receive, send)
        pieces = self._pieces(request, passed, body)
        answer = Streamed(request, pieces, self._manner, self._gateway.clock)
        for header in self._manner.id_headers:
            answer.headers.setdefault(header, request_id(request))
        await answer(scope, receive, send)

    def _head(self, scope: Scope, passed: Passed, size: int) -> list[tuple[bytes, bytes]]:
        """What we have to say about an answer that is not ours."""
        found = [
            (b"content-type", JSON),
            (b"content-length", b"%d" % size),
            (MODEL, passed.name.encode("latin-1", "replace")),
        ]
        if passed.cost.amount is not None:
            found.append((COST, written(passed.cost.amount)))
        identity = request_id_of(scope).encode("latin-1")
        found += [(name, identity) for name in self.ids]
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


def is_json(headers: Mapping[bytes, bytes]) -> bool:
    """Whether the body is JSON, as far as was said, whatever is said beside it."""
    said = headers.get(b"content-type", JSON)
    return said == JSON or said.partition(b";")[0].strip().lower() == JSON


def fields_of(body: bytes) -> Fields | None:
    """The fields of a body, each as it was written; `None` where it is no such body."""
    try:
        return FIELDS.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None  # the long way says what is wrong with it


async def large_fields_of(body: bytes) -> Fields | None:
    """The same of a large one, without holding others up for as long as one has only to look."""
    try:
        await in_turns(read_through(body))
        fields: Fields | None = await in_turns(outlined(body))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    if fields is None:
        fields = fields_of(body)
        await asyncio.sleep(0)
    return fields


async def in_turns(steps: Iterator[None]) -> Any:
    """What comes of some work; others have their turn between two of its steps."""
    try:
        while True:
            next(steps)
            await asyncio.sleep(0)
    except StopIteration as end:
        return end.value


def is_streamed(fields: Fields) -> bool:
    """Whether the answer is wanted bit by bit."""
    return "stream" in fields and bytes(fields["stream"]) == b"true"


def written(cost: Decimal) -> bytes:
    """A cost as headers say it."""
    return f"{cost.normalize():f}".encode()


def tried(request: HttpRequest) -> Course | None:
    """What was tried for a request by the short way, in vain."""
    found: Course | None = request.scope.get("state", {}).get(TRIED)
    return found
