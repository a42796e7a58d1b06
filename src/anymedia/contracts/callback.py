"""Webhooks out: what callers are told of their jobs, how it is signed, and to whom it may go."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Annotated, Literal, TypeAlias

from pydantic import AfterValidator, Field, SecretStr

from anymedia.contracts.base import Contract

EventType: TypeAlias = Literal[
    "job.started",
    "job.progress",
    "job.succeeded",
    "job.failed",
    "job.cancelled",
    "job.unknown",
]
MessageStatus: TypeAlias = Literal["pending", "delivered", "dead"]
SECRET = re.compile(r"whsec_[A-Za-z0-9+/]{32,86}={0,2}")


def signing(secret: SecretStr) -> SecretStr:
    """A secret as Standard Webhooks has it."""
    if not SECRET.fullmatch(secret.get_secret_value()):
        raise ValueError("expected `whsec_` and 24 to 64 bytes in base64")
    return secret


class CallbackSettings(Contract):
    """Webhooks to the `callback_url` of requests."""

    secret: Annotated[SecretStr, AfterValidator(signing)] | None = None
    """What messages about this installation's own jobs are signed with: `whsec_` and base64. Each
    key of the gateway has a secret of its own; without this the installation has one too."""
    allow_private: tuple[str, ...] = ()
    """Hosts and networks inside that may be called, such as `127.0.0.1`, `10.1.0.0/16` or
    `hooks.internal`; also by plain http. All other private addresses are refused."""
    allow_http: bool = False
    """Whether public receivers may be called without TLS."""
    include_request: bool = False
    """Whether messages repeat the request, prompt included."""
    timeout_seconds: float = Field(default=20.0, ge=1, le=30)
    """How long a receiver may take to answer."""


class WebhookMessage(Contract):
    """Something that a caller's server was told, or is still to be told."""

    id: str
    """The same however often it is sent: `webhook-id`."""
    job_id: str
    type: str
    sequence: int
    """Its place among the messages about its job, from 1."""
    owner: str
    receiver: str
    """Host and port; the whole URL is in the job's request."""
    status: MessageStatus
    """`dead` ones were given up: the receiver did not take them for a day, or is gone."""
    created_at: datetime
    tries: int = 0
    due_at: datetime | None = None
    """When it is sent again, while it is pending."""
    delivered_at: datetime | None = None
    http_status: int | None = None
    """What the receiver answered last."""
    problem: str | None = None


class SigningSecret(Contract):
    """A secret that messages are signed with, as it is shown."""

    owner: str
    masked: str
    created_at: datetime | None = None
    expires_at: datetime | None = None
    """Until when it signs beside the newer one."""
    configured: bool = False
    """Whether it is the configuration's, which changes it."""


class SigningSecrets(Contract):
    """The secrets of one owner, the newest first; both sign while a rotation overlaps."""

    secrets: tuple[SigningSecret, ...]
    secret: str | None = Field(default=None, repr=False)
    """The newest one in clear: told once, when it is new."""
