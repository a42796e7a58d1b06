"""Virtual keys: who may ask the gateway, and for what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.budget import BudgetTerms
from anymedia.contracts.limit import Limits
from anymedia.contracts.media import Medium
from anymedia.contracts.moment import Moment

Scope: TypeAlias = Literal["generate", "costs", "health", "admin"]
"""`generate`: ask for media and look after one's own jobs. `costs`: see what one has spent.
`health`: detailed health and metrics. `admin`: all of it, everybody's costs, keys, providers."""

Name: TypeAlias = Annotated[
    str, Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
]
MOST_BUDGETS = 3
"""One for each period."""
Pattern: TypeAlias = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\s]+$")]


class KeyRights(Contract):
    """What a key may do."""

    name: Name
    """Whose it is, for people."""
    scopes: tuple[Scope, ...] = Field(default=("generate", "costs"), min_length=1)
    models: tuple[Pattern, ...] = ()
    """`provider/model` with `*` for any letters, such as `echo/*`, and aliases. Empty allows all."""
    media: tuple[Medium, ...] = ()
    """Empty allows all."""
    limits: Limits = Limits()
    """How much it may ask for, on top of what the configuration allows: the tighter of both holds."""
    budgets: tuple[BudgetTerms, ...] = Field(default=(), max_length=MOST_BUDGETS)
    """How much it may spend, one for each period. It stands in for what the configuration gives
    every key for that period."""
    expires_at: Moment | None = None


class KeyChange(Contract):
    """Rights of a key that shall be others. What is not said stays."""

    name: Name | None = None
    scopes: tuple[Scope, ...] | None = Field(default=None, min_length=1)
    models: tuple[Pattern, ...] | None = None
    media: tuple[Medium, ...] | None = None
    limits: Limits | None = None
    """Each stays that is not said; `null` takes one away, or all of them."""
    budgets: tuple[BudgetTerms, ...] | None = Field(default=None, max_length=MOST_BUDGETS)
    """Instead of those that it has."""
    expires_at: Moment | None = None
    """`null`: it does not end by itself."""


class KeySecret(Contract):
    """One secret of a key: what it begins with, and until when it opens."""

    prefix: str
    created_at: datetime
    expires_at: datetime | None = None


class VirtualKey(KeyRights):
    """A key as it is shown: never the secret itself, of which only a hash is kept."""

    id: str
    created_at: datetime
    revoked_at: datetime | None = None
    secrets: tuple[KeySecret, ...] = ()
    """More than one while a rotation overlaps."""


class NewKey(VirtualKey):
    """A key that was just made or rotated: the only time that its secret is told."""

    key: str = Field(repr=False)


class Rotation(Contract):
    """How a key gets a new secret."""

    overlap_seconds: float = Field(default=86_400.0, ge=0, le=90 * 86_400)
    """How long the old one still opens."""


class AuditEntry(Contract):
    """Something that an administrator did."""

    at: datetime
    actor: str
    action: str
    subject: str
