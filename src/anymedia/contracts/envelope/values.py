"""What all versions of the envelope share: how times, money and patience are written."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field, model_validator

from anymedia.contracts.base import Contract

Version: TypeAlias = Literal["1.0", "1.1", "2.0"]
Kind: TypeAlias = Literal["request", "response"]
Status: TypeAlias = Literal["success", "failed", "processing"]

CURRENT: Version = "2.0"

DATE_AND_TIME = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:")


def iso(value: Any) -> Any:
    """A point in time as text; bare numbers could be seconds or milliseconds."""
    if isinstance(value, datetime) or (isinstance(value, str) and DATE_AND_TIME.match(value)):
        return value
    raise ValueError("expected ISO 8601 with a zone, such as `2026-11-21T09:30:00Z`")


def in_utc(value: datetime) -> datetime:
    """The same moment in UTC."""
    try:
        return value.astimezone(UTC)
    except OverflowError:
        raise ValueError("lies outside of the years 1 to 9999") from None


Timestamp: TypeAlias = Annotated[AwareDatetime, BeforeValidator(iso), AfterValidator(in_utc)]
"""ISO 8601 with a zone; kept in UTC."""

Dollars: TypeAlias = Annotated[Decimal, Field(ge=0)]
"""US dollars, as a decimal string or a number; written as a string, so that none are lost."""

Seconds: TypeAlias = Annotated[float, Field(gt=0, strict=True)]
Count: TypeAlias = Annotated[int, Field(ge=0, strict=True)]

RequestId: TypeAlias = Annotated[str, Field(min_length=1, max_length=255)]
Name: TypeAlias = Annotated[str, Field(min_length=1)]
CallbackUrl: TypeAlias = Annotated[str, Field(pattern=r"^https?://", max_length=2048)]

Route: TypeAlias = Annotated[str, Field(pattern=r"^([^/]+(/[\s\S]*)?|/[\s\S]*/[\s\S]*)$")]
"""Provider and model in one string, as versions before 2.0 write them: see `route`."""

Delay: TypeAlias = Annotated[float, Field(ge=0, le=60, strict=True)]
LongDelay: TypeAlias = Annotated[float, Field(ge=0, le=600, strict=True)]


def check_outcome(status: Status, result: object, error: object) -> None:
    """A response says what came of the request, and nothing that contradicts it."""
    if (status == "failed") != (error is not None):
        raise ValueError("`error` belongs to the status `failed`, and only there")
    if status == "success" and result is None:
        raise ValueError("`result` is missing, which belongs to the status `success`")


DELAYS = (
    ("base_delay_ms", "base_delay", "base_delay_seconds"),
    ("max_delay_ms", "max_delay", "max_delay_seconds"),
)
"""Fields that say the same in milliseconds and in seconds."""


class RetryConfiguration(Contract):
    """How often and how patiently to try again at the same provider.

    A delay is said once: in milliseconds (`base_delay_ms`) or in seconds (`base_delay`, or
    `base_delay_seconds`).
    """

    max_attempts: int | None = Field(default=None, ge=1, le=20, strict=True)
    """All tries, the first included."""
    base_delay_ms: float | None = Field(default=None, ge=0, le=60_000, strict=True)
    base_delay: Delay | None = None
    """Seconds."""
    base_delay_seconds: Delay | None = None
    backoff_factor: float | None = Field(default=None, ge=1, le=10, strict=True)
    """By how much each delay is longer than the one before."""
    max_delay_ms: float | None = Field(default=None, ge=0, le=600_000, strict=True)
    max_delay: LongDelay | None = None
    """Seconds."""
    max_delay_seconds: LongDelay | None = None

    @model_validator(mode="after")
    def _each_delay_once(self) -> RetryConfiguration:
        for names in DELAYS:
            said = [name for name in names if getattr(self, name) is not None]
            if len(said) > 1:
                raise ValueError(f"`{said[0]}` and `{said[1]}` say the same; leave one out")
        return self
