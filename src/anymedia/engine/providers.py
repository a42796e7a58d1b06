"""The providers of this installation: as configured, connected when first used."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from anymedia.clock import Clock
from anymedia.contracts.base import Contract
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.contracts.problem import Problem
from anymedia.engine.connection import Connection
from anymedia.engine.in_process import Switchboard
from anymedia.engine.transport import Transport
from anymedia.providers import registry
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Provider

CHECK_SECONDS = 20.0
KEYLESS = "echo"
"""Answers when nothing is configured, so that everything can be tried without a key."""


class ProviderStatus(Contract):
    """One provider as it stands here."""

    name: str
    title: str
    media: tuple[Medium, ...]
    configured: bool
    base_url: str
    why_not: str | None = None


class ProviderCheck(Contract):
    """Whether a provider answers and accepts the credentials."""

    name: str
    ok: bool
    milliseconds: float | None = None
    models: int | None = None
    balance: Decimal | None = None
    unit: str | None = None
    problem: Problem | None = None


class Providers:
    """Configured providers by name, in order of priority."""

    def __init__(self, settings: Settings, *, network: Transport, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self.transport = Switchboard(network, clock)
        self._configured = {one.name: one for one in settings.providers}
        self._added: dict[str, Provider] = {}
        self._connections: dict[str, Connection] = {}
        self._models: dict[str, dict[str, list[Model]]] = {}

    def get(self, name: str) -> Connection:
        """A provider by name, configured or not; `InvalidConfiguration` if there is none."""
        connection = self._connections.get(name)
        if connection is None:
            configured = self._configured.get(name) or ProviderSettings(name=name)
            provider = self._provider(configured)
            if provider.in_process:
                self.transport.connect(provider.base_url.partition(":")[0], provider.in_process)
            connection = self._connections[name] = Connection(
                provider,
                configured,
                self._settings,
                transport=self.transport,
                clock=self._clock,
            )
        return connection

    def serving(self, medium: Medium) -> list[Connection]:
        """Connections that may be asked for a medium without being named, in order."""
        names = self.configured_names() or (KEYLESS,)
        for route in self._settings.routes:
            if route.media == medium:
                names = tuple(name for name in route.providers if self.enabled(name))
        connections = [self.get(name) for name in names]
        return [
            one
            for one in connections
            if one.provider.operation(medium) is not None and one.missing() is None
        ]

    def configured_names(self) -> tuple[str, ...]:
        """Names of what is configured and switched on, by priority."""
        enabled = [one for one in self._configured.values() if one.enabled]
        return tuple(one.name for one in sorted(enabled, key=lambda one: one.priority))

    def enabled(self, name: str) -> bool:
        """Whether a provider is configured and switched on."""
        configured = self._configured.get(name)
        return name == KEYLESS or (configured is not None and configured.enabled)

    def knows(self, name: str) -> bool:
        """Whether there is such a provider at all."""
        return name in self._configured or name in self._added or name in registry.names()

    def names(self) -> tuple[str, ...]:
        """Every provider there is, configured ones first."""
        return tuple(dict.fromkeys((*self._configured, *self._added, *registry.names())))

    def switched_off(self, name: str) -> bool:
        """Whether the configuration says that a provider is not to be used."""
        configured = self._configured.get(name)
        return configured is not None and not configured.enabled

    def register(
        self, provider: ProviderSettings | Provider, *, priority: int | None = None
    ) -> None:
        """Add or replace a provider at run time."""
        if isinstance(provider, Provider):
            self._added[provider.name] = provider
            provider = ProviderSettings(name=provider.name)
        if priority is not None:
            provider = provider.model_copy(update={"priority": priority})
        self._configured[provider.name] = provider
        self._forget(provider.name)

    def remove(self, name: str) -> None:
        """Forget a provider. Its jobs under way need it still: they fail if it is gone."""
        self._configured.pop(name, None)
        self._added.pop(name, None)
        self._forget(name)

    def _forget(self, name: str) -> None:
        self._connections.pop(name, None)
        self._models.pop(name, None)

    def models(self, name: str) -> tuple[Model, ...]:
        """The models of a provider that the catalogue knows."""
        return tuple(model for same in self._sheets(name).values() for model in same)

    def model(self, name: str, model_id: str, medium: Medium | None = None) -> Model | None:
        """One model's capability sheet; of several under one name the one for the medium."""
        same = self._sheets(name).get(model_id, ())
        return next((one for one in same if one.medium == medium), same[0] if same else None)

    def _sheets(self, name: str) -> dict[str, list[Model]]:
        sheets = self._models.get(name)
        if sheets is None:
            provider = self.get(name).provider
            sheets = self._models[name] = {}
            for model in provider.models or catalogued(provider.catalog or provider.name):
                own = model.provider == name
                sheets.setdefault(model.id, []).append(
                    model if own else model.model_copy(update={"provider": name})
                )
        return sheets

    def all_models(self, medium: Medium | None = None) -> tuple[Model, ...]:
        """Every model of every provider that the catalogue lists, those of `medium` only."""
        names = dict.fromkeys((*self.configured_names(), *registry.names()))
        return tuple(
            model
            for name in names
            for model in self.models(name)
            if medium is None or model.medium == medium
        )

    async def checked(self, name: str | None = None) -> tuple[ProviderCheck, ...]:
        """Ask one provider, or all that are configured, something that costs nothing."""
        names = (name,) if name is not None else self.configured_names() or (KEYLESS,)
        return tuple([await self._checked(self.get(one)) for one in names])

    async def _checked(self, connection: Connection) -> ProviderCheck:
        if (missing := connection.missing()) is not None:
            return ProviderCheck(name=connection.name, ok=False, problem=missing.problem())
        check = connection.provider.check
        if check is None:
            return ProviderCheck(name=connection.name, ok=True)
        began = self._clock.monotonic()
        try:
            account = await connection.converse(check(), timeout_seconds=CHECK_SECONDS)
        except GenerationError as error:
            return ProviderCheck(name=connection.name, ok=False, problem=error.problem())
        return ProviderCheck(
            name=connection.name,
            ok=True,
            milliseconds=round(1000 * (self._clock.monotonic() - began), 1),
            models=len(account.models) or None,
            balance=account.balance,
            unit=account.unit if account.balance is not None else None,
        )

    def statuses(self) -> tuple[ProviderStatus, ...]:
        """Every provider there is, and whether it can be used here."""
        names: Iterable[str] = dict.fromkeys(
            (*self.configured_names(), *self._configured, *registry.names())
        )
        return tuple(self._status(self.get(name)) for name in names)

    def _status(self, connection: Connection) -> ProviderStatus:
        missing = connection.missing()
        configured = self._configured.get(connection.name)
        why_not = missing.message if missing else None
        if configured is not None and not configured.enabled:
            why_not = "switched off in the configuration"
        usable = configured is not None or connection.name == KEYLESS
        return ProviderStatus(
            name=connection.name,
            title=connection.provider.title,
            media=connection.provider.media,
            configured=usable and why_not is None,
            base_url=connection.base_url,
            why_not=why_not or (None if usable else "not configured"),
        )

    def _provider(self, configured: ProviderSettings) -> Provider:
        if configured.name in self._added:
            return self._added[configured.name]
        return registry.speaking(configured.dialect or configured.name, configured.name)

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()
