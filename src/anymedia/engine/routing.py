"""Who could do it: from a request to candidates, and why the others are not among them."""

from __future__ import annotations

import difflib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Any

from anymedia.contracts.configuration import Alias, Settings
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import (
    CostLimitExceeded,
    GenerationError,
    InvalidRequest,
    NoRouteSucceeded,
    UnknownModel,
    UnsupportedOption,
)
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.media import Medium
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import MediaRequest, Request
from anymedia.engine.connection import Connection
from anymedia.engine.estimating import estimated
from anymedia.engine.fitting import fit, spoken
from anymedia.engine.providers import Providers
from anymedia.providers.spec import Call, Job, Operation, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A route that can serve the request, which is already in the form that it takes."""

    connection: Connection
    operation: Operation
    request: Request[Any]
    model: Model | None
    model_id: str
    notices: tuple[Notice, ...]

    @property
    def estimate(self) -> Cost:
        """What it can cost at most, as far as that can be known."""
        return estimated(self.request, self.model)

    @property
    def name(self) -> str:
        return f"{self.connection.name}/{self.model_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A route that cannot, and why."""

    provider: str
    model: str
    error: GenerationError


@dataclass(frozen=True, slots=True)
class Wish:
    """What the request says about who should do it."""

    provider: str | None
    model: str | None


class Router:
    """Finds candidates, the preferred one first."""

    def __init__(self, providers: Providers, settings: Settings) -> None:
        self._providers = providers
        self._settings = settings

    def candidates(
        self, request: Request[Any], today: date, *, streaming: bool = False
    ) -> tuple[list[Candidate], list[Skipped]]:
        """Every route that fits, in order, and every one that was considered and does not."""
        skipped: list[Skipped] = []
        fitting = list(self.fitting(request, today, streaming, skipped))
        return fitting[: self._settings.failover.max_attempts], skipped

    def one_by_one(
        self, request: Request[Any], today: date, *, streaming: bool = False
    ) -> Iterator[Candidate]:
        """The routes that fit, each found when it is asked for: the first one usually answers.

        Raises why there is nobody.
        """
        skipped: list[Skipped] = []
        most = self._settings.failover.max_attempts
        found = islice(self.fitting(request, today, streaming, skipped), most)
        first = next(found, None)
        if first is None:
            raise self.nobody(request, skipped)
        yield first
        yield from found

    def fitting(
        self, request: Request[Any], today: date, streaming: bool, skipped: list[Skipped]
    ) -> Iterator[Candidate]:
        """Every provider's best before anyone's second: another provider helps more often.

        What does not fit is added to `skipped`.
        """
        request = self.without_alias(request)
        by_provider: dict[str, deque[tuple[Connection, str | None]]] = {}
        for connection, model_id in self.considered(request):
            by_provider.setdefault(connection.name, deque()).append((connection, model_id))

        def of_one(models: deque[tuple[Connection, str | None]]) -> Iterator[Candidate]:
            while models:
                connection, model_id = models.popleft()
                try:
                    yield self.candidate(connection, model_id, request, today, streaming)
                except GenerationError as error:
                    name = model_id or ""
                    skipped.append(Skipped(provider=connection.name, model=name, error=error))

        for models in by_provider.values():
            yield from islice(of_one(models), 1)
        for models in by_provider.values():
            yield from of_one(models)

    def chosen(
        self, request: Request[Any], today: date, *, streaming: bool = False
    ) -> tuple[list[Candidate], list[Skipped]]:
        """The same, or the error that says why there is nobody."""
        fitting, skipped = self.candidates(request, today, streaming=streaming)
        if not fitting:
            raise self.nobody(request, skipped)
        return fitting, skipped

    def estimates(self, request: Request[Any], today: date) -> tuple[Estimate, ...]:
        """What every route would make of the request."""
        fitting, skipped = self.candidates(request, today)
        return tuple(
            [
                Estimate(
                    provider=one.connection.name,
                    model=one.model_id,
                    fits=True,
                    cost=one.estimate,
                    expected_seconds=one.model.typical_seconds if one.model else None,
                    adaptations=one.notices,
                    effective=effective(one.request),
                )
                for one in fitting
            ]
            + [
                Estimate(
                    provider=one.provider,
                    model=one.model,
                    fits=False,
                    problem=one.error.problem(),
                )
                for one in skipped
            ]
        )

    # --- who is considered ----------------------------------------------------------------

    def without_alias(self, request: Request[Any]) -> Request[Any]:
        """An alias of the configuration, replaced by what it stands for."""
        alias: Alias | None = self._settings.aliases.get(request.model or "")
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

    def considered(self, request: Request[Any]) -> Iterator[tuple[Connection, str | None]]:
        """Connections and models that the request may mean, the preferred first."""
        wish = self.wish(request)
        if wish.provider is not None:
            connection = self.named(wish.provider)
            if (missing := connection.missing()) is not None:
                raise missing
            yield from self.models_of(connection, request.medium, wish.model)
            return
        connections = self._providers.serving(request.medium)
        if wish.model is None:
            for connection in connections:
                yield from self.models_of(connection, request.medium, None)
            return
        found = [one for one in connections if self.lists(one, wish.model)]
        if not found:
            raise self.unknown(wish.model, request.medium)
        for connection in found:
            yield connection, wish.model

    def named(self, provider: str) -> Connection:
        """The provider that a request names."""
        if not self._providers.knows(provider):
            known = self._providers.names()
            near = difflib.get_close_matches(provider, known, n=3, cutoff=0.5)
            hint = f"did you mean {', '.join(f'`{one}`' for one in near)}? " if near else ""
            raise InvalidRequest(
                f"there is no provider `{provider}`; {hint}`anymedia providers list` shows them all"
            )
        if self._providers.switched_off(provider):
            raise InvalidRequest(
                f"`{provider}` is switched off in the configuration (`providers.{provider}.enabled`)"
            )
        return self._providers.get(provider)

    def wish(self, request: Request[Any]) -> Wish:
        """Provider and model, from either field."""
        model, provider = request.model, request.provider
        if model and "/" in model and provider is None:
            first, _, rest = model.partition("/")
            if self._providers.knows(first) and not any(
                self.lists(one, model) for one in self._providers.serving(request.medium)
            ):
                return Wish(first, rest)
        if model and provider:
            model = model.removeprefix(f"{provider}/")
        return Wish(provider, model)

    def models_of(
        self, connection: Connection, medium: Medium, model: str | None
    ) -> Iterator[tuple[Connection, str | None]]:
        """The named model; else the configured one; else every listed one that lives."""
        named = model or connection.configured.models.get(medium)
        if named:
            yield connection, named
            return
        listed = [one for one in self._providers.models(connection.name) if one.medium == medium]
        for one in sorted(listed, key=lambda one: one.priority):
            yield connection, one.id
        if not listed:
            yield connection, None

    def lists(self, connection: Connection, model_id: str) -> bool:
        """Whether a provider's catalogue has the model."""
        return self._providers.model(connection.name, model_id) is not None

    # --- whether it fits ------------------------------------------------------------------

    def candidate(
        self,
        connection: Connection,
        model_id: str | None,
        request: Request[Any],
        today: date,
        streaming: bool,
    ) -> Candidate:
        """The route with the request in its form. Raises why it does not fit."""
        kinds: tuple[type[Operation], ...] = (Stream, Call) if streaming else (Call, Job, Stream)
        operation = connection.provider.operation(request.medium, *kinds)
        if operation is None:
            gone = self._providers.model(connection.name, model_id) if model_id else None
            if gone is not None and gone.lifecycle(today) == "retired":
                raise self.retired(gone, request, today)
            raise UnsupportedOption(
                f"`{connection.name}` does not make {request.medium} "
                f"(it makes {', '.join(connection.provider.media) or 'nothing'})",
                provider=connection.name,
            )
        if model_id is None:
            raise UnknownModel(
                f"name a model for `{connection.name}`: its catalogue lists none for "
                f"{request.medium}",
                provider=connection.name,
            )
        request = request.model_copy(
            update={"options": {**connection.configured.options, **request.options}}
        )
        model = self._providers.model(connection.name, model_id, request.medium)
        notices: list[Notice]
        if model is not None:
            request, notices = fit(request, model, today)
        else:
            request, notices = self.unlisted(connection, model_id, request)
        candidate = Candidate(
            connection=connection,
            operation=operation,
            request=request,
            model=model,
            model_id=model_id,
            notices=tuple(notices),
        )
        self.affordable(candidate)
        return candidate

    def unlisted(
        self, connection: Connection, model_id: str, request: Request[Any]
    ) -> tuple[Request[Any], list[Notice]]:
        """A model that the catalogue does not know, where that is allowed."""
        rule = connection.configured.unlisted_models
        keyless = not any(secret.required for secret in connection.provider.auth.secrets)
        own_server = connection.configured.dialect is not None or keyless
        if rule == "refuse" or (rule is None and not own_server):
            raise self.unknown(model_id, request.medium, connection)
        notice = Notice(
            code="unpriced",
            message=f"`{connection.name}/{model_id}` is not in the catalogue: nothing is known of "
            f"its limits and price",
        )
        return request.model_copy(update={"model": model_id}), [notice]

    def affordable(self, candidate: Candidate) -> None:
        """Refuse before spending what may cost more than is allowed."""
        allowed = (candidate.request.max_cost, self._settings.max_cost)
        limits = [one for one in allowed if one is not None]
        if not limits:
            return
        cost, name = candidate.estimate, candidate.name
        if cost.basis == "free":
            return
        if cost.amount is None:
            raise CostLimitExceeded(
                f"`{name}` has no known price, so it cannot be held to {min(limits)} USD"
            )
        if cost.amount > min(limits):
            raise CostLimitExceeded(
                f"`{name}` may cost {cost.amount.normalize():f} USD, more than the "
                f"{min(limits)} USD allowed"
            )

    # --- when there is nobody -------------------------------------------------------------

    def nobody(self, request: Request[Any], skipped: list[Skipped]) -> GenerationError:
        """Why no route is left: the one reason, or all of them."""
        reasons = {one.error.message: one.error for one in skipped}
        if len(reasons) == 1:
            return next(iter(reasons.values()))
        if not skipped:
            return UnsupportedOption(
                f"no configured provider makes {request.medium} (configured: "
                f"{', '.join(self._providers.configured_names()) or 'none'}). Set another provider's "
                f'key, or try `provider="echo"`, which needs none',
            )
        able = self.models_able(request)
        advice = f" Models that can: {', '.join(able[:6])}." if able else ""
        listed = "\n".join(f"  - {message}" for message in list(reasons)[:8])
        return NoRouteSucceeded(
            f"no candidate fits this {spoken(request.task)} request.{advice}\n{listed}",
            failures=tuple(reasons.values()),
        )

    def models_able(self, request: Request[Any]) -> list[str]:
        """Configured models that do this kind of work at all."""
        return [
            f"{connection.name}/{model.id}"
            for connection in self._providers.serving(request.medium)
            for model in self._providers.models(connection.name)
            if model.medium == request.medium and request.task in model.tasks
        ]

    def retired(self, model: Model, request: Request[Any], today: date) -> UnknownModel:
        """The last of its kind at its provider: since when it is gone, and who does it now."""
        living = [
            f"`{connection.name}/{one.id}`"
            for connection in self._providers.serving(request.medium)
            for one in self._providers.models(connection.name)
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
        self, model_id: str, medium: Medium, connection: Connection | None = None
    ) -> UnknownModel:
        """No such model here; what is meant perhaps, and what there is."""
        among = [connection] if connection else self._providers.serving(medium)
        listed = [
            f"{one.name}/{model.id}"
            for one in among
            for model in self._providers.models(one.name)
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


def effective(request: Request[Any]) -> dict[str, Any]:
    """The values in effect that candidates may differ in."""
    names = ("resolution", "aspect_ratio", "duration_seconds", "audio", "fps", "format", "voice")
    return {
        name: value for name in names if (value := getattr(request, name, None)) is not None
    } | ({"options": request.options} if request.options else {})
