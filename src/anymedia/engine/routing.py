"""Who could do it, and who is asked first: from a request to candidates in order.

A strategy ranks providers, or, where it goes by price or by what was learnt of each model, every
candidate that fits. What the request itself prefers, and where its session or its material is at
home, comes before the strategy's order. Candidates are found one at a time where that is
possible: the first one usually answers.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date
from typing import Any
from zlib import crc32

from anymedia.choosing import Chooser, Option, Ranked, Situation
from anymedia.contracts.errors import (
    CostLimitExceeded,
    GenerationError,
    UnknownModel,
    UnsupportedOption,
)
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.route import RoutePolicy
from anymedia.engine.candidate import NOBODY, Asker, Candidate, Skipped
from anymedia.engine.connection import Connection
from anymedia.engine.fitting import fit
from anymedia.engine.legs import NAMED, Leg, policy_of
from anymedia.engine.nobody import nobody, retired, unknown
from anymedia.engine.providers import Providers
from anymedia.engine.wishes import Stop, stops, without_alias
from anymedia.providers.spec import Call, Job, Operation, Stream


class Router:
    """Finds candidates, the preferred one first."""

    def __init__(
        self, providers: Providers, chooser: Chooser, *, chance: Callable[[], float]
    ) -> None:
        self._providers = providers
        self._chooser = chooser
        self._chance = chance
        self._turns: Counter[str] = Counter()

    def candidates(
        self,
        request: Request[Any],
        today: date,
        *,
        streaming: bool = False,
        asker: Asker = NOBODY,
    ) -> tuple[list[Candidate], list[Skipped]]:
        """Every route that fits, in order, and every one that was considered and does not."""
        skipped: list[Skipped] = []
        return list(self.fitting(request, today, streaming, asker, skipped)), skipped

    def one_by_one(
        self,
        request: Request[Any],
        today: date,
        *,
        streaming: bool = False,
        asker: Asker = NOBODY,
    ) -> Iterator[Candidate]:
        """The routes that fit, each found when it is asked for. Raises why there is nobody."""
        skipped: list[Skipped] = []
        found = self.fitting(request, today, streaming, asker, skipped)
        first = next(found, None)
        if first is None:
            raise nobody(request, [one.error for one in skipped], self._providers)
        yield first
        yield from found

    def chosen(
        self,
        request: Request[Any],
        today: date,
        *,
        streaming: bool = False,
        asker: Asker = NOBODY,
    ) -> tuple[list[Candidate], list[Skipped]]:
        """All at once, or the error that says why there is nobody."""
        fitting, skipped = self.candidates(request, today, streaming=streaming, asker=asker)
        if not fitting:
            raise nobody(request, [one.error for one in skipped], self._providers)
        return fitting, skipped

    # --- in order -------------------------------------------------------------------------

    def fitting(
        self,
        request: Request[Any],
        today: date,
        streaming: bool,
        asker: Asker,
        skipped: list[Skipped],
    ) -> Iterator[Candidate]:
        """Everything that fits, leg by leg. What does not is added to `skipped`."""
        request = without_alias(request, self._providers)
        for on_leg in stops(request, self._providers):
            wanted = [stop for stop in on_leg if self.wanted(stop, request, skipped)]
            if not wanted:
                continue
            if self._chooser.needs_price(wanted[0].leg.strategy):
                found = self.by_candidate(wanted, request, today, streaming, asker, skipped)
            else:
                found = self.by_provider(wanted, request, today, streaming, asker, skipped)
            for candidate in found:
                yield from self.variants(candidate)

    def by_provider(
        self,
        on_leg: list[Stop],
        request: Request[Any],
        today: date,
        streaming: bool,
        asker: Asker,
        skipped: list[Skipped],
    ) -> Iterator[Candidate]:
        """Every provider's best before anyone's second: another provider helps more often."""
        ranked = self.in_order(
            on_leg[0].leg,
            request,
            asker,
            [option(stop.connection, stop.connection.name, n) for n, stop in enumerate(on_leg)],
        )
        stop_of = {stop.connection.name: stop for stop in on_leg}
        waiting = [
            (stop_of[one.option.name], one.why, deque(stop_of[one.option.name].models))
            for one in ranked
        ]

        def next_of(
            stop: Stop, why: str, models: deque[str | None], most: int
        ) -> Iterator[Candidate]:
            while models and most > 0:
                found = self.tried(stop, models.popleft(), request, today, streaming, skipped)
                if found is not None:
                    most -= 1
                    yield replace(found, why=why) if why else found

        for stop, why, models in waiting:
            yield from next_of(stop, why, models, 1)
        for stop, why, models in waiting:
            yield from next_of(stop, why, models, len(models))

    def by_candidate(
        self,
        on_leg: list[Stop],
        request: Request[Any],
        today: date,
        streaming: bool,
        asker: Asker,
        skipped: list[Skipped],
    ) -> Iterator[Candidate]:
        """All that fit, ranked by what each would cost or has shown."""
        found = {
            candidate.name: candidate
            for stop in on_leg
            for model_id in stop.models
            if (candidate := self.tried(stop, model_id, request, today, streaming, skipped))
            is not None
        }
        options = [
            option(candidate.connection, name, position, price_of(candidate))
            for position, (name, candidate) in enumerate(found.items())
        ]
        if not options:
            return
        for one in self.in_order(on_leg[0].leg, request, asker, options):
            yield replace(found[one.option.name], why=one.why)

    def in_order(
        self, leg: Leg, request: Request[Any], asker: Asker, options: list[Option]
    ) -> list[Ranked]:
        """The strategy's order; before it what the request prefers and where it is at home."""
        if len(options) == 1 or leg is NAMED:
            ranked = [Ranked(one, "the only one" if leg is not NAMED else "") for one in options]
        else:
            ranked = self._chooser.order(leg.strategy, options, situation_of(request))
        at_home = asker.home or self.kept_at(request, asker)
        if at_home is not None:
            ranked = first(ranked, at_home, "where it was before")
        for name in reversed(request.prefer):
            ranked = first(ranked, name, "preferred by the request")
        return ranked

    def kept_at(self, request: Request[Any], asker: Asker) -> str | None:
        """Where the session or the user of the request was served last."""
        key = affinity_of(request, asker, policy_of(self._providers.settings, request.medium))
        return self._chooser.kept(key) if key is not None else None

    def turn(self, name: str) -> int:
        """How often a provider was gone to before: its credentials take turns."""
        turn = self._turns[name]
        self._turns[name] = turn + 1
        return turn

    def variants(self, candidate: Candidate) -> Iterator[Candidate]:
        """The same with each of the provider's credentials in turn, region after region."""
        name = candidate.connection.name
        regions = self._providers.variants(name)
        turn = self.turn(name)
        for connections in regions:
            shift = turn % len(connections)
            for connection in (*connections[shift:], *connections[:shift]):
                same = connection is candidate.connection
                yield candidate if same else replace(candidate, connection=connection)

    def wanted(self, stop: Stop, request: Request[Any], skipped: list[Skipped]) -> bool:
        """Whether a provider may be asked at all: not excluded, and rolled out this far."""
        name, why = stop.connection.name, None
        if name in request.exclude:
            why = f"`{name}` is excluded by the request"
        elif stop.leg is not NAMED and not self.rolled_out(stop.connection, request):
            percent = stop.connection.configured.rollout_percent
            why = f"`{name}` is rolled out to {percent:g} % only"
        if why is None:
            return True
        error = UnsupportedOption(why, provider=name)
        skipped.append(Skipped(provider=name, model="", error=error))
        return False

    def rolled_out(self, connection: Connection, request: Request[Any]) -> bool:
        """Whether a request is in the share that may be sent to a provider.

        A session is in it or not, as a whole.
        """
        percent = connection.configured.rollout_percent
        if percent >= 100:
            return True
        if request.session is None:
            return self._chance() * 100 < percent
        return crc32(f"{connection.name}\0{request.session}".encode()) % 10_000 < percent * 100

    # --- whether it fits ------------------------------------------------------------------

    def tried(
        self,
        stop: Stop,
        model_id: str | None,
        request: Request[Any],
        today: date,
        streaming: bool,
        skipped: list[Skipped],
    ) -> Candidate | None:
        """A candidate, or nothing and a reason more."""
        try:
            return self.candidate(stop, model_id, request, today, streaming)
        except GenerationError as error:
            name = stop.connection.name
            skipped.append(Skipped(provider=name, model=model_id or "", error=error))
            return None

    def candidate(
        self,
        stop: Stop,
        model_id: str | None,
        request: Request[Any],
        today: date,
        streaming: bool,
    ) -> Candidate:
        """The route with the request in its form. Raises why it does not fit."""
        connection = stop.connection
        kinds: tuple[type[Operation], ...] = (Stream, Call) if streaming else (Call, Job, Stream)
        operation = connection.provider.operation(request.medium, *kinds)
        if operation is None:
            gone = self._providers.model(connection.name, model_id) if model_id else None
            if gone is not None and gone.lifecycle(today) == "retired":
                raise retired(gone, request, today, self._providers)
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
        if request.exclude and f"{connection.name}/{model_id}" in request.exclude:
            raise UnsupportedOption(
                f"`{connection.name}/{model_id}` is excluded by the request",
                provider=connection.name,
            )
        if connection.configured.options:
            options = {**connection.configured.options, **request.options}
            request = request.model_copy(update={"options": options})
        model = self._providers.model(connection.name, model_id, request.medium)
        notices: list[Notice]
        if model is not None:
            model, replaced = self.living(model, request, today)
            request, notices = fit(request, model, today)
            notices, model_id = [*replaced, *notices], model.id
        else:
            request, notices = self.unlisted(connection, model_id, request)
        candidate = Candidate(
            connection=connection,
            operation=operation,
            request=request,
            model=model,
            model_id=model_id,
            notices=tuple(notices),
            leg=stop.leg,
        )
        self.affordable(candidate)
        return candidate

    def living(
        self, model: Model, request: Request[Any], today: date
    ) -> tuple[Model, tuple[Notice, ...]]:
        """The model; its successor where it is gone and the route follows successors."""
        if not policy_of(self._providers.settings, request.medium).follow_successors:
            return model, ()
        passed: list[str] = []
        while model.lifecycle(today) == "retired" and model.successor is not None:
            following = self._providers.model(model.provider, model.successor, request.medium)
            if following is None or model.id in passed:
                break
            passed.append(model.id)
            model = following
        if not passed:
            return model, ()
        notice = Notice(
            code="model-replaced",
            message=f"`{passed[0]}` has been retired; its successor `{model.id}` was used",
            option="model",
            asked=passed[0],
            given=model.id,
        )
        return model, (notice,)

    def unlisted(
        self, connection: Connection, model_id: str, request: Request[Any]
    ) -> tuple[Request[Any], list[Notice]]:
        """A model that the catalogue does not know, where that is allowed."""
        rule = connection.configured.unlisted_models
        keyless = not any(secret.required for secret in connection.provider.auth.secrets)
        own_server = connection.configured.dialect is not None or keyless
        if rule == "refuse" or (rule is None and not own_server):
            raise unknown(model_id, request.medium, self._providers, connection)
        notice = Notice(
            code="unpriced",
            message=f"`{connection.name}/{model_id}` is not in the catalogue: nothing is known of "
            f"its limits and price",
        )
        return request.model_copy(update={"model": model_id}), [notice]

    def affordable(self, candidate: Candidate) -> None:
        """Refuse before spending what may cost more than is allowed."""
        allowed = (candidate.request.max_cost, self._providers.settings.max_cost)
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


def estimate_of(candidate: Candidate, passed_over: str | None) -> Estimate:
    """What a route would make of the request."""
    return Estimate(
        provider=candidate.connection.name,
        model=candidate.model_id,
        fits=True,
        cost=candidate.estimate,
        expected_seconds=(usual := candidate.model.typical_seconds if candidate.model else None),
        expected_seconds_source=None if usual is None else "catalogue",
        adaptations=candidate.notices,
        effective=effective(candidate.request),
        why=candidate.why or None,
        dialect=candidate.operation.dialect,
        further_dialects=candidate.operation.further_dialects,
        passed_over=passed_over,
    )


def unfit(skipped: Skipped) -> Estimate:
    """Why a route cannot."""
    return Estimate(
        provider=skipped.provider,
        model=skipped.model,
        fits=False,
        problem=skipped.error.problem(),
    )


def option(connection: Connection, name: str, position: int, price: float | None = None) -> Option:
    """A provider or a candidate as a strategy sees it."""
    return Option(
        name=name,
        provider=connection.name,
        weight=connection.configured.weight,
        price=price,
        position=position,
    )


def price_of(candidate: Candidate) -> float | None:
    """What it can cost at most; `None` when nobody knows."""
    cost = candidate.estimate
    if cost.basis == "free":
        return 0.0
    return None if cost.amount is None else float(cost.amount)


def situation_of(request: Request[Any]) -> Situation:
    """What is learnt together: requests for one medium and one preset."""
    quality = getattr(request, "quality", None)
    return Situation(kind=f"{request.medium}:{quality}" if quality else request.medium)


def affinity_of(request: Request[Any], asker: Asker, policy: RoutePolicy) -> str | None:
    """What keeps a request with the provider of the one before it, if anything does."""
    match policy.affinity:
        case "session":
            name = request.session
        case "user":
            name = getattr(request, "user", None) or asker.caller
        case None:
            name = None
    return f"{asker.caller or ''}\0{request.medium}\0{name}" if name else None


def first(ranked: list[Ranked], name: str, why: str) -> list[Ranked]:
    """The same order, with everything of one provider (or one model) in front."""
    mine = [
        one._replace(why=why) for one in ranked if name in {one.option.provider, one.option.name}
    ]
    return mine + [one for one in ranked if name not in {one.option.provider, one.option.name}]


def effective(request: Request[Any]) -> dict[str, Any]:
    """The values in effect that candidates may differ in."""
    names = ("resolution", "aspect_ratio", "duration_seconds", "audio", "fps", "format", "voice")
    return {
        name: value for name in names if (value := getattr(request, name, None)) is not None
    } | ({"options": request.options} if request.options else {})
