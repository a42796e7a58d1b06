"""Anthropic's own client, pointed at our gateway, with doubles of two providers behind it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from anthropic import Anthropic
from tests.support.face import facing, settings_of

from anymedia.testing.double import serving
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble


@pytest.fixture(scope="module")
def openai_double() -> Iterator[OpenAIDouble]:
    """OpenAI on loopback."""
    double = OpenAIDouble()
    with serving(double):
        yield double


@pytest.fixture(scope="module")
def anthropic_double() -> Iterator[AnthropicDouble]:
    """Anthropic on loopback."""
    double = AnthropicDouble()
    with serving(double):
        yield double


@pytest.fixture(scope="module")
def address(
    openai_double: OpenAIDouble,
    anthropic_double: AnthropicDouble,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """The gateway's."""
    directory: Path = tmp_path_factory.mktemp("gateway")
    settings = settings_of(directory, openai=openai_double, anthropic=anthropic_double)
    with facing(settings, directory) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Anthropic]:
    """The official client."""
    with Anthropic(api_key="any", base_url=address, max_retries=0) as client:
        yield client


@pytest.fixture
def raw(address: str) -> Iterator[httpx.Client]:
    """A client that sends what it is told."""
    with httpx.Client(base_url=address, timeout=30) as client:
        yield client
