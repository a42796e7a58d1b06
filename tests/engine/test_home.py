"""A provider's key goes to its own hosts, and nowhere else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.engine.connection import Connection
from anymedia.engine.transport import NetworkTransport
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import Provider
from anymedia.wire.auth import BearerToken

ACME = Provider(
    name="acme",
    title="Acme",
    base_url="https://api.acme.example/v2",
    auth=BearerToken("ACME_KEY"),
    operations=(),
    explain=ErrorTable(),
)


@pytest.mark.parametrize(
    ("url", "home"),
    [
        ("https://api.acme.example/v2/clips/1", True),
        ("https://api.acme.example:443/other", True),
        ("http://api.acme.example/v2", False),
        ("https://api.acme.example:8443/v2", False),
        ("https://eu.acme.example/v2", True),
        ("http://eu.acme.example/v2", False),
        ("https://eu.acme.example:8443/v2", False),
        ("https://evil-acme.example/v2", False),
        ("https://acme.example.evil.test/v2", False),
        ("https://user@evil.test/acme.example", False),
        ("https://files.acme-cdn.example/clip", True),
        ("https://x.files.acme-cdn.example/clip", False),
    ],
)
def test_only_its_own_hosts_are_home(url: str, home: bool) -> None:
    """By whole names and over https."""
    provider = replace(ACME, hosts=(".acme.example", "files.acme-cdn.example"))
    connection = Connection(
        provider,
        ProviderSettings(name="acme"),
        Settings(),
        transport=NetworkTransport(),
        clock=SystemClock(),
    )
    assert connection.is_home(url) is home


def test_whoever_stands_in_for_a_provider_is_not_bypassed() -> None:
    """With another `base_url`, only that is home: a double must never lead to the real one."""
    connection = Connection(
        replace(ACME, hosts=(".acme.example",)),
        ProviderSettings(name="acme", base_url="http://127.0.0.1:9"),
        Settings(),
        transport=NetworkTransport(),
        clock=SystemClock(),
    )
    assert connection.is_home("http://127.0.0.1:9/v2")
    assert not connection.is_home("https://eu.acme.example/v2")


@pytest.mark.parametrize(
    ("configured", "base_url"),
    [
        ({}, "https://api.acme.example/v2"),
        ({"secrets": {"location": "eu"}}, "https://eu.acme.example"),
        (
            {"secrets": {"location": "eu"}, "base_url": "http://127.0.0.1:9"},
            "http://127.0.0.1:9",
        ),
    ],
)
def test_a_region_may_have_its_own_address(configured: dict[str, object], base_url: str) -> None:
    """Unless the configuration names one."""

    def located(secrets: Mapping[str, str]) -> str | None:
        return f"https://{secrets['location']}.acme.example" if "location" in secrets else None

    connection = Connection(
        replace(ACME, located=located),
        ProviderSettings.model_validate({"name": "acme", **configured}),
        Settings(),
        transport=NetworkTransport(),
        clock=SystemClock(),
    )
    assert connection.base_url == base_url
    assert connection.is_home(f"{base_url}/v2/clips")
