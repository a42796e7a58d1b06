"""What has to be done now and then, beside requests: circuits shared, health looked at, alerts sent.

One background task, begun by a face with its first request, and only if the configuration asks for
something that needs it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from anymedia.clock import Clock
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.resilience import Alert, AlertSettings, ProviderHealth
from anymedia.engine.guards import Guards
from anymedia.engine.providers import KEYLESS, ProviderCheck, Providers
from anymedia.engine.transport import Outgoing, Transport
from anymedia.resilience.alerting import message
from anymedia.resilience.counting import verdict
from anymedia.resilience.probing import Watched, due
from anymedia.resilience.shared import SYNC_SECONDS

CHORE_SECONDS = 3.0
ALERT_TRIES = 5
ALERT_SECONDS = 10.0
MOST_ALERTS_WAITING = 100


class Upkeep:
    """The background work of an engine."""

    def __init__(
        self, providers: Providers, guards: Guards, *, network: Transport, clock: Clock
    ) -> None:
        self._providers = providers
        self._guards = guards
        self._network = network
        self._clock = clock
        self._task: asyncio.Task[None] | None = None
        self._alerts: list[tuple[Alert, str]] = []
        self._probed: dict[str, float] = {}
        self._chores: list[Callable[[], Awaitable[None]]] = []
        self._chores_due = float("-inf")
        guards.health_told = self.told

    def also(self, chore: Callable[[], Awaitable[None]]) -> None:
        """Something else to be done every few seconds. Its failures are told and forgotten."""
        self._chores.append(chore)

    def begin(self) -> None:
        """Work in the background, if there is anything to do."""
        if self._task is not None and not self._task.done():
            return
        needed = self._guards.sharing is not None or bool(self._chores)
        if needed or needs_looking(self._providers.settings):
            self._task = asyncio.get_running_loop().create_task(self._work())

    async def close(self) -> None:
        """Stop."""
        task, self._task = self._task, None
        if task is not None and task.get_loop() is asyncio.get_running_loop():
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _work(self) -> None:
        while True:
            await self.once()
            await self._clock.sleep(SYNC_SECONDS)

    async def once(self) -> None:
        """Everything that is due at this moment."""
        if self._guards.sharing is not None:
            await self._guards.sharing.sync()
        if self._guards.gossip is not None:
            await self._guards.gossip.sync()
        self._guards.health.look()
        await self._probe()
        await self._deliver()
        await self._do_chores()

    async def _do_chores(self) -> None:
        now = self._clock.monotonic()
        if now < self._chores_due:
            return
        self._chores_due = now + CHORE_SECONDS
        for chore in self._chores:
            try:
                await chore()
            except GenerationError as error:
                self._guards.report(f"what has to be done now and then failed: {error.message}")

    # --- health ---------------------------------------------------------------------------

    def report(self, names: Sequence[str] | None = None) -> tuple[ProviderHealth, ...]:
        """How providers do, as far as this process knows."""
        names = names if names is not None else self._providers.ready_names()
        return tuple(
            self._guards.health.report(name, *self._guards.breakers.of_provider(name))
            for name in names
        )

    async def _probe(self) -> None:
        """Ask idle providers, and those whose pause is nearly over, something that is free."""
        health, now = self._guards.health, self._clock.monotonic()
        watched = [
            Watched(
                name,
                idle_seconds=health.idle_seconds(name),
                probed_seconds=now - self._probed[name] if name in self._probed else None,
                circuit_state=state,
                retry_after=wait,
            )
            for name in self._providers.ready_names()
            for state, wait in [self._guards.breakers.of_provider(name)]
        ]
        names = due(watched, self._providers.settings.health)
        for name in names:
            self._probed[name] = now
        await asyncio.gather(*(self.probe(name) for name in names))

    async def probe(self, name: str) -> ProviderCheck:
        """Ask one provider whether it is there. Nothing is learnt of one that has no such call."""
        check, error = await self._providers.probed(name)
        if self._providers.get(name).provider.check is not None:
            self._guards.observed(name, verdict(error))
        (health,) = self.report((name,))
        return check.model_copy(update={"health": health})

    async def checked(self, name: str | None = None) -> tuple[ProviderCheck, ...]:
        """Ask one provider, or all that are configured, something that costs nothing."""
        names = (name,) if name is not None else self._providers.configured_names() or (KEYLESS,)
        if self._guards.sharing is not None:
            await self._guards.sharing.sync()
        if self._guards.gossip is not None:
            await self._guards.gossip.sync()
        return tuple(await asyncio.gather(*map(self.probe, names)))

    # --- alerts ---------------------------------------------------------------------------

    def told(self, alert: Alert, settings: AlertSettings) -> None:
        """A provider's health has crossed a mark."""
        word = "is back above" if alert.kind == "health-restored" else "has fallen below"
        self._guards.report(
            f"the health of `{alert.provider}` {word} {alert.below:g}: {alert.score:.2f}"
        )
        if settings.webhook_url is not None and len(self._alerts) < MOST_ALERTS_WAITING:
            self._alerts.append((alert, settings.webhook_url))

    async def _deliver(self) -> None:
        waiting, self._alerts = self._alerts, []
        for alert, url in waiting:
            for attempt in range(ALERT_TRIES):
                if await self._delivered(alert, url):
                    break
                await self._clock.sleep(0.5 * 2**attempt)
            else:
                self._guards.report(f"an alert about `{alert.provider}` could not be delivered")

    async def _delivered(self, alert: Alert, url: str) -> bool:
        body = msgspec.json.encode(message(alert))
        outgoing = Outgoing(
            method="POST",
            url=url,
            headers={"Content-Type": "application/json"},
            body=body,
            total_seconds=ALERT_SECONDS,
        )
        try:
            response = await self._network.send(outgoing, limit_bytes=65_536)
        except GenerationError:
            return False
        return response.status < 300


def needs_looking(settings: Settings) -> bool:
    """Whether anything is to be watched."""
    return settings.health.probe_seconds is not None or bool(settings.health.alerts)
