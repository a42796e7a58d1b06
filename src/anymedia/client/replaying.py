"""What a time's requests would have cost, had they been given to others: a replay over the ledger.

Each attempt that delivered is priced again at every candidate that fits it: of media the request
itself is at hand, and is fitted to each model, preset and all; of texts only the usage is, so any
model of the route counts as one that could have answered. What was made stays as long, as large
and as many as it was. Strategies that learn begin knowing nothing, and learn in the ledger's order
from what really happened.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, func, select

from anymedia.choosing import Chooser, Option
from anymedia.client.verbs import request_for
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.media import Medium
from anymedia.contracts.replay import Plan, Replay
from anymedia.contracts.request import Request
from anymedia.contracts.route import Strategy
from anymedia.contracts.usage import Usage
from anymedia.engine.candidate import Candidate
from anymedia.engine.engine import Engine
from anymedia.engine.estimating import circumstances, expected_usage
from anymedia.engine.pricing import priced
from anymedia.engine.routing import Router, option, situation_of
from anymedia.engine.wishes import without_alias
from anymedia.jobs.requests import KINDS
from anymedia.store.ledger import dollars
from anymedia.store.schema import jobs, ledger
from anymedia.store.scope import CACHED, OPEN, Scope

MOST_ATTEMPTS = 100_000
USUAL: tuple[Strategy, ...] = ("cost", "priority")
TOKENS = (
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "reasoning_tokens",
    "input_image_tokens",
    "input_audio_tokens",
)
SAME_ELSEWHERE: dict[str, tuple[str, ...]] = {
    "text": TOKENS,
    "embedding": ("input_tokens",),
    "transcription": ("seconds",),
    "image": ("images", "input_images"),
    "video": ("seconds", "input_images"),
    "audio": ("seconds",),
    "speech": ("characters", "seconds"),
}
"""What would have been consumed by any other model too."""
STAND_INS: dict[Medium, Any] = {
    "text": "hello",
    "embedding": ["hello"],
    "transcription": {"type": "bytes", "data": b"RIFF", "media_type": "audio/wav"},
}
"""What a request looks like of which only the usage is known."""


@dataclass(frozen=True, slots=True)
class Offer:
    """A candidate and what the attempt would have cost there."""

    candidate: Candidate
    usd: Decimal


@dataclass(slots=True)
class Sum:
    """What one plan comes to so far."""

    amount: Decimal = Decimal(0)
    replayed: int = 0
    as_it_was: int = 0

    def add(self, usd: Decimal | None, actual: Decimal) -> None:
        """One more attempt; without a price it counts as it was."""
        self.amount += actual if usd is None else usd
        self.replayed += usd is not None
        self.as_it_was += usd is None


class Replaying:
    """One replay."""

    def __init__(self, engine: Engine, strategies: Sequence[Strategy]) -> None:
        self._engine = engine
        self._strategies = tuple(dict.fromkeys(strategies or USUAL))
        self._today = engine.clock.now().date()
        chance = Random(0)  # noqa: S311  the same replay twice gives the same figures
        self._chooser = Chooser(clock=engine.clock, chance=chance)
        self._router = Router(engine.providers, self._chooser, chance=chance.random)
        self._fitting: dict[tuple[str, str], list[Candidate]] = {}

    def paid(self, connection: Connection, scope: Scope) -> tuple[list[RowMapping], int]:
        """The attempts that delivered and have a price, in order; and how many others there are."""
        ended = (*scope.conditions(), ~CACHED, ~OPEN, ledger.c.entry != "release")
        good = (ledger.c.outcome == "succeeded") & ledger.c.amount.is_not(None)
        rows = connection.execute(
            select(ledger, jobs.c.request.label("asked"))
            .select_from(ledger.outerjoin(jobs, jobs.c.id == ledger.c.job_id))
            .where(*ended, good)
            .order_by(ledger.c.at.desc(), ledger.c.row.desc())
            .limit(MOST_ATTEMPTS)
        )
        found = list(reversed(rows.mappings().all()))
        every = select(func.count()).select_from(ledger).where(*ended)
        return found, int(connection.execute(every).scalar_one()) - len(found)

    def over(self, paid: tuple[list[RowMapping], int], scope: Scope) -> Replay:
        """The replay over these attempts."""
        rows, left_out = paid
        names = self._engine.providers.ready_names()
        plans: dict[str, Sum] = {one: Sum() for one in self._strategies}
        plans |= {f"provider {name} first": Sum() for name in names}
        actual = Decimal(0)
        for row in rows:
            usd = dollars(row["amount"])
            assert usd is not None
            actual += usd
            request = asked(row)
            offers = [] if request is None else self.offers(row, request, usd)
            kind = situation_of(request).kind if request is not None else row["medium"]
            for strategy in self._strategies:
                plans[strategy].add(self.chosen(strategy, offers, request), usd)
            for name in names:
                first = next((o.usd for o in offers if o.candidate.connection.name == name), None)
                plans[f"provider {name} first"].add(first, usd)
            for learner in (row["provider"], f"{row['provider']}/{row['model']}"):
                self._chooser.begun(learner, kind)
                self._chooser.ended(learner, kind, succeeded=True, seconds=row["seconds"], usd=usd)
        return Replay(
            since=scope.since,
            until=scope.until,
            requests=len(rows),
            actual=actual,
            plans=tuple(
                Plan(
                    name=name,
                    amount=one.amount,
                    difference=one.amount - actual,
                    replayed=one.replayed,
                    as_it_was=one.as_it_was,
                )
                for name, one in plans.items()
            ),
            not_replayed=left_out,
            remarks=remarks(rows, left_out),
        )

    def offers(self, row: RowMapping, request: Request[Any], usd: Decimal) -> list[Offer]:
        """Every candidate that has a price for it; who really did it at what was paid."""
        usage = msgspec.json.decode(row["usage"]) if row["usage"] else {}
        same = {name: usage[name] for name in SAME_ELSEWHERE[row["medium"]] if name in usage}
        found = []
        for one in self.candidates(row, request):
            if (one.connection.name, one.model_id) == (row["provider"], row["model"]):
                found.append(Offer(one, usd))
                continue
            expected = expected_usage(one.request, one.model).quantities()
            if row["medium"] == "text":
                expected = {"requests": Decimal(1)}
            whole = Usage.model_validate({**expected, **same})
            cost = priced(one.model, whole, circumstances(one.request, one.model))
            if cost.amount is not None and cost.basis in {"computed", "free"}:
                found.append(Offer(one, cost.amount))
        return found

    def candidates(self, row: RowMapping, request: Request[Any]) -> list[Candidate]:
        """Who could have done it, each once."""
        key = (row["medium"], row["asked"] or "")
        if key not in self._fitting:
            if len(self._fitting) > MOST_KEPT:
                self._fitting.clear()
            try:
                found, _ = self._router.candidates(free_choice(self._engine, request), self._today)
            except GenerationError:
                found = []
            self._fitting[key] = list({one.name: one for one in found}.values())
        return self._fitting[key]

    def chosen(
        self, strategy: Strategy, offers: list[Offer], request: Request[Any] | None
    ) -> Decimal | None:
        """What the strategy's first choice would have cost."""
        if not offers or request is None:
            return None
        by_name: dict[str, Offer] = {}
        options: list[Option] = []
        for one in offers:
            connection = one.candidate.connection
            by_model = self._chooser.needs_price(strategy)
            name = one.candidate.name if by_model else connection.name
            if name not in by_name:
                by_name[name] = one
                options.append(option(connection, name, len(options), float(one.usd)))
        first = self._chooser.order(strategy, options, situation_of(request))[0]
        return by_name[first.option.name].usd


MOST_KEPT = 10_000


def asked(row: RowMapping) -> Request[Any] | None:
    """The request of an attempt; where that was not kept, one of its medium."""
    medium: Medium = row["medium"]
    if row["asked"]:
        return KINDS[medium].model_validate_json(row["asked"])
    return request_for(medium, STAND_INS[medium], {}) if medium in STAND_INS else None


def free_choice(engine: Engine, request: Request[Any]) -> Request[Any]:
    """The request as if it had left open who does it."""
    whole = without_alias(request, engine.providers)
    return whole.model_copy(update={"model": None, "provider": None, "max_cost": None})


def remarks(rows: Sequence[RowMapping], left_out: int) -> tuple[str, ...]:
    """What these figures cannot know."""
    told = []
    if any(row["medium"] == "text" for row in rows):
        told.append(
            "of texts only the usage is known: every model of the route counts as one that could "
            "have answered, with as many tokens"
        )
    if any(row["job_id"] for row in rows):
        told.append("media count as long, as large and as many as they were delivered")
    if left_out:
        told.append(
            f"{left_out} attempts are left out: they brought nothing, have no known price, or are "
            f"beyond the newest {MOST_ATTEMPTS:,}"
        )
    return tuple(told)
