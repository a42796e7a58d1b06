"""The models that can be asked here, and the aliases that stand for one."""

from __future__ import annotations

from collections.abc import Iterator

from anymedia.client.aio import AsyncClient
from anymedia.contracts.model import Model
from anymedia.gateway.spec import Refused

USUAL = "echo"
"""Who answers where nothing is configured."""


def usable(client: AsyncClient) -> Iterator[tuple[str, Model]]:
    """Models of configured providers by their full names, each once."""
    configured = {one.name for one in client.providers.list() if one.configured}
    if others := configured - {USUAL}:
        configured = others if not asked_for(client) else configured
    seen: set[str] = set()
    for model in client.models():
        name = f"{model.provider}/{model.id}"
        if model.provider in configured and name not in seen:
            seen.add(name)
            yield name, model


def asked_for(client: AsyncClient) -> bool:
    """Whether the keyless provider is there on purpose, and not only in want of another."""
    return any(one.name == USUAL for one in client.settings.providers)


def meant(client: AsyncClient, name: str) -> tuple[str, Model | None]:
    """A model by its full name, by its own, or by an alias of the configuration."""
    if name in client.settings.aliases:
        return name, None
    for full, model in usable(client):
        if name in {full, model.id}:
            return full, model
    raise Refused(
        f"there is no model `{name[:100]}` here; `GET /v1/models` lists them",
        status=404,
        param="model",
        word="model_not_found",
    )
