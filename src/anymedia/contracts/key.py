"""Virtual keys: who may ask the gateway, and for what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AwareDatetime, Field

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium

Scope: TypeAlias = Literal["generate", "costs", "health", "admin"]
"""`generate`: ask for media and look after one's own jobs. `costs`: see what one has spent.
`health`: detailed health and metrics. `admin`: all of it, everybody's costs, keys, providers."""

Pattern: TypeAlias = Annotated[str, Field(min_length=1, max_length=300, pattern=r"^[^\s]+$")]


class KeyRights(Contract):
    """What a key may do."""

    name: str = Field(min_length=1, max_length=120, pattern=r"^[^\x00-\x1f\x7f]+$")
    """Whose it is, for people."""
    scopes: tuple[Scope, ...] = Field(default=("generate", "costs"), min_length=1)
    models: tuple[Pattern, ...] = ()
    """`provider/model` with `*` for any letters, such as `echo/*`, and aliases. Empty allows all."""
    media: tuple[Medium, ...] = ()
    """Empty allows all."""
    expires_at: AwareDatetime | None = None


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
