"""What a request says about who should do it: an alias, a provider, a model, or nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from anymedia.contracts.configuration import Alias
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.media import Medium
from anymedia.contracts.request import MediaRequest, Request
from anymedia.engine.connection import Connection
from anymedia.engine.legs import NAMED, Leg
from anymedia.engine.nobody import unknown
from anymedia.engine.providers import Providers


@dataclass(frozen=True, slots=True)
class Wish:
    """What the request says about who should do it."""

    provider: str | None
    model: str | None


@dataclass(frozen=True, slots=True)
class Stop:
    """A provider on a leg, and the models of it that may be meant, the preferred first."""

    leg: Leg
    connection: Connection
    models: tuple[str | None, ...]


def without_alias(request: Request[Any], providers: Providers) -> Request[Any]:
    """An alias of the configuration, replaced by what it stands for."""
    alias: Alias | None = providers.settings.aliases.get(request.model or "")
    if alias is None:
        return request
    if alias.media not in {None, request.medium}:
        raise InvalidRequest(
            f"`{request.model}` is an alias for {alias.media}, not for {request.medium}"
        )
    changes: dict[str, Any] = {
        "model": alias.model,
        "options": {**alias.options, **request.options},
    }
    if isinstance(request, MediaRequest) and request.quality is None:
        changes["quality"] = alias.quality
    return request.model_copy(update=changes)


def stops(request: Request[Any], providers: Providers) -> Iterator[list[Stop]]:
    """Who may be meant, leg by leg."""
    wish = wish_of(request, providers)
    if wish.provider is not None:
        connection = named(wish.provider, providers)
        if (missing := connection.missing()) is not None:
            raise missing
        yield [Stop(NAMED, connection, models_of(connection, request.medium, wish, providers))]
        return
    legs = providers.legs(request.medium)
    serving = {one.name: one for one in providers.serving(request.medium)}
    listing = [
        name
        for name in serving
        if wish.model is None or providers.model(name, wish.model) is not None
    ]
    if wish.model is not None and not listing:
        raise unknown(wish.model, request.medium, providers)
    for leg in legs:
        yield [
            Stop(leg, serving[name], models_of(serving[name], request.medium, wish, providers))
            for name in leg.providers
            if name in listing
        ]


def named(provider: str, providers: Providers) -> Connection:
    """The provider that a request names."""
    if not providers.knows(provider):
        near = difflib.get_close_matches(provider, providers.names(), n=3, cutoff=0.5)
        hint = f"did you mean {', '.join(f'`{one}`' for one in near)}? " if near else ""
        raise InvalidRequest(
            f"there is no provider `{provider}`; {hint}`anymedia providers list` shows them all"
        )
    if providers.switched_off(provider):
        raise InvalidRequest(
            f"`{provider}` is switched off in the configuration (`providers.{provider}.enabled`)"
        )
    return providers.get(provider)


def wish_of(request: Request[Any], providers: Providers) -> Wish:
    """Provider and model, from either field."""
    model, provider = request.model, request.provider
    if model and "/" in model and provider is None:
        first, _, rest = model.partition("/")
        serving = [one.name for one in providers.serving(request.medium)]
        # A reseller may list `openai/gpt` as the name of a model: who has it at first hand is
        # meant, if they can be asked.
        at_first_hand = first in serving and providers.model(first, rest) is not None
        if at_first_hand or (
            providers.knows(first) and not any(providers.model(one, model) for one in serving)
        ):
            return Wish(first, rest)
    if model and provider:
        model = model.removeprefix(f"{provider}/")
    return Wish(provider, model)


def models_of(
    connection: Connection, medium: Medium, wish: Wish, providers: Providers
) -> tuple[str | None, ...]:
    """The named model; else the configured one; else every listed one."""
    model = wish.model or connection.configured.models.get(medium)
    if model:
        return (model,)
    return providers.models_for(connection.name, medium) or (None,)
