"""What can be configured, as contracts: the shapes of DESIGN 3.4's file, arguments and admin API."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from pydantic import Field, PrivateAttr, SecretStr, field_validator

from anymedia.contracts.base import Contract
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.callback import CallbackSettings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.contracts.limit import Limits, LimitSettings
from anymedia.contracts.media import Medium, Quality
from anymedia.contracts.model import Model
from anymedia.contracts.normalization import Normalizing
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.resilience import CircuitBreakerSettings, HealthSettings, RetryBudget
from anymedia.contracts.retention import RetentionSettings
from anymedia.contracts.route import FailoverSettings, RouteSettings

Layer: TypeAlias = Literal["argument", "environment", ".env", "file", "default"]
"""Who may say what a setting is, the strongest first."""


class Origin(Contract):
    """Who said what a setting is."""

    layer: Layer = "default"
    where: str | None = None
    """The variable, or the file and line."""


class ProviderSettings(Contract):
    """One provider as configured: whose language it speaks, where it is, with which key."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")
    dialect: str | None = None
    """Another provider whose language it speaks, such as `openai`; its own name unless said."""
    enabled: bool = True
    api_key: SecretStr | None = None
    secrets: dict[str, SecretStr] = Field(default_factory=dict)
    """Further credentials by name, for providers with more than one."""
    webhook_secret: SecretStr | None = None
    """What the provider signs its calls to us with, where that is not asked for by itself."""
    base_url: str | None = Field(default=None, pattern=r"^https?://")
    priority: int = Field(default=100, ge=0)
    """Lower is tried first."""
    weight: float = Field(default=1.0, ge=0)
    limits: Limits = Field(default_factory=Limits)
    learn_limits: bool = True
    """Whether what its responses say about limits is heeded."""
    api_keys: tuple[SecretStr, ...] = ()
    """Several credentials, used in turn; each has limits and circuits of its own."""
    regions: dict[str, str] = Field(default_factory=dict)
    """Base URLs by the names of regions; the first is preferred, the others stand in for it."""
    rollout_percent: float = Field(default=100.0, ge=0, le=100)
    """The share of sessions (else of requests) that may be sent to it."""
    unlisted_models: Literal["allow", "refuse"] | None = None
    """For models that the catalogue does not know. Refused unless the provider is a server of
    your own (`dialect` given); allowed ones are flagged as unpriced."""
    models: dict[Medium, str] = Field(default_factory=dict)
    """The model that is meant when none is named."""
    options: dict[str, Any] = Field(default_factory=dict)
    """Sent with every request unless the request says otherwise."""
    proxy: str | None = None
    trace_context: bool = False
    """Whether our traces go on at it: its requests carry `traceparent`. Only for servers of yours."""


class Alias(Contract):
    """A name of yours for a model or for a kind of request."""

    model: str | None = None
    media: Medium | None = None
    quality: Quality | None = None
    options: dict[str, Any] = Field(default_factory=dict)


class StateSettings(Contract):
    """Where counts, circuits and cached answers are kept: in this process, or shared."""

    redis_url: str | None = Field(default=None, pattern=r"^(rediss?|unix)://")
    """Shared by every process that names the same one. Without it each process has its own."""
    namespace: str = Field(default="anymedia", pattern=r"^[A-Za-z0-9_.-]{1,64}$")
    """Installations with different names do not see each other there."""
    timeout_seconds: float = Field(default=0.25, gt=0, le=30)
    """When there is no answer by then, this process goes on with counts of its own."""


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
    retry_budget: RetryBudget = Field(default_factory=RetryBudget)
    circuit_breaker: CircuitBreakerSettings = Field(default_factory=CircuitBreakerSettings)
    health: HealthSettings = Field(default_factory=HealthSettings)
    limits: tuple[LimitSettings, ...] = ()
    budgets: tuple[BudgetSettings, ...] = ()
    cache: CacheSettings | None = None
    state: StateSettings = Field(default_factory=StateSettings)
    timeouts: TimeoutSettings = Field(default_factory=TimeoutSettings)
    gateway: GatewaySettings = Field(default_factory=GatewaySettings)
    callbacks: CallbackSettings = Field(default_factory=CallbackSettings)
    normalize: dict[Medium, Normalizing] = Field(default_factory=dict)
    """What results are made into, by medium, unless the request says otherwise."""
    check_results: bool = True
    """Whether results are decoded to see that they are whole, and neither black nor silent."""
    catalog: tuple[str, ...] = ()
    """Files of yours on models and prices, over our own catalogue; later ones win."""
    data_dir: str | None = None
    """Where jobs and artifacts are kept; `~/.local/share/anymedia` unless said."""
    database_url: str | None = Field(default=None, pattern=r"^postgres(ql)?://")
    """`postgresql://user:password@host/name`, shared by several machines; with `?schema=` a schema
    of its own. Without it, jobs and the ledger are in SQLite in the data directory."""
    artifacts_url: str | None = Field(default=None, min_length=1)
    """Where new artifacts go: a folder, `s3://bucket/prefix`, `gs://bucket/prefix` or
    `az://container/prefix`; the folder `artifacts` of the data directory unless said."""
    retention: RetentionSettings = Field(default_factory=RetentionSettings)
    max_response_bytes: int = Field(default=256 * 1024 * 1024, ge=1024)
    max_artifact_bytes: int = Field(default=20 * 1024 * 1024 * 1024, ge=1024)
    max_input_bytes: int = Field(default=512 * 1024 * 1024, ge=1024)
    max_cost: Decimal | None = Field(default=None, ge=0)
    """US dollars that no single request may exceed."""
    stale_price_days: int = Field(default=120, ge=1)
    """Prices that nobody has looked up for longer are told of as stale."""
    unknown_cost_days: float = Field(default=7.0, gt=0)
    """A request that failed, was answered nothing and may have been charged counts in budgets at
    the most it can cost; after so many days as not charged, until an invoice says otherwise."""

    @field_validator("normalize")
    @classmethod
    def _suits_each_medium(cls, said: dict[Medium, Normalizing]) -> dict[Medium, Normalizing]:
        for medium, one in said.items():
            if (mistake := one.mistake(medium)) is not None:
                raise ValueError(f"{medium}: {mistake}")
        return said

    _sheets: tuple[Model, ...] = PrivateAttr(default=())
    _origins: dict[tuple[str, ...], Origin] = PrivateAttr(default_factory=dict)

    def sheets(self, provider: str) -> tuple[Model, ...]:
        """The models of a provider that files of yours describe or change."""
        return tuple(one for one in self._sheets if one.provider == provider)

    def with_sheets(self, sheets: tuple[Model, ...]) -> Settings:
        """The same settings, with what the files of `catalog` say."""
        self._sheets = sheets
        return self

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
