"""The gateway as OpenAI's clients see it: `/v1`, answered by any provider.

Wire facts: openai-python 3.52 and the API reference (read 2026-11-21).
"""

from __future__ import annotations

from starlette.routing import Route

from anymedia.gateway.openai import batches, files, routes
from anymedia.gateway.openai.failures import MANNER
from anymedia.gateway.spec import Gateway

__all__ = ["MANNER", "openai_routes"]


def openai_routes(gateway: Gateway) -> list[Route]:
    """Everything below `/v1` that OpenAI's clients ask for."""
    return [
        *routes.openai_routes(gateway),
        *files.file_routes(gateway),
        *batches.batch_routes(gateway),
    ]
