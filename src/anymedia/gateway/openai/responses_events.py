"""Events of a response on the wire, and failures where none of them was told yet."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request as HttpRequest

from anymedia.contracts.errors import GenerationError
from anymedia.gateway.openai import failures
from anymedia.gateway.shared.document import encoded
from anymedia.gateway.shared.manner import Manner


def event_of(kind: str, number: int, fields: dict[str, Any]) -> bytes:
    """One event."""
    data = {"type": kind, "sequence_number": number, **fields}
    return f"event: {kind}\ndata: ".encode() + encoded(data) + b"\n\n"


def problem(error: GenerationError) -> dict[str, Any]:
    """What an `error` event says."""
    said = failures.failure(error)["error"]
    return {name: said[name] for name in ("code", "message", "param")}


def broken(error: GenerationError, _: HttpRequest) -> bytes:
    """A failure where nothing was told yet but that there is an answer."""
    return event_of("error", 0, problem(error))


MANNER = Manner(
    refused=failures.refused,
    broken=broken,
    ping=failures.MANNER.ping,
    id_headers=failures.ID_HEADERS,
)
