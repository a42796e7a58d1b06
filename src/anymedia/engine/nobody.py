"""When nobody can do it: the one true reason, and who could."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from datetime import date
from typing import Any

from anymedia.contracts.errors import (
    GenerationError,
    NoRouteSucceeded,
    UnknownModel,
    UnsupportedOption,
)
from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.contracts.request import Request
from anymedia.engine.connection import Connection
from anymedia.engine.fitting import spoken
from anymedia.engine.providers import Providers


def nobody(
    request: Request[Any], reasons: Sequence[GenerationError], providers: Providers
) -> GenerationError:
    """Why no route is left: the one reason, or all of them."""
    by_message = {error.message: error for error in reasons}
    if len(by_message) == 1:
        return next(iter(by_message.values()))
    if not by_message:
        return UnsupportedOption(
            f"no configured provider makes {request.medium} (configured: "
            f"{', '.join(providers.configured_names()) or 'none'}). Set another provider's "
            f'key, or try `provider="echo"`, which needs none',
        )
    able = models_able(request, providers)
    advice = f" Models that can: {', '.join(able[:6])}." if able else ""
    listed = "\n".join(f"  - {message}" for message in list(by_message)[:8])
    return NoRouteSucceeded(
        f"no candidate fits this {spoken(request.task)} request.{advice}\n{listed}",
        failures=tuple(by_message.values()),
    )


def models_able(request: Request[Any], providers: Providers) -> list[str]:
    """Configured models that do this kind of work at all."""
    return [
        f"{connection.name}/{model.id}"
        for connection in providers.serving(request.medium)
        for model in providers.models(connection.name)
        if model.medium == request.medium and request.task in model.tasks
    ]


def retired(model: Model, request: Request[Any], today: date, providers: Providers) -> UnknownModel:
    """The last of its kind at its provider: since when it is gone, and who does it now."""
    living = [
        f"`{connection.name}/{one.id}`"
        for connection in providers.serving(request.medium)
        for one in providers.models(connection.name)
        if one.medium == request.medium
        and request.task in one.tasks
        and one.lifecycle(today) != "retired"
    ]
    instead = f"use {', '.join(living[:5])}; " if living else ""
    return UnknownModel(
        f"`{model.provider}/{model.id}` was retired on {model.retires_on}; {instead}"
        f"`anymedia models --media {request.medium}` lists what there is",
        provider=model.provider,
    )


def unknown(
    model_id: str, medium: Medium, providers: Providers, connection: Connection | None = None
) -> UnknownModel:
    """No such model here; what is meant perhaps, and what there is."""
    among = [connection] if connection else providers.serving(medium)
    listed = [
        f"{one.name}/{model.id}"
        for one in among
        for model in providers.models(one.name)
        if model.medium == medium
    ]
    by_id = {name.partition("/")[2]: name for name in listed}
    near = [by_id[one] for one in difflib.get_close_matches(model_id, by_id, n=3, cutoff=0.5)]
    where = f"`{connection.name}` has" if connection else "no configured provider lists"
    what = f"no model `{model_id}`" if connection else f"a model `{model_id}`"
    hint = (
        f" Did you mean {', '.join(f'`{one}`' for one in near)}?"
        if near
        else (
            f" For {medium} there is {', '.join(f'`{one}`' for one in listed[:5])}."
            if listed
            else ""
        )
    )
    return UnknownModel(
        f"{where} {what} for {medium}.{hint} `anymedia models --media {medium}` lists them all.",
        provider=connection.name if connection else None,
    )
