"""The gateway as Anthropic's clients see it: `/v1/messages`, answered by any provider.

Wire facts: anthropic-sdk-python 2.11 and the API reference (read 2026-11-21).
"""

from __future__ import annotations

from starlette.routing import Route

from anymedia.gateway.anthropic.batches import batch_routes
from anymedia.gateway.anthropic.failures import MANNER
from anymedia.gateway.anthropic.routes import message_routes
from anymedia.gateway.anthropic.tokens import token_routes
from anymedia.gateway.spec import Gateway

__all__ = ["MANNER", "anthropic_routes"]


def anthropic_routes(gateway: Gateway) -> list[Route]:
    """`/v1/messages`. The models are listed by `openai_routes`, in the words of whoever asks."""
    return [*message_routes(gateway), *token_routes(gateway), *batch_routes(gateway)]
