"""The providers of this installation: as configured, connected when first used."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal

from anymedia.clock import Clock
from anymedia.contracts.base import Contract
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.masking import without_credentials
from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.contracts.problem import Problem
from anymedia.contracts.resilience import ProviderHealth
from anymedia.engine.connection import Connection, Heard
from anymedia.engine.in_process import Switchboard
from anymedia.engine.legs import Leg, legs_of
from anymedia.engine.transport import Transport
from anymedia.engine.variants import Variant, variants_of
from anymedia.providers import registry
from anymedia.providers.catalog import catalogued
from anymedia.providers.catalog.own import overlaid, stale
from anymedia.providers.spec import Provider

LOG = logging.getLogger("anymedia")
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
    paused: tuple[Medium, ...] = ()
    """Of which media it gets no new jobs for now."""


class ProviderCheck(Contract):
    """Whether a provider answers and accepts the credentials."""

    name: str
    ok: bool
    milliseconds: float | None = None
    models: int | None = None
    balance: Decimal | None = None
    unit: str | None = None
    problem: Problem | None = None
    health: ProviderHealth | None = None
    """How it does by what this installation knows of it, this answer included."""


class Providers:
    """Configured providers by name, in order of priority."""

    def __init__(
        self,
        settings: Settings,
        *,
        network: Transport,
        clock: Clock,
        heard: Heard | None = None,
    ) -> None:
        self.settings = settings
        self._clock = clock
        self._heard = heard
        self.transport = Switchboard(network, clock)
        self._configured = {one.name: one for one in settings.providers}
        self._added: dict[str, Provider] = {}
        self._connections: dict[str, tuple[tuple[Connection, ...], ...]] = {}
        self.generation = 0
        """Grows with every change, for whoever remembers what was found here."""
        self._models: dict[str, dict[str, list[Model]]] = {}
        self._models_for: dict[tuple[str, Medium], tuple[str, ...]] = {}
        self._names: tuple[str, ...] | None = None
        self._legs: dict[Medium, tuple[Leg, ...]] = {}
        self._serving: dict[Medium, tuple[Connection, ...]] = {}

    def get(self, name: str, variant: str | None = None) -> Connection:
        """A provider by name, configured or not; `InvalidConfiguration` if there is none.

        `variant` names one of its credentials and regions, the first unless said or gone.
        """
        every = [one for region in self.variants(name) for one in region]
        return next((one for one in every if one.variant == variant), every[0])

    def variants(self, name: str) -> tuple[tuple[Connection, ...], ...]:
        """A provider's connections, region by region, in each one for every credential."""
        connections = self._connections.get(name)
        if connections is None:
            configured = self._configured.get(name) or ProviderSettings(name=name)
            provider = self._provider(configured)
            if provider.in_process:
                self.transport.connect(provider.base_url.partition(":")[0], provider.in_process)
            connections = self._connections[name] = tuple(
                tuple(self._connected(provider, one) for one in region)
                for region in variants_of(configured)
            )
        return connections

    def _connected(self, provider: Provider, variant: Variant) -> Connection:
        return Connection(
            provider,
            variant.configured,
            self.settings,
            transport=self.transport,
            clock=self._clock,
            variant=variant,
            heard=self._heard,
        )

    def legs(self, medium: Medium) -> tuple[Leg, ...]:
        """Where requests for a medium go when they do not name who should be asked."""
        legs = self._legs.get(medium)
        if legs is None:
            everyone = self.configured_names() or (KEYLESS,)
            legs = self._legs[medium] = legs_of(self.settings, medium, everyone, self.enabled)
        return legs

    def serving(self, medium: Medium) -> tuple[Connection, ...]:
        """Connections that may be asked for a medium without being named, in order."""
        found = self._serving.get(medium)
        if found is None:
            names = dict.fromkeys(name for leg in self.legs(medium) for name in leg.providers)
            found = self._serving[medium] = tuple(
                one
                for one in map(self.get, names)
                if one.provider.operation(medium) is not None and one.missing() is None
            )
        return found

    def configured_names(self) -> tuple[str, ...]:
        """Names of what is configured and switched on, by priority."""
        if self._names is None:
            enabled = [one for one in self._configured.values() if one.enabled]
            self._names = tuple(one.name for one in sorted(enabled, key=lambda one: one.priority))
        return self._names

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
        self._changed()
        self._connections.pop(name, None)
        self._models.pop(name, None)
        for key in [key for key in self._models_for if key[0] == name]:
            del self._models_for[key]

    def _changed(self) -> None:
        self.generation += 1
        self._names = None
        self._legs.clear()
        self._serving.clear()

    def configure(self, settings: Settings) -> None:
        """Other settings, from the next request on. What was registered meanwhile stays."""
        registered = {
            name: one
            for name, one in self._configured.items()
            if one not in self.settings.providers
        }
        self.settings = settings
        self._configured = {one.name: one for one in settings.providers} | registered
        self._changed()
        for name in {*self._connections, *self._models}:
            self._forget(name)

    def models(self, name: str) -> tuple[Model, ...]:
        """The models of a provider that the catalogue knows."""
        return tuple(model for same in self._sheets(name).values() for model in same)

    def models_for(self, name: str, medium: Medium) -> tuple[str, ...]:
        """Ids of a provider's models for a medium, the preferred first."""
        found = self._models_for.get((name, medium))
        if found is None:
            listed = [one for one in self.models(name) if one.medium == medium]
            ordered = sorted(listed, key=lambda one: one.priority)
            found = self._models_for[name, medium] = tuple(one.id for one in ordered)
        return found

    def model(self, name: str, model_id: str, medium: Medium | None = None) -> Model | None:
        """One model's capability sheet; of several under one name the one for the medium."""
        same = self._sheets(name).get(model_id, ())
        return next((one for one in same if one.medium == medium), same[0] if same else None)

    def _sheets(self, name: str) -> dict[str, list[Model]]:
        sheets = self._models.get(name)
        if sheets is None:
            provider = self.get(name).provider
            sheets = self._models[name] = {}
            ours = provider.models or catalogued(provider.catalog or provider.name)
            for model in overlaid(ours, self.settings.sheets(name)):
                self._tell_if_stale(model)
                own = model.provider == name
                sheets.setdefault(model.id, []).append(
                    model if own else model.model_copy(update={"provider": name})
                )
        return sheets

    def _tell_if_stale(self, model: Model) -> None:
        days = self.settings.stale_price_days
        if model.catalog and (old := stale(model, self._clock.now().date(), days)):
            LOG.warning(
                "%s: the prices of `%s/%s` are of %s; check them and set a new `as_of`",
                model.catalog,
                model.provider,
                model.id,
                old,
            )

    def all_models(self, medium: Medium | None = None) -> tuple[Model, ...]:
        """Every model of every provider that the catalogue lists, those of `medium` only."""
        names = dict.fromkeys((*self.configured_names(), *registry.names()))
        return tuple(
            model
            for name in names
            for model in self.models(name)
            if medium is None or model.medium == medium
        )

    def ready_names(self) -> tuple[str, ...]:
        """Names of what is configured, switched on and has its key."""
        names = self.configured_names() or (KEYLESS,)
        return tuple(name for name in names if self.get(name).missing() is None)

    async def probed(self, name: str) -> tuple[ProviderCheck, GenerationError | None]:
        """Ask a provider something that costs nothing: what came of it, and the failure if any."""
        connection = self.get(name)
        if (missing := connection.missing()) is not None:
            return ProviderCheck(name=connection.name, ok=False, problem=missing.problem()), missing
        check = connection.provider.check
        if check is None:
            return ProviderCheck(name=connection.name, ok=True), None
        began = self._clock.monotonic()
        try:
            account = await connection.converse(check(), timeout_seconds=CHECK_SECONDS)
        except GenerationError as error:
            return ProviderCheck(name=connection.name, ok=False, problem=error.problem()), error
        return ProviderCheck(
            name=connection.name,
            ok=True,
            milliseconds=round(1000 * (self._clock.monotonic() - began), 1),
            models=len(account.models) or None,
            balance=account.balance,
            unit=account.unit if account.balance is not None else None,
        ), None

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
            base_url=without_credentials(connection.base_url),
            why_not=why_not or (None if usable else "not configured"),
        )

    def _provider(self, configured: ProviderSettings) -> Provider:
        if configured.name in self._added:
            return self._added[configured.name]
        dialect = configured.dialect or configured.name
        spoken = registry.speaking(dialect, configured.name)
        if spoken.base_url and configured.base_url is None and not configured.regions:
            # Another account of the same service has the same models.
            return replace(spoken, catalog=registry.provider(dialect).catalog or dialect)
        return spoken

    async def close(self) -> None:
        """Close all connections."""
        await self.transport.close()
