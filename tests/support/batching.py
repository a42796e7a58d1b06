"""A gateway with keys for tests of batches: a provider with a batch API behind it, and one without."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

from tests.batches.support import BASES, QUICK
from tests.gateway.serving import ADMIN, Running, serving

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.providers import registry
from anymedia.testing.double import serving as serving_double
from anymedia.testing.doubles import double

T = TypeVar("T")
WITH_BATCHES = ("openai", "anthropic")
MOST_BYTES = 2_000_000


@dataclass
class Site:
    """A gateway, and the doubles that it asks."""

    running: Running
    doubles: dict[str, Any]
    data: Path
    """Where it keeps everything."""

    @property
    def url(self) -> str:
        """The gateway's."""
        return self.running.url

    def key(self, **rights: Any) -> str:
        """A new key."""
        return self.running.key(**rights)[1]

    def charged(self, name: str) -> Decimal:
        """What a double has charged so far."""
        return sum((usd for _, usd in self.doubles[name].record.invoice), Decimal(0))


@contextmanager
def site(data: Path) -> Iterator[Site]:
    """Serve while the block runs; providers' batches are looked after without delay."""
    with ExitStack() as stack:
        doubles: dict[str, Any] = {name: double(name) for name in WITH_BATCHES}
        configured: list[ProviderSettings] = []
        for name, one in doubles.items():
            url = stack.enter_context(serving_double(one)) + BASES.get(name, "")
            told = {"name": name, "base_url": url, "api_key": one.key}
            configured.append(ProviderSettings.model_validate(told))
        said = Settings(
            providers=(ProviderSettings(name="echo"), *configured),
            gateway=GatewaySettings.model_validate(
                {"admin_key": ADMIN, "max_body_bytes": MOST_BYTES}
            ),
        )
        running = stack.enter_context(serving(data, said))
        for settings in configured:
            provider = registry.provider(settings.name)
            assert provider.batch is not None
            quick = replace(provider.batch, pace=QUICK, timeout_seconds=5.0)
            running.gateway.client.providers.register(replace(provider, batch=quick))
            running.gateway.client.providers.register(settings)
        yield Site(running, doubles, data)


def ended(look: Callable[[], T], is_over: Callable[[T], bool], looks: int = 3000) -> T:
    """What is looked at, once it is over; every look is a question to the gateway."""
    for _ in range(looks):
        if is_over(found := look()):
            return found
    raise AssertionError("it does not end")
