"""JSON in and out, with everything that a stranger may send as a 400 and never as a 500."""

from __future__ import annotations

import json
from typing import Any

import msgspec
from starlette.responses import Response

from anymedia.gateway.spec import Refused

DEEP = "the body is nested more deeply than can be read"


def decoded(content: bytes) -> dict[str, Any]:
    """The object that a body is. `Refused` names what is wrong with it, and quotes nothing."""
    try:
        document = msgspec.json.decode(content)
    except RecursionError:
        raise Refused(DEEP) from None
    except UnicodeDecodeError:
        raise Refused("the body is not valid UTF-8") from None
    except msgspec.DecodeError as error:
        raise Refused(f"the body is not valid JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused("the body is not a JSON object")
    return document


def encoded(value: Any) -> bytes:
    """A value as JSON. Halves of characters, which some models write, stay escaped."""
    try:
        return msgspec.json.encode(value)
    except UnicodeEncodeError:
        return json.dumps(msgspec.to_builtins(value), separators=(",", ":")).encode()


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(encoded(value), status, headers, media_type="application/json")
