"""Short ways: whom a body in a provider's own dialect may be passed on to, made ready beforehand.

What does not change from request to request is worked out once for each model: who would be
asked, under which limits, at which prices, with which headers. It is forgotten with every change of
the configuration, and every day, because models retire. This is the one place where it is decided
that a request needs no more than that; `None` sends it the long way.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from math import ceil
from typing import TYPE_CHECKING

from anymedia.budgets.budget import Spender
from anymedia.choosing import Option
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.route import Strategy
from anymedia.contracts.text import TextRequest, UserMessage
from anymedia.engine.candidate import Candidate
from anymedia.engine.estimating import BYTES_PER_TOKEN, DEFAULT_OUTPUT_TOKENS, circumstances
from anymedia.engine.guards import LEASE_MARGIN_SECONDS, circuit_of, names_of
from anymedia.engine.legs import NAMED, policy_of
from anymedia.engine.peak import period
from anymedia.engine.pricing import Tariff
from anymedia.engine.quotas import Quotas, counts_money, counts_tokens
from anymedia.engine.routing import option, situation_of
from anymedia.engine.transport import Outgoing
from anymedia.limits.claim import Rules
from anymedia.providers.spec import Call, Fields, Operation, Relay, Stream
from anymedia.store.ledger import LedgerRow
from anymedia.wire.http import post

if TYPE_CHECKING:
    from anymedia.engine.engine import Engine

MOST_REMEMBERED = 1_000
MOST_CALLERS = 10_000
LONGEST_NAME = 210
"""With its quotes."""
LOOK_SECONDS = 1.0
NAME = re.compile(rb'"([\w./:@+-]{1,200})"', re.ASCII)
"""A model's name as JSON has it, without anything that has to be unescaped."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What one caller's attempts fall under."""

    rules: Rules
    lease_seconds: float
    """So long their places are held, should nobody give them back."""
    queues: bool
    """Whether they wait where there is no room."""
    counts_tokens: bool
    counts_money: bool
    spender: Spender


class Way:
    """Where a model's requests go, and all that is the same for each of them."""

    def __init__(self, engine: Engine, candidate: Candidate, relay: Relay) -> None:
        connection, model = candidate.connection, candidate.model
        self.candidate = candidate
        self.model = model
        self.relay = relay
        self.name = candidate.name
        self.connection = connection
        self.provider = connection.name
        self.model_id = candidate.model_id
        self.circuit = circuit_of(candidate)
        self.names = names_of(connection.name, candidate.model_id)
        self.kind = situation_of(candidate.request).kind
        self.notes = engine.guards.notebook.notes(self.provider, self.names, self.kind)
        self.policy = policy_of(engine.settings, "text")
        self.patience_seconds = min(
            engine.settings.timeouts.total_seconds,
            self.policy.attempt_seconds or candidate.operation.timeout_seconds,
            candidate.operation.timeout_seconds,
        )
        self.allowed_seconds = engine.settings.timeouts.total_seconds
        self.request = post(
            relay.path, headers=dict(relay.headers), content_type="application/json"
        )
        self.standing: Outgoing | None = connection.standing(self.request)
        """The request without its body; `None` where every one has to be signed anew."""
        self.traced = connection.configured.trace_context
        """Whether every request carries the trace that it belongs to, where there is one."""
        self.most_output = model.limits.output_tokens if model is not None else None
        self.peaks = model.settings.get("peak_utc") if model is not None else None
        self.row = LedgerRow(
            id="",
            at=0.0,
            entry="settle",
            attempt_id="",
            provider=self.provider,
            model=self.model_id,
            medium="text",
        )
        """What the ledger hears of every answer."""
        self._tariff = Tariff(model, circumstances(candidate.request, model))
        """Where nothing depends on the hour; else the prices of the dearest."""
        self._tariffs: dict[str, Tariff] = {}
        self._quotas: Quotas | None = None
        self._terms: dict[str | None, Terms] = {}

    def tariff(self, at: float | None) -> Tariff:
        """The prices at a time (seconds since 1970); without one, those of the dearest hour."""
        if at is None or not self.peaks:
            return self._tariff
        moment = datetime.fromtimestamp(at, UTC)
        when = period(self.peaks, moment)
        found = self._tariffs.get(when)
        if found is None:
            facts = circumstances(self.candidate.request, self.candidate.model, moment)
            found = self._tariffs[when] = Tariff(self.candidate.model, facts)
        return found

    def terms(self, quotas: Quotas, caller: str | None) -> Terms:
        """What a caller's attempts fall under."""
        if self._quotas is not quotas:
            self._quotas, self._terms = quotas, {}
        found = self._terms.get(caller)
        return found if found is not None else self._terms_of(quotas, caller)

    def _terms_of(self, quotas: Quotas, caller: str | None) -> Terms:
        if len(self._terms) > MOST_CALLERS:
            self._terms.clear()
        candidate = self.candidate
        rules = quotas.rules(candidate.connection, candidate.model_id, caller)
        found = self._terms[caller] = Terms(
            rules,
            min(self.allowed_seconds, 3600.0) + LEASE_MARGIN_SECONDS,
            self.policy.on_full == "queue",
            any(counts_tokens(rule.limits) for rule in rules),
            any(counts_money(rule.limits) for rule in rules),
            Spender(
                caller=caller or "local",
                tags=(),
                provider=candidate.connection.name,
                model=candidate.model_id,
                medium="text",
            ),
        )
        return found

    def bound(self, fields: Fields) -> dict[str, int]:
        """The most that a body can consume."""
        most = self.relay.most
        words, output = memoryview(fields["messages"]).nbytes, most(fields)
        if "system" in fields:
            words += memoryview(fields["system"]).nbytes
        if not output:
            output = DEFAULT_OUTPUT_TOKENS
        if self.most_output and self.most_output < output:
            output = self.most_output
        return {
            "input_tokens": ceil(words / BYTES_PER_TOKEN),
            "output_tokens": output,
            "requests": 1,
        }


@dataclass(frozen=True, slots=True)
class Choice:
    """Everybody whom a model's requests may go to first."""

    strategy: Strategy | None
    """How the first is chosen; `None` where it is always the same."""
    options: list[Option]
    of: Mapping[str, tuple[tuple[Way, ...], ...]]
    """By provider: region by region, one way for each credential."""
    first: tuple[Way, ...]
    """One of each provider's: what suits one of its ways suits all."""
    only: Way | None
    """The way, where there is no other."""


class Ways:
    """Finds short ways, and remembers them."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._found: dict[tuple[bytes, str, bool], Choice | None] = {}
        self._generation = -1
        """Of the providers' configuration, that all of them belong to."""
        self._today = date.min
        self._look_again_at = float("-inf")
        self._monotonic = engine.clock.monotonic
        self._state = engine.guards.breakers.state

    def find(self, fields: Fields, dialect: str, *, streaming: bool) -> Way | None:
        """The way for a body, if it may go a short one."""
        monotonic = self._monotonic
        if (
            self._generation != self._engine.providers.generation
            or monotonic() >= self._look_again_at
        ):
            self._keep_up()
        written = bytes(fields["model"]) if "model" in fields else b""
        key = (written, dialect, streaming)
        try:
            choice = self._found[key]
        except KeyError:
            if len(written) > LONGEST_NAME:
                return None  # nothing that is kept here
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            choice = self._found[key] = self._look(*key)
        if choice is None:
            return None
        for way in choice.first:
            suits = way.relay.suits
            if not suits(fields, way.model):
                return None
        return self._picked(choice)

    def _keep_up(self) -> None:
        """Forget what was found under other settings, or on another day."""
        clock, generation = self._engine.clock, self._engine.providers.generation
        self._look_again_at = clock.monotonic() + LOOK_SECONDS
        today = clock.now().date()
        if (generation, today) != (self._generation, self._today):
            self._found = {}
            self._generation, self._today = generation, today

    def _picked(self, choice: Choice) -> Way | None:
        """Whose turn it is; nobody whose circuit is open."""
        state, only = self._state, choice.only
        if only is not None:
            return only if state(only.circuit) != "open" else None
        engine = self._engine
        if choice.strategy is None:
            name = next(iter(choice.of))
        else:
            first = choice.first[0].candidate.request
            ranked = engine.chooser.order(choice.strategy, choice.options, situation_of(first))
            name = ranked[0].option.name
        regions = choice.of[name]
        turn = engine.router.turn(name)
        for ways in regions:
            shift = turn % len(ways)
            for way in (*ways[shift:], *ways[:shift]):
                if state(way.circuit) != "open":
                    return way
        return None

    def _look(self, written: bytes, dialect: str, streaming: bool) -> Choice | None:
        name = NAME.fullmatch(written)
        if name is None:
            return None
        engine, settings, model = self._engine, self._engine.settings, name[1].decode()
        policy = policy_of(settings, "text")
        template = TextRequest(model=model, messages=(UserMessage(content="."),))
        if (
            settings.max_cost is not None
            or policy.affinity is not None
            or model in settings.aliases
            or (engine.cache is not None and engine.cache.suits(template))
        ):
            return None
        try:
            candidates, _ = engine.router.candidates(template, self._today, streaming=streaming)
        except GenerationError:
            return None  # the long way says why
        if not candidates:
            return None
        first = candidates[0]
        # In the order of preference, each provider's best once; legs after the first are for later.
        best: dict[str, Candidate] = {}
        for one in candidates:
            if one.leg is first.leg:
                best.setdefault(one.connection.name, one)
        strategy = first.leg.strategy
        if len(best) == 1 or first.leg is NAMED or strategy == "priority":
            chosen, by = [first], None
        elif engine.chooser.needs_price(strategy):
            return None
        else:
            chosen, by = list(best.values()), strategy
        ways: dict[str, tuple[tuple[Way, ...], ...]] = {}
        for one in chosen:
            relay = passing(one, dialect, streaming=streaming)
            if relay is None:
                return None
            ways[one.connection.name] = tuple(
                tuple(Way(engine, replace(one, connection=each), relay) for each in region)
                for region in engine.providers.variants(one.connection.name)
            )
        options = [option(one.connection, one.connection.name, n) for n, one in enumerate(chosen)]
        every = [way for regions in ways.values() for region in regions for way in region]
        only = every[0] if len(every) == 1 else None
        return Choice(by, options, ways, tuple(regions[0][0] for regions in ways.values()), only)


def passing(candidate: Candidate, dialect: str, *, streaming: bool) -> Relay | None:
    """How a candidate passes a body on, if it does."""
    operation, configured = candidate.operation, candidate.connection.configured
    kind: type[Operation] = Stream if streaming else Call
    if (
        not isinstance(operation, Call | Stream)
        or not isinstance(operation, kind)
        or operation.dialect != dialect
        or candidate.notices
        or configured.options
        or configured.rollout_percent < 100
    ):
        return None
    return operation.relay
