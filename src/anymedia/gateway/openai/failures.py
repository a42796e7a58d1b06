"""Failures as OpenAI words them: `{"error": {"message", "type", "param", "code"}}`."""

from __future__ import annotations

import re
from typing import Any

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.problem import Code
from anymedia.gateway.shared.document import as_json, encoded
from anymedia.gateway.shared.manner import Manner, request_id
from anymedia.gateway.shared.refusals import decisive, headers_of, status_of
from anymedia.gateway.spec import Refused

TYPES = {
    401: "authentication_error",
    402: "insufficient_quota",
    403: "permission_error",
    409: "conflict_error",
    429: "rate_limit_error",
}
CODES: dict[Code, str | None] = {
    "INVALID_REQUEST": None,
    "INVALID_MODEL": "model_not_found",
    "PROVIDER_ERROR": "server_error",
    "UNKNOWN_ERROR": "server_error",
}
"""Where OpenAI has another word, or none."""
ID_HEADERS = ("x-request-id",)
NAMED = re.compile(r"`(\w+)[`=]")


def failure(error: GenerationError) -> dict[str, Any]:
    """The body of a failure; `provider` says whose it is, where it is one's."""
    cause = decisive(error)
    status = status_of(error)
    usual = "server_error" if status >= 500 else "invalid_request_error"
    said: dict[str, Any] = {
        "message": error.message,
        "type": TYPES.get(status, usual),
        "param": param_of(cause),
        "code": code_of(cause, status),
    }
    if error.provider is not None:
        said["provider"] = error.provider
    return {"error": said}


def code_of(error: GenerationError, status: int) -> str | None:
    """The finer word."""
    if isinstance(error, Refused):
        return error.word or ("invalid_api_key" if status == 401 else None)
    return CODES.get(error.code, error.code.lower())


def param_of(error: GenerationError) -> str | None:
    """The field that it is about, where one is known."""
    if isinstance(error, Refused):
        return error.param
    mistakes = error.details.get("mistakes")
    first = mistakes[0] if isinstance(mistakes, list) and mistakes else None
    if not isinstance(first, dict):
        return None
    # What is wrong with a body as a whole begins with the field that it is about.
    named = NAMED.match(str(first.get("expected", "")))
    return first.get("path") or (named[1] if named is not None else None)


def refused(error: GenerationError, request: HttpRequest) -> Response:
    """A failure as a response."""
    headers = headers_of(error) | dict.fromkeys(ID_HEADERS, request_id(request))
    return as_json(failure(error), status_of(error), headers)


def broken(error: GenerationError, _: HttpRequest) -> bytes:
    """A failure in the middle of a stream, which ends without `[DONE]`."""
    return b"data: " + encoded(failure(error)) + b"\n\n"


MANNER = Manner(refused=refused, broken=broken, ping=b": still here\n\n", id_headers=ID_HEADERS)
