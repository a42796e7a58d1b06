"""How a dialect says what every dialect has to say, and the door that all its routes have."""

from __future__ import annotations

import logging
import secrets
import traceback
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from anymedia.contracts.errors import GenerationError
from anymedia.gateway.shared.document import DEEP
from anymedia.gateway.shared.presence import CallerGone
from anymedia.gateway.spec import Refused

LOG = logging.getLogger("anymedia.gateway")
HUNG_UP = 499
"""What logs call a request whose caller has gone. Nobody receives it."""

Serve: TypeAlias = Callable[[HttpRequest], Awaitable[Response]]
ShortWay: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[bool]]
"""Serves a request on the bare messages of the server, or says that it has not."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """A dialect's way of failing and of staying alive."""

    refused: Callable[[GenerationError, HttpRequest], Response]
    """A failure as a response."""
    broken: Callable[[GenerationError, HttpRequest], bytes]
    """The same in the middle of a stream."""
    ping: bytes
    """A sign of life."""
    id_headers: tuple[str, ...]
    """Where its clients look for the request's id."""


class Served:
    """A route's application: the short way where there is one, then its own serving.

    Every mistake has an answer in the manner of the dialect, and a line in the log.
    """

    def __init__(self, manner: Manner, serve: Serve, short_way: ShortWay | None = None) -> None:
        self._manner = manner
        self._serve = serve
        self.short_way = short_way

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        manner = self._manner
        try:
            if self.short_way is not None and await self.short_way(scope, receive, send):
                return
            response = await self._serve(HttpRequest(scope, receive, send))
        except CallerGone:
            response = Response(status_code=HUNG_UP)
        except GenerationError as error:
            response = manner.refused(error, HttpRequest(scope))
        except RecursionError:
            response = manner.refused(Refused(DEEP), HttpRequest(scope))
        except Exception as error:  # noqa: BLE001  every mistake has an answer, and a line in the log
            request = HttpRequest(scope)
            response = manner.refused(inner_failure(error, request), request)
        if response.status_code != HUNG_UP:
            for name in manner.id_headers:
                response.headers.setdefault(name, request_id(HttpRequest(scope)))
        await response(scope, receive, send)


def route(
    path: str,
    manner: Manner,
    serve: Serve,
    method: str = "POST",
    short_way: ShortWay | None = None,
) -> Route:
    """A route behind the door."""
    return Route(path, Served(manner, serve, short_way), methods=[method], name=serve.__name__)


def request_id(request: HttpRequest) -> str:
    """The id that the application has given the request, else one of ours."""
    return request_id_of(request.scope)


def request_id_of(scope: Scope) -> str:
    """The same from the request's bare scope."""
    state = scope.setdefault("state", {})
    found = state.get("request_id")
    if not isinstance(found, str):
        found = state["request_id"] = f"req_{secrets.token_hex(12)}"
    return found


def inner_failure(error: Exception, request: HttpRequest) -> GenerationError:
    """A mistake of ours, told to the operator by its place and to the caller by the request's id.

    What an unforeseen error says may quote a prompt, so that stays out of the log.
    """
    places = traceback.extract_tb(error.__traceback__)[-4:]
    where = " < ".join(f"{one.name} ({one.filename}:{one.lineno})" for one in reversed(places))
    LOG.error("request %s: %s in %s", request_id(request), type(error).__name__, where)
    return GenerationError(
        f"the gateway has failed; its operator finds why under request `{request_id(request)}`"
    )
