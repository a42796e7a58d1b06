"""How well providers have done what was asked: the answer to `client.quality()`."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium


class QualityLine(Contract):
    """One model of one provider. Shares are from 0 to 1; `None` where nothing was asked."""

    provider: str
    model: str
    media: Medium
    attempts: int
    """That came to an end, and of which it is known how."""
    completed: int
    refused: int
    """The content was refused."""
    failed: int
    unknown: int
    """Nobody knows whether they were taken on; in none of the others."""
    completion_rate: float | None = None
    refusal_rate: float | None = None
    failure_rate: float | None = None
    checked: int = 0
    """Delivered media that were compared with what was asked."""
    conformance: float | None = None
    """The share of those that are as asked."""
    median_seconds: float | None = None
    p90_seconds: float | None = None
    usd_per_second: Decimal | None = None
    """What a second of delivered media has cost, failures that were charged included."""
    usd_per_image: Decimal | None = None
    usd_per_1k_output_tokens: Decimal | None = None


class QualityReport(Contract):
    """Every model that was asked, the most asked first."""

    since: datetime | None = None
    until: datetime | None = None
    lines: tuple[QualityLine, ...] = ()
