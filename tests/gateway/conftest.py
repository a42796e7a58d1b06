"""Gateways for tests: one that is open to this machine, one with keys."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.gateway.serving import ADMIN, Running, serving, settings


@pytest.fixture(scope="module")
def open_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """No key is needed."""
    with serving(tmp_path_factory.mktemp("open"), settings(max_body_bytes=100_000)) as running:
        yield running


@pytest.fixture(scope="module")
def keyed_gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """An admin key is set, so everybody needs one."""
    with serving(tmp_path_factory.mktemp("keyed"), settings(admin=True)) as running:
        yield running


@pytest.fixture
def anyone(open_gateway: Running) -> Iterator[httpx.Client]:
    """Somebody on this machine."""
    with open_gateway.caller() as caller:
        yield caller


@pytest.fixture
def admin(keyed_gateway: Running) -> Iterator[httpx.Client]:
    """The operator."""
    with keyed_gateway.caller(ADMIN) as caller:
        yield caller
