"""One gateway with doubles of several providers behind it, and clients that ask it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.providers import registry
from anymedia.testing.double import Double, serving as served
from anymedia.testing.doubles import double_of
from anymedia.testing.suite import address
from tests.clients.asking import Clients, clients
from tests.clients.matrix import PROVIDERS
from tests.gateway.serving import Running, serving


@pytest.fixture(scope="session")
def doubles() -> Iterator[dict[str, Double]]:
    """Those of the providers, by name; `echo` needs none."""
    with ExitStack() as stack:
        made = {name: double_of(name) for name in PROVIDERS if name != "echo"}
        for double in made.values():
            stack.enter_context(served(double))
        yield made


@pytest.fixture(scope="session")
def gateway(
    doubles: dict[str, Double], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Open to this machine, with the doubles behind it."""
    known = [ProviderSettings(name="echo")]
    for name, double in doubles.items():
        facts = {
            "name": name,
            "api_key": getattr(double, "key", None),
            "base_url": address(registry.provider(name), double),
        }
        known.append(ProviderSettings.model_validate(facts))
    with serving(tmp_path_factory.mktemp("clients"), Settings(providers=tuple(known))) as running:
        yield running


@pytest.fixture(scope="session")
def asking(gateway: Running) -> Iterator[Clients]:
    """Every client, started when it is first asked."""
    with clients(gateway.url) as started:
        yield started
