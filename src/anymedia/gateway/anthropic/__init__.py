"""The gateway as Anthropic's clients see it: `/v1/messages`, answered by any provider.

Wire facts: anthropic-sdk-python 2.11 and the API reference (read 2026-11-21).
"""

from __future__ import annotations

from anymedia.gateway.anthropic.failures import MANNER
from anymedia.gateway.anthropic.routes import anthropic_routes

__all__ = ["MANNER", "anthropic_routes"]
