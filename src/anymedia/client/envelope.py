"""The versioned envelope over the client: any version in, the same version out."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

from anymedia.contracts.envelope import (
    UnifiedRequest,
    UnifiedResponse,
    answered,
    read_request,
    typed,
    write_response,
)
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.request import Request
from anymedia.contracts.result import Result


class Runs(Protocol):
    """Whoever answers typed requests."""

    def run(self, request: Request[Any]) -> Awaitable[Result]: ...


async def execute(
    client: Runs, request: UnifiedRequest | Mapping[str, Any]
) -> UnifiedResponse | dict[str, Any]:
    """Answer an envelope: a typed one with a typed one, a document with one of its version.

    Failures are told in the response. Only an envelope that cannot be read at all raises
    (`InvalidRequest`), as there is no version to answer in.
    """
    if isinstance(request, UnifiedRequest):
        return await answer(client, request)
    current, version = read_request(dict(request))
    return write_response(await answer(client, current), version)


async def answer(client: Runs, request: UnifiedRequest) -> UnifiedResponse:
    """The response to a request of the current version."""
    began = datetime.now(UTC)
    try:
        outcome: Result | GenerationError = await client.run(typed(request))
    except GenerationError as error:
        outcome = error
    now = datetime.now(UTC)
    return answered(
        outcome, request, now=now, elapsed_seconds=max(0.0, (now - began).total_seconds())
    )
