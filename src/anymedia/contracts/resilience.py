"""How failures of providers are met: circuit breakers, the retry budget, health."""

from __future__ import annotations

from datetime import datetime
from typing import Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract

CircuitState: TypeAlias = Literal["closed", "open", "half_open"]
"""Asked as usual, left alone, or tried with a few requests."""


class CircuitBreakerSettings(Contract):
    """When a provider that keeps failing is left alone, and for how long.

    Counted per provider, credential and operation.
    """

    failure_threshold: int = Field(default=5, ge=1, le=1000)
    """Failures in a row that open the circuit."""
    failure_rate: float = Field(default=0.5, gt=0, le=1)
    """Share of failures in the window that opens it."""
    window_seconds: float = Field(default=60.0, gt=0, le=86400)
    minimum_calls: int = Field(default=20, ge=1, le=100_000)
    """So many calls must be in the window before their share counts."""
    slow_seconds: float | None = Field(default=None, gt=0)
    """A call that takes longer counts as slow."""
    slow_rate: float = Field(default=0.9, gt=0, le=1)
    """Share of slow calls in the window that opens it."""
    recovery_timeout_seconds: float = Field(default=60.0, gt=0, le=86400)
    """How long a circuit stays open the first time."""
    recovery_factor: float = Field(default=2.0, ge=1, le=10)
    """By how much longer it stays open every further time in a row."""
    longest_recovery_seconds: float = Field(default=600.0, gt=0, le=86400)
    job_window_seconds: float = Field(default=600.0, gt=0, le=604_800)
    """How far back the ends of jobs are counted: they are fewer than calls and come later."""
    minimum_jobs: int = Field(default=10, ge=1, le=100_000)
    """So many jobs must have ended in that time before `failure_rate` counts for them."""
    probes: int = Field(default=1, ge=1, le=100)
    """Requests at a time that may try again when it is half open."""
    probes_to_close: int = Field(default=1, ge=1, le=100)
    """Successes in a row that close it again."""


class RetryBudget(Contract):
    """How much of the traffic may be second tries, so that an outage brings no storm."""

    ratio: float = Field(default=0.2, ge=0, le=10)
    """Second tries per first try."""
    minimum_per_second: float = Field(default=1.0, ge=0, le=10_000)
    """So many are always allowed."""
    window_seconds: float = Field(default=10.0, gt=0, le=3600)


class AlertSettings(Contract):
    """Who is told when a provider's health falls below a mark, and when it is back above it."""

    below: float = Field(gt=0, le=1)
    provider: str | None = None
    """Only this one; all unless said."""
    webhook_url: str | None = Field(default=None, pattern=r"^https?://")


class HealthSettings(Contract):
    """How health is measured."""

    probe_seconds: float | None = Field(default=None, gt=0, le=86400)
    """How often idle providers are asked something that costs nothing; never unless said."""
    half_life_seconds: float = Field(default=300.0, gt=0, le=86400)
    """After this long, an observation weighs half."""
    alerts: tuple[AlertSettings, ...] = ()


class HealthParts(Contract):
    """What a score is made of, each from 0 (bad) to 1 (good)."""

    success: float = Field(ge=0, le=1)
    latency: float = Field(ge=0, le=1)
    saturation: float = Field(ge=0, le=1)
    """1 when there is room, 0 when limits are used up."""
    freshness: float = Field(ge=0, le=1)
    """1 when something was learnt just now, 0 when nothing was for long."""


class ProviderHealth(Contract):
    """How a provider does, from traffic and from probes."""

    name: str
    healthy: bool
    circuit_state: CircuitState
    health_score: float = Field(ge=0, le=1)
    parts: HealthParts
    seen_at: datetime | None = None
    """When something was last learnt of it."""
    retry_after: float | None = None
    """Seconds until an open circuit is tried again."""
    in_flight: int = 0
    calls: int = 0
    failures: int = 0


class Alert(Contract):
    """A provider's health has crossed a mark."""

    kind: Literal["health-degraded", "health-restored"]
    provider: str
    score: float
    below: float
    at: datetime
