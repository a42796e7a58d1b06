"""Providers: pure languages. What to send, and what an answer means.

A provider is a value (`spec.Provider`): where it is, how it wants to be authorised, and its
operations, written as exchanges. Nothing here has a client, a clock, an environment or a logger.

For setting up a client in code, every provider has a function of its name here:
`anymedia.providers.openai(api_key="...", priority=1)`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anymedia.contracts.configuration import ProviderSettings


def __getattr__(name: str) -> Callable[..., ProviderSettings]:
    """A function that configures the provider of that name."""
    if name.startswith("_") or any(one.name == name for one in iter_modules(__path__)):
        raise AttributeError(name)  # the import system asks before it loads a module of ours
    known = import_module("anymedia.providers.registry").names()
    if name not in known:
        raise AttributeError(f"there is no provider `{name}`; known: {', '.join(known)}")
    return partial(configured, name)


def configured(provider: str, **settings: Any) -> ProviderSettings:
    """Settings of a provider; under another `name` they are a second account of it."""
    from anymedia.contracts.configuration import ProviderSettings

    name = settings.pop("name", provider)
    dialect = {} if name == provider else {"dialect": provider}
    return ProviderSettings(name=name, **dialect, **settings)
