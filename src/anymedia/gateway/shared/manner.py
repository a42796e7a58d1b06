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

from anymedia.contracts.errors import GenerationError
from anymedia.gateway.shared.document import DEEP
from anymedia.gateway.shared.presence import CallerGone
from anymedia.gateway.spec import Refused

LOG = logging.getLogger("anymedia.gateway")
HUNG_UP = 499
"""What logs call a request whose caller has gone. Nobody receives it."""

Serve: TypeAlias = Callable[[HttpRequest], Awaitable[Response]]


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


def route(path: str, manner: Manner, serve: Serve, method: str = "POST") -> Route:
    """A route behind the door."""

    async def behind_the_door(request: HttpRequest) -> Response:
        try:
            response = await serve(request)
        except CallerGone:
            return Response(status_code=HUNG_UP)
        except GenerationError as error:
            response = manner.refused(error, request)
        except RecursionError:
            response = manner.refused(Refused(DEEP), request)
        except Exception as error:  # noqa: BLE001  every mistake has an answer, and a line in the log
            response = manner.refused(inner_failure(error, request), request)
        for name in manner.id_headers:
            response.headers.setdefault(name, request_id(request))
        return response

    return Route(path, behind_the_door, methods=[method])


def request_id(request: HttpRequest) -> str:
    """The id that the application has given the request, else one of ours."""
    found = getattr(request.state, "request_id", None)
    if not isinstance(found, str):
        found = f"req_{secrets.token_hex(12)}"
        request.state.request_id = found
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
