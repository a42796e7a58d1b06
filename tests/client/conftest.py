"""A double on loopback, and clients that know nothing of the machine they run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from anymedia import Client
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.testing.double import serving
from anymedia.testing.doubles.openai import OpenAIDouble

Opener = Callable[..., Client]


@pytest.fixture
def double() -> Iterator[OpenAIDouble]:
    """OpenAI on loopback."""
    double = OpenAIDouble()
    with serving(double):
        yield double


@pytest.fixture
def settings(double: OpenAIDouble, tmp_path: Path) -> Settings:
    """One provider: the double."""
    return Settings(
        providers=(
            ProviderSettings.model_validate(
                {"name": "openai", "api_key": double.key, "base_url": f"{double.base_url}/v1"}
            ),
        ),
        data_dir=str(tmp_path / "data"),
    )


@pytest.fixture
def client(settings: Settings) -> Iterator[Client]:
    """The blocking client."""
    with Client(settings) as client:
        yield client


def echoing(tmp_path: Path, **options: Any) -> Client:
    """A client that only `echo` answers."""
    return Client(
        Settings(providers=(ProviderSettings(name="echo"),)), data_dir=tmp_path, **options
    )
