"""How many tokens a question has: asked of the service, which charges nothing for it.

https://platform.claude.com/docs/en/build-with-claude/token-counting (anthropic 2.11.0 on PyPI, read
2026-11-21).
"""

from __future__ import annotations

from anymedia.contracts.text import TextRequest
from anymedia.providers.dialects.anthropic.messages import asking
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape

PATH = "/v1/messages/count_tokens"
COUNTED = (
    *("model", "messages", "system", "tools", "tool_choice", "thinking", "output_config"),
    *("cache_control", "speed"),
)
"""What it takes of a question; the rest is about the answer."""


class Counted(Shape):
    """The answer."""

    input_tokens: int


def count(request: TextRequest, brief: Brief, quirks: Quirks) -> Exchange[int]:
    """Ask."""
    asked = asking(request, brief, quirks)
    body = {name: asked.body[name] for name in COUNTED if name in asked.body}
    response = yield post(PATH, json=body, headers=asked.headers)
    return response.read(Counted).input_tokens
