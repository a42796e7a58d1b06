"""What can be configured, as contracts: the shapes of DESIGN 3.4's file, arguments and admin API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr, SecretStr

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium, Quality
from anymedia.contracts.request import RetryConfig

Strategy: TypeAlias = Literal["priority"]
"""How the next provider is chosen among those that fit."""

Layer: TypeAlias = Literal["argument", "environment", ".env", "file", "default"]
"""Who may say what a setting is, the strongest first."""


class Origin(Contract):
    """Who said what a setting is."""

    layer: Layer = "default"
    where: str | None = None
    """The variable, or the file and line."""


class ProviderLimits(Contract):
    """How much one provider may be asked for."""

    per_minute: int | None = Field(default=None, ge=1)
    per_hour: int | None = Field(default=None, ge=1)
    per_day: int | None = Field(default=None, ge=1)
    concurrent: int | None = Field(default=None, ge=1)


class ProviderSettings(Contract):
    """One provider as configured: whose language it speaks, where it is, with which key."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    dialect: str | None = None
    """Another provider whose language it speaks, such as `openai`; its own name unless said."""
    enabled: bool = True
    api_key: SecretStr | None = None
    secrets: dict[str, SecretStr] = Field(default_factory=dict)
    """Further credentials by name, for providers with more than one."""
    base_url: str | None = Field(default=None, pattern=r"^https?://")
    priority: int = Field(default=100, ge=0)
    """Lower is tried first."""
    weight: float = Field(default=1.0, ge=0)
    limits: ProviderLimits = Field(default_factory=ProviderLimits)
    unlisted_models: Literal["allow", "refuse"] | None = None
    """For models that the catalogue does not know. Refused unless the provider is a server of
    your own (`dialect` given); allowed ones are flagged as unpriced."""
    models: dict[Medium, str] = Field(default_factory=dict)
    """The model that is meant when none is named."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Sent with every request unless the request says otherwise."""
    proxy: str | None = None


class RouteSettings(Contract):
    """Which providers serve a medium, and how they are chosen."""

    media: Medium
    strategy: Strategy = "priority"
    providers: tuple[str, ...] = Field(min_length=1)


class Alias(Contract):
    """A name of yours for a model or for a kind of request."""

    model: str | None = None
    media: Medium | None = None
    quality: Quality | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class FailoverSettings(Contract):
    """What happens when a provider fails and another could do it."""

    strategy: Strategy = "priority"
    """For media that no route is about."""
    max_attempts: int | None = Field(default=None, ge=1, le=50)
    """How many providers one request may be sent to; all that fit unless said."""


class CircuitBreakerSettings(Contract):
    """When a provider that keeps failing is left alone, and for how long."""

    failure_threshold: int = Field(default=5, ge=1, le=1000)
    """Failures in a row that open the circuit."""
    recovery_timeout_seconds: float = Field(default=60.0, gt=0, le=86400)
    """How long an open circuit stays open before one request may try again."""


class TimeoutSettings(Contract):
    """Seconds. `read` is the longest silence, `total` the longest whole answer."""

    connect_seconds: float = Field(default=10.0, gt=0)
    read_seconds: float = Field(default=300.0, gt=0)
    total_seconds: float = Field(default=600.0, gt=0)


class Settings(Contract):
    """Everything that can be configured, checked as a whole."""

    providers: tuple[ProviderSettings, ...] = ()
    routes: tuple[RouteSettings, ...] = ()
    aliases: dict[str, Alias] = Field(default_factory=dict)
    retry: RetryConfig = Field(default_factory=RetryConfig)
    failover: FailoverSettings = Field(default_factory=FailoverSettings)
    circuit_breaker: CircuitBreakerSettings = Field(default_factory=CircuitBreakerSettings)
    timeouts: TimeoutSettings = Field(default_factory=TimeoutSettings)
    data_dir: str | None = None
    """Where jobs and artifacts are kept; `~/.local/share/anymedia` unless said."""
    max_response_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    max_artifact_bytes: int = Field(default=20 * 1024 * 1024 * 1024, ge=1024)
    max_input_bytes: int = Field(default=512 * 1024 * 1024, ge=1024)
    max_cost: Decimal | None = Field(default=None, ge=0)
    """US dollars that no single request may exceed."""
    _origins: dict[tuple[str, ...], Origin] = PrivateAttr(default_factory=dict)

    def origin(self, *path: str) -> Origin:
        """Who said what stands at a path, such as `("providers", NAME, "api_key")`."""
        for length in range(len(path), 0, -1):
            if (found := self._origins.get(path[:length])) is not None:
                return found
        return Origin()

    def said_by(self, origins: Mapping[tuple[str, ...], Origin]) -> Settings:
        """The same settings, knowing where they come from."""
        self._origins = dict(origins)
        return self
