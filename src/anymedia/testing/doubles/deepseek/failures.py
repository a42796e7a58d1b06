"""DeepSeek's failures: OpenAI's shape, one code for everything, and a content type that misleads."""

from __future__ import annotations

import json

from starlette.responses import Response

from anymedia.testing.double import Fault

ODD_TYPE = "application/octet-stream"
"""The body is JSON all the same (seen in recorded traffic)."""
TYPES = {401: "authentication_error", 402: "unknown_error"}


def body(status: int, words: str) -> bytes:
    """The error's body."""
    kind = TYPES.get(status, "invalid_request_error")
    error = {"message": words, "type": kind, "param": None, "code": "invalid_request_error"}
    return json.dumps({"error": error}).encode()


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, words: str) -> None:
        super().__init__(words)
        self.status = status
        self.words = words

    @property
    def response(self) -> Response:
        """As it goes out."""
        return Response(body(self.status, self.words), self.status, {"content-type": ODD_TYPE})


def fault(status: int, words: str, **headers: str) -> Fault:
    """A failure to script, with headers such as `retry_after`."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    content = body(status, words)
    sent = {"content-type": ODD_TYPE, **named}
    return Fault(method="POST", status=status, body=content, headers=sent)


def rate_limited(seconds: int = 2) -> Fault:
    """Too many requests at once."""
    return fault(429, "Rate limit reached: too many concurrent requests", retry_after=str(seconds))


def overloaded() -> Fault:
    """Nobody has time."""
    return fault(503, "Service is too busy. Please retry your request after a brief wait.")
