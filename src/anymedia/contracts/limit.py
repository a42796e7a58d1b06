"""How much may be asked for: of a provider, with a credential, of a model, by a caller."""

from __future__ import annotations

from decimal import Decimal
from typing import Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract

OnFull: TypeAlias = Literal["switch", "queue", "refuse"]
"""What happens when there is no room: ask another provider, wait for it, or say when there is."""

LimitScope: TypeAlias = Literal["provider", "credential", "model", "caller", "all"]
"""What is counted together."""


class Limits(Contract):
    """Amounts per time. Windows slide: the last 60 seconds, not since the full minute."""

    per_second: float | None = Field(default=None, gt=0)
    """Requests, as a token bucket: on average this many, `burst` of them at once."""
    burst: int | None = Field(default=None, ge=1)
    """How many requests may come at once under `per_second`; one second's worth unless said."""
    per_minute: int | None = Field(default=None, ge=1)
    per_hour: int | None = Field(default=None, ge=1)
    per_day: int | None = Field(default=None, ge=1)
    concurrent: int | None = Field(default=None, ge=1)
    """Requests under way at the same time; a job counts from its submission to its end."""
    tokens_per_minute: int | None = Field(default=None, ge=1)
    tokens_per_hour: int | None = Field(default=None, ge=1)
    tokens_per_day: int | None = Field(default=None, ge=1)
    usd_per_minute: Decimal | None = Field(default=None, gt=0)
    usd_per_hour: Decimal | None = Field(default=None, gt=0)
    usd_per_day: Decimal | None = Field(default=None, gt=0)


class LimitSettings(Limits):
    """Limits of one scope, on top of those that stand at the providers."""

    scope: LimitScope
    name: str | None = None
    """Which one: a provider, `provider/model`, a caller. Without it each gets as much."""
