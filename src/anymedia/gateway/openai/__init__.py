"""The gateway as OpenAI's clients see it: `/v1`, answered by any provider.

Wire facts: openai-python 3.52 and the API reference (read 2026-11-21).
"""

from __future__ import annotations

from anymedia.gateway.openai.failures import MANNER
from anymedia.gateway.openai.routes import openai_routes

__all__ = ["MANNER", "openai_routes"]
