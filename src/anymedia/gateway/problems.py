"""Failures in our own form: RFC 9457 with the codes of the contracts."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.base import Contract
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.problem import Code
from anymedia.gateway.shared.document import as_json, encoded
from anymedia.gateway.shared.manner import Manner, request_id
from anymedia.gateway.shared.refusals import decisive, headers_of, status_of
from anymedia.gateway.spec import Refused

MEDIA_TYPE = "application/problem+json"
ID_HEADERS = ("x-request-id",)
PHRASES = {one.value: one.phrase for one in HTTPStatus}
WORDS: dict[int, Code] = {
    401: "AUTHENTICATION_FAILED",
    403: "AUTHENTICATION_FAILED",
    404: "NOT_FOUND",
}
"""Codes of what is refused at the door, by status; `INVALID_REQUEST` for the others."""


class ProblemDetails(Contract):
    """What went wrong: RFC 9457, with our code and whose turn it is."""

    type: str
    """`urn:anymedia:problem:` and the code."""
    title: str
    """The status in words."""
    status: int
    detail: str
    """What was wrong, what was expected, what to do next."""
    code: Code
    retryable: bool
    """Whether the same request may succeed when it is sent again."""
    request_id: str
    provider: str | None = None
    retry_after: float | None = None
    """Seconds to wait before trying again."""
    details: dict[str, Any] = Field(default_factory=dict)
    """What else is known, such as `mistakes`, `job_id` and `failures`."""


def details_of(error: GenerationError, request: HttpRequest) -> dict[str, Any]:
    """A failure as a document."""
    status, cause = status_of(error), decisive(error)
    code: Code = error.code
    if isinstance(cause, Refused):
        code = WORDS.get(cause.status, code)
    details = dict(error.details)
    failures = getattr(error, "failures", ())
    if failures:
        details["failures"] = [
            {"code": one.code, "message": one.message, "provider": one.provider} for one in failures
        ]
    if isinstance(cause, Refused) and cause.param is not None:
        details["param"] = cause.param
    said = {
        "type": f"urn:anymedia:problem:{code.lower().replace('_', '-')}",
        "title": title(status),
        "status": status,
        "detail": error.message,
        "code": code,
        "retryable": error.retryable,
        "request_id": request_id(request),
        "provider": error.provider,
        "retry_after": error.retry_after,
        "details": details or None,
    }
    return {name: value for name, value in said.items() if value is not None}


def title(status: int) -> str:
    """A status in words."""
    return PHRASES.get(status, "Error")


def refused(error: GenerationError, request: HttpRequest) -> Response:
    """A failure as a response."""
    status = status_of(error)
    headers = headers_of(error) | dict.fromkeys(ID_HEADERS, request_id(request))
    if status == 401:
        headers["www-authenticate"] = 'Bearer realm="anymedia"'
    response = as_json(details_of(error, request), status, headers)
    response.headers["content-type"] = MEDIA_TYPE
    return response


def broken(error: GenerationError, request: HttpRequest) -> bytes:
    """A failure in the middle of a stream."""
    return b"event: error\ndata: " + encoded(details_of(error, request)) + b"\n\n"


MANNER = Manner(refused=refused, broken=broken, ping=b": still here\n\n", id_headers=ID_HEADERS)
