"""Failures as Anthropic words them: `{"type": "error", "error": {"type", "message"}}`."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.errors import GenerationError, ProviderUnavailable
from anymedia.gateway.shared.document import as_json, encoded
from anymedia.gateway.shared.manner import Manner, request_id
from anymedia.gateway.shared.refusals import decisive, headers_of, status_of
from anymedia.gateway.spec import Refused

TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}
OVERLOADED = 529
ID_HEADERS = ("request-id", "x-request-id")


def failure(error: GenerationError, request: HttpRequest) -> dict[str, Any]:
    """The body of a failure; `provider` and `param` say more, where more is known."""
    cause = decisive(error)
    status = status_in_words(error)
    usual = "api_error" if status >= 500 else "invalid_request_error"
    said = {"type": TYPES.get(status, usual), "message": error.message}
    if error.provider is not None:
        said["provider"] = error.provider
    if isinstance(cause, Refused) and cause.param is not None:
        said["param"] = cause.param
    return {"type": "error", "error": said, "request_id": request_id(request)}


def status_in_words(error: GenerationError) -> int:
    """The status; an overloaded provider has one of its own here."""
    unavailable = isinstance(decisive(error), ProviderUnavailable)
    return OVERLOADED if unavailable else status_of(error)


def refused(error: GenerationError, request: HttpRequest) -> Response:
    """A failure as a response."""
    headers = headers_of(error) | dict.fromkeys(ID_HEADERS, request_id(request))
    return as_json(failure(error, request), status_in_words(error), headers)


def broken(error: GenerationError, request: HttpRequest) -> bytes:
    """A failure in the middle of a stream."""
    return b"event: error\ndata: " + encoded(failure(error, request)) + b"\n\n"


PING = b'event: ping\ndata: {"type": "ping"}\n\n'
MANNER = Manner(refused=refused, broken=broken, ping=PING, id_headers=ID_HEADERS)
