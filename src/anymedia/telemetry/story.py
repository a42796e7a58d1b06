"""What is told of one request: gathered on its way through, said when it is over."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, TypeAlias

Carrier: TypeAlias = Callable[[], Mapping[str, str]]
"""Headers that let another process go on with a trace."""


@dataclass(slots=True)
class Story:
    """One request to the gateway."""

    request_id: str
    medium: str | None = None
    provider: str | None = None
    model: str | None = None
    attempts: int = 0
    cost: Decimal | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    job_id: str | None = None
    code: str | None = None
    """Why it could not be done."""
    span: Any = None
    """The tracer's own, where there is one."""


CURRENT: ContextVar[Story | None] = ContextVar("anymedia_story", default=None)
"""The request that is being answered here; none in whatever goes on without one."""
CARRIER: ContextVar[Carrier | None] = ContextVar("anymedia_carrier", default=None)
"""Of the attempt that is under way here."""
