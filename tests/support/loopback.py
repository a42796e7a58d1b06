"""Drives exchanges and streams over real HTTP to a double, with nothing but the standard library.

The engine does this in production. Here it is as small as can be, so that a test of an adapter
against a double tests those two.
"""

from __future__ import annotations

import http.client
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

from anymedia.contracts.errors import NetworkFailed
from anymedia.contracts.event import StreamPiece
from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.contracts.result import Answer
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Account, Brief, Call, Provider, Stream
from anymedia.wire.exchange import Exchange, step
from anymedia.wire.http import Headers, HttpRequest, HttpResponse
from anymedia.wire.sse import LineParser, SseParser

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Loopback:
    """A provider at an address of this machine, with its credentials."""

    provider: Provider
    base_url: str
    secrets: Mapping[str, str]

    def converse(self, exchange: Exchange[T]) -> T:
        """Have an exchange to its end."""
        try:
            request = next(exchange)
            while True:
                with self._sent(request) as (head, body):
                    head.content = whole(body)
                request = step(exchange, request, head, self.provider.explain)
        except StopIteration as stop:
            answer: T = stop.value
            return answer

    def call(self, request: Any) -> Answer:
        """What the provider answers to a request that is already in its form."""
        operation = self.provider.operation(request.medium, Call)
        assert isinstance(operation, Call)
        return self.converse(operation.exchange(request, self.brief(request)))

    def stream(self, request: Any) -> Iterator[StreamPiece]:
        """The same, as it comes."""
        operation = self.provider.operation(request.medium, Stream)
        assert isinstance(operation, Stream)
        brief = self.brief(request)
        with self._sent(operation.start(request, brief)) as (head, body):
            if head.status >= 400:
                head.content = whole(body)
                raise self.provider.explain(head)
            decoder = operation.decoder(request, brief, head)
            parser = SseParser() if operation.framing == "sse" else LineParser()
            while chunk := some(body):
                for event in parser.feed(chunk):
                    yield from decoder.feed(event)
            for event in parser.end():
                yield from decoder.feed(event)
            yield from decoder.end()

    def check(self) -> Account:
        """Whether provider and credentials work."""
        assert self.provider.check is not None
        return self.converse(self.provider.check())

    def brief(self, request: Any) -> Brief:
        """The brief that the engine would write: with the model's sheet."""
        return Brief(model=self.sheet(request.medium, request.model), marker="test")

    def sheet(self, medium: Medium, model: str | None) -> Model | None:
        """A model's capability sheet, if the catalogue has one."""
        listed = catalogued(self.provider.catalog or self.provider.name)
        return next((one for one in listed if (one.medium, one.id) == (medium, model)), None)

    @contextmanager
    def _sent(
        self, request: HttpRequest
    ) -> Iterator[tuple[HttpResponse, http.client.HTTPResponse]]:
        if request.authorize:
            request = request.with_headers(self.provider.headers)
            given = {**self.secrets, "base_url": self.base_url}
            request = self.provider.auth.authorize(request, given, datetime.now(UTC))
        body, content_type = request.body("loopback-boundary")
        headers = dict(request.headers) | ({"Content-Type": content_type} if content_type else {})
        outgoing = urllib.request.Request(
            request.url(self.base_url), data=body, headers=headers, method=request.method
        )
        try:
            incoming = urllib.request.urlopen(outgoing, timeout=10)
        except urllib.error.HTTPError as failed:
            incoming = failed
        with incoming:
            yield HttpResponse(incoming.status, b"", Headers(incoming.getheaders())), incoming


def whole(body: http.client.HTTPResponse) -> bytes:
    """All of a body; `NetworkFailed` where it is cut."""
    try:
        return body.read()
    except (http.client.HTTPException, OSError):
        raise NetworkFailed("the connection broke", accepted="unknown") from None


def some(body: http.client.HTTPResponse) -> bytes:
    """The next piece of a body; nothing at its end."""
    try:
        return body.read1(4096)
    except (http.client.HTTPException, OSError):
        raise NetworkFailed("the connection broke", accepted="unknown") from None
