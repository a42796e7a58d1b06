"""The settings for people: every value, who said it, and no secret."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import SecretStr

from anymedia.contracts.base import Contract
from anymedia.contracts.configuration import Settings
from anymedia.contracts.masking import masked, without_credentials


def describe(settings: Settings) -> dict[str, Any]:
    """Settings as they stand in a file, with `value`, `origin` and `from` for each."""
    described: dict[str, Any] = {}
    for name in Settings.model_fields:
        if name == "providers":
            described[name] = {
                one.name: facts_of(one, settings, (name, one.name), skip="name")
                for one in settings.providers
            }
        else:
            described[name] = facts(getattr(settings, name), settings, (name,))
    return described


def facts(value: Any, settings: Settings, path: tuple[str, ...]) -> Any:
    """What stands at a path: a group of settings, or one."""
    if isinstance(value, Contract):
        return facts_of(value, settings, path)
    if isinstance(value, dict) and value:
        return {name: facts(inner, settings, (*path, name)) for name, inner in value.items()}
    origin = settings.origin(*path)
    told = {"value": shown(value), "origin": origin.layer}
    return {**told, "from": origin.where} if origin.where else told


def facts_of(
    group: Contract, settings: Settings, path: tuple[str, ...], skip: str = ""
) -> dict[str, Any]:
    """A group of settings."""
    return {name: facts(value, settings, (*path, name)) for name, value in group if name != skip}


def shown(value: Any) -> Any:
    """A value as JSON, secrets masked."""
    match value:
        case SecretStr():
            return masked(value)
        case str():
            return without_credentials(value)
        case Decimal():
            return str(value)
        case Contract():
            return {name: shown(inner) for name, inner in value}
        case dict():
            return {str(name): shown(inner) for name, inner in value.items()}
        case list() | tuple():
            return [shown(inner) for inner in value]
        case _:
            return value
