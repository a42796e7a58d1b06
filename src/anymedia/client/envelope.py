"""The versioned envelope over the client: any version in, the same version out."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from anymedia.contracts.envelope import (
    UnifiedRequest,
    UnifiedResponse,
    answered,
    read_request,
    typed,
    write_response,
)
from anymedia.contracts.errors import GenerationError

if TYPE_CHECKING:
    from anymedia.client.aio import AsyncClient


async def execute(
    client: AsyncClient, request: UnifiedRequest | Mapping[str, Any]
) -> UnifiedResponse | dict[str, Any]:
    """Answer an envelope: a typed one with a typed one, a document with one of its version.

    Failures are told in the response. Only an envelope that cannot be read at all raises
    (`InvalidRequest`), as there is no version to answer in.
    """
    if isinstance(request, UnifiedRequest):
        return await answer(client, request)
    current, version = read_request(dict(request))
    return write_response(await answer(client, current), version)


async def answer(client: AsyncClient, request: UnifiedRequest) -> UnifiedResponse:
    """The response to a request of the current version."""
    began = datetime.now(UTC)
    try:
        outcome = await client.run(typed(request))
    except GenerationError as error:
        outcome = error
    now = datetime.now(UTC)
    return answered(
        outcome, request, now=now, elapsed_seconds=max(0.0, (now - began).total_seconds())
    )
