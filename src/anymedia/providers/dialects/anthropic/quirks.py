"""Where a service's messages differ from Anthropic's own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from anymedia.providers.dialects.anthropic.errors import ANTHROPIC_ERRORS
from anymedia.providers.explain import ErrorTable

SAMPLING: Mapping[str, str] = {"temperature": "temperature", "top_p": "top_p", "top_k": "top_k"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What a service calls things, wants and says besides. The defaults are Anthropic's."""

    errors: ErrorTable = ANTHROPIC_ERRORS
    """For failures that come inside a 200 or in the middle of a stream."""
    state: str = "anthropic"
    """Under which name its opaque pieces are kept in `provider_state`."""
    version: str = "2026-10-21"
    """Of the API, sent with every request."""
    sampling: Mapping[str, str] = field(default_factory=dict)
    """Our sampling fields in its words, if it takes them in this version; Anthropic does not."""
    thinking: str = "adaptive"
    """How models think that have no sheet: `adaptive`, `always`, `budget` or `never`."""
    output_tokens: int = 32_000
    """The most that is written when the caller does not say: the API wants a number."""
    whole_tokens: int = 16_000
    """Above this many output tokens a whole answer is fetched as a stream, which does not time
    out at the provider."""
