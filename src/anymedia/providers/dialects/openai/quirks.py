"""Where a service's text differs from OpenAI's own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from anymedia.contracts.text import Part, TextRequest
from anymedia.providers.dialects.openai.errors import OPENAI_ERRORS
from anymedia.providers.dialects.openai.fields import CHAT_FIELDS
from anymedia.providers.explain import ErrorTable


@dataclass(frozen=True, slots=True, kw_only=True)
class Quirks:
    """What a service calls things, wants and says besides. The defaults are OpenAI's."""

    errors: ErrorTable = OPENAI_ERRORS
    """For failures that come inside a 200 or in the middle of a stream."""
    fields: Mapping[str, str] = field(default_factory=lambda: CHAT_FIELDS)
    """Our plain request fields in its words; what is not here is not sent."""
    state: str = "openai"
    """Under which name its opaque pieces are kept in `provider_state`."""
    asks_for_usage: bool = True
    """Whether a stream tells its usage only when `stream_options` ask for it."""
    reasoning_field: str | None = None
    """The field in which earlier reasoning goes back, where that is wanted."""
    thinks_with_reasoning_alone: bool = False
    """Whether it thinks only if all earlier calls of tools come with their reasoning, and refuses
    otherwise. Many clients drop it, and calls of other providers' models may have had none."""
    reports_cost: bool = False
    """Whether `usage.cost` is what it charged, in US dollars."""
    path: str = "/chat/completions"
    """Where its chat is."""
    responses: bool = False
    """Whether it has all of `/responses`, so that what is said in its words can be passed on.
    OpenAI has; others may take the plain part of it."""
    show: Callable[[Part], dict[str, Any] | None] | None = None
    """Parts of messages that it writes otherwise; `None` for those it writes as OpenAI does."""
    reword: Callable[[dict[str, Any], TextRequest], dict[str, Any]] | None = None
    """The last word on a chat's body, before the caller's options."""
    keeps_reasoning_details: bool = False
    """Whether it hands out `reasoning_details` and wants them back unchanged."""
    empty_is_failure: bool = False
    """Whether an answer that ends well and says nothing is a failure of the service's."""
