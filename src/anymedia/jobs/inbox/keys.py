"""The keys that providers' calls are checked with: configured, or asked for and kept for a while."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from anymedia.clock import Clock
from anymedia.contracts.errors import GenerationError
from anymedia.engine.connection import Connection
from anymedia.providers.spec import Webhook
from anymedia.wire.exchange import Exchange
from anymedia.wire.signature import key_set

KEPT_SECONDS = 12 * 3600.0
"""Vendors allow a day."""
AGAIN_SECONDS = 60.0
"""Forged calls make us ask for new keys no more often than this."""
ASKING_SECONDS = 10.0


@dataclass(slots=True)
class Held:
    """One provider's keys."""

    keys: tuple[str, ...] = ()
    asked_at: float | None = None
    """When they were last asked for, whatever came of it."""
    got_at: float | None = None
    asking: asyncio.Lock = field(default_factory=asyncio.Lock)


class CallKeys:
    """Keys by provider."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._held: dict[str, Held] = {}

    async def of(self, connection: Connection, *, anew: bool = False) -> tuple[str, ...] | None:
        """What a provider's calls are signed with; `None` where that cannot be found out.

        `anew` asks again, unless that was just done: keys change without notice.
        """
        said = connection.configured.webhook_secret
        if said is not None:
            return None if anew else (said.get_secret_value(),)
        webhook = connection.provider.webhook
        if webhook.key_set is None and webhook.secret is None:
            return None
        held = self._held.setdefault(connection.name, Held())
        async with held.asking:
            now = self._clock.monotonic()
            old = held.got_at is None or now - held.got_at > KEPT_SECONDS
            rested = held.asked_at is None or now - held.asked_at > AGAIN_SECONDS
            if (old or anew) and rested:
                held.asked_at = now
                try:
                    held.keys = await asked(connection, webhook)
                    held.got_at = self._clock.monotonic()
                except GenerationError:
                    pass  # old keys are better than none
            elif anew:
                return None
        return held.keys or None


async def asked(connection: Connection, webhook: Webhook) -> tuple[str, ...]:
    """The keys as the provider tells them now."""
    exchange: Exchange[tuple[str, ...]]
    if webhook.secret is not None:
        return (await connection.converse(webhook.secret(), timeout_seconds=ASKING_SECONDS),)
    assert webhook.key_set is not None
    exchange = key_set(place_of(webhook.key_set, connection))
    return await connection.converse(exchange, timeout_seconds=ASKING_SECONDS)


def place_of(url: str, connection: Connection) -> str:
    """Where a key set lies; whoever stands in for the provider has it at the same path."""
    if connection.configured.base_url in {None, connection.provider.base_url}:
        return url
    return urlsplit(url).path
