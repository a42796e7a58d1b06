"""The books: what journals hold is taken into the ledger, then summed, settled or laid beside others."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TypeAlias, TypedDict, Unpack, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from sqlalchemy import Connection

from anymedia.client.invoices import MOST_USD, invoice, read_file
from anymedia.client.reconciling import reconciled
from anymedia.client.replaying import Replaying
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.ledger import Costs, CostsBy
from anymedia.contracts.media import Medium
from anymedia.contracts.quality import QualityReport
from anymedia.contracts.reconciliation import Reconciliation
from anymedia.contracts.replay import Replay
from anymedia.contracts.route import Strategy
from anymedia.engine.engine import Engine
from anymedia.providers.catalog.own import stale
from anymedia.store.corrections import correct, the_one, write_off
from anymedia.store.costs import costs
from anymedia.store.database import Database
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER
from anymedia.store.ledger import nano
from anymedia.store.quality import quality
from anymedia.store.scope import Scope

Moment: TypeAlias = datetime | date | timedelta | str
"""A time, a day (its beginning), how long ago, or any of these as text."""

AGO = re.compile(r"^(\d{1,6})\s*([mhdw])$")
UNITS = {"m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
MOST_WARNINGS = 10
LOOK_SECONDS = 3600.0
AT_ONCE = 500


class Narrowed(TypedDict, total=False):
    """Which part of the ledger a question is about."""

    since: Moment | None
    until: Moment | None
    owner: str | None
    tag: str | None
    provider: str | None
    model: str | None
    media: Medium | None
    time_zone: str


class Invoicing(TypedDict, total=False):
    """What an invoice does not say by itself."""

    provider: str | None
    credit_usd: Decimal | str | float | None
    since: Moment | None
    until: Moment | None
    time_zone: str
    correct: bool


class Bookkeeping:
    """The ledger of this data directory's processes, up to the last row that was written."""

    def __init__(self, engine: Engine, database: Database, data_dir: Path) -> None:
        self._engine = engine
        self._database = database
        self._data_dir = data_dir

    async def costs(self, by: CostsBy, **narrowed: Unpack[Narrowed]) -> Costs:
        """What was spent."""
        if by not in get_args(CostsBy):
            raise InvalidRequest(
                f"costs cannot be summed by `{by}`; expected {', '.join(get_args(CostsBy))}"
            )
        scope, name = self._scope(narrowed), narrowed.get("time_zone", "UTC")
        await self._take_in()

        def work(connection: Connection) -> tuple[Costs, list[str]]:
            found = costs(connection, by, scope=scope, time_zone=name)
            models = found if by == "model" else costs(connection, "model", scope=scope)
            return found, [line.group for line in models.lines]

        found, models = await self._database.read(work)
        return found.model_copy(update={"warnings": self._stale(models)})

    async def settle(
        self, name: str, amount: Decimal | str | float, *, provider: str | None, why: str
    ) -> Costs:
        """What an attempt costs, said afterwards."""
        nanos = nano(usd(amount, "the amount"))
        assert nanos is not None
        await self._take_in()

        def work(connection: Connection) -> Costs:
            row = the_one(connection, name, provider)
            at = self._engine.clock.now()
            told = why or f"settled by hand on {at:%Y-%m-%d}"
            correct(connection, row, nanos, told)
            whose = row["job_id"] or row["request"] or row["attempt_id"]
            found = costs(connection, "job", scope=Scope(owner=row["owner"]))
            lines = tuple(line for line in found.lines if line.group == whose)
            return found.model_copy(update={"lines": lines, "total": lines[0]})

        return await self._database.write(work)

    async def reconcile(self, file: Path, **options: Unpack[Invoicing]) -> Reconciliation:
        """An invoice beside the ledger."""
        zone = zone_of(options.get("time_zone", "UTC"))
        credit = options.get("credit_usd")
        credit_usd = None if credit is None else usd(credit, "what a credit costs")
        provider, correcting = options.get("provider"), options.get("correct", False)
        scope = self._scope(
            {
                "since": options.get("since"),
                "until": options.get("until"),
                "time_zone": options.get("time_zone", "UTC"),
            }
        )
        text = await asyncio.to_thread(read_file, file)
        lines = await asyncio.to_thread(
            invoice, text, provider=provider, credit_usd=credit_usd, zone=zone
        )
        await self._take_in()

        def work(connection: Connection) -> Reconciliation:
            return reconciled(
                connection,
                lines,
                scope=scope,
                zone=zone,
                credit_usd=credit_usd,
                name=file.name,
                correcting=correcting,
            )

        return await (self._database.write(work) if correcting else self._database.read(work))

    async def replay(self, strategies: Sequence[Strategy], **narrowed: Unpack[Narrowed]) -> Replay:
        """The bill under other ways to choose."""
        for one in strategies:
            if one not in get_args(Strategy):
                raise InvalidRequest(
                    f"`{one}` is no strategy; expected {', '.join(get_args(Strategy))}"
                )
        scope = self._scope(narrowed)
        await self._take_in()
        replaying = Replaying(self._engine, strategies)
        paid = await self._database.read(lambda c: replaying.paid(c, scope))
        return await asyncio.to_thread(replaying.over, paid, scope)

    async def quality(self, **narrowed: Unpack[Narrowed]) -> QualityReport:
        """How well models have done what was asked."""
        scope = self._scope(narrowed)
        await self._take_in()
        return await self._database.read(lambda c: quality(c, scope))

    async def _take_in(self) -> None:
        await take_in(self._database, self._data_dir / FOLDER)

    def _scope(self, said: Narrowed) -> Scope:
        now, zone = self._engine.clock.now(), zone_of(said.get("time_zone", "UTC"))
        since, until = said.get("since"), said.get("until")
        return Scope(
            since=None if since is None else moment(since, now, zone),
            until=None if until is None else moment(until, now, zone),
            owner=said.get("owner"),
            tag=said.get("tag"),
            provider=said.get("provider"),
            model=said.get("model"),
            media=said.get("media"),
        )

    def _stale(self, models: list[str]) -> tuple[str, ...]:
        """A word on the models whose prices nobody has looked up for long."""
        providers, today = self._engine.providers, self._engine.clock.now().date()
        found = []
        for name in models:
            provider, _, model_id = name.partition("/")
            if provider not in providers.names():
                continue
            model = providers.model(provider, model_id)
            days = self._engine.settings.stale_price_days
            if model is not None and (since := stale(model, today, days)) is not None:
                found.append(f"the price of `{name}` was last looked up on {since}")
        more = len(found) - MOST_WARNINGS
        return (*found[:MOST_WARNINGS], *([f"and of {more} more models"] if more > 0 else []))


def usd(said: Decimal | str | float, what: str) -> Decimal:
    """An amount of money that can be meant."""
    try:
        amount = Decimal(str(said))
    except InvalidOperation:
        raise InvalidRequest(f"{what}, `{said}`, is no amount of US dollars") from None
    if not amount.is_finite() or not 0 <= amount <= MOST_USD:
        raise InvalidRequest(f"{what}, `{said}`, is no amount of US dollars that can be charged")
    return amount


def zone_of(name: str) -> ZoneInfo:
    """A time zone by its name. `InvalidRequest` when there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidRequest(
            f"`{name}` is no time zone; expected such as `UTC` or `Europe/Berlin`"
        ) from None


def moment(value: Moment, now: datetime, zone: tzinfo = UTC) -> datetime:
    """A time however it was said; without a zone of its own, in that one.

    `InvalidRequest` when it is none.
    """
    match value:
        case datetime():
            return value if value.tzinfo else value.replace(tzinfo=zone)
        case date():
            return datetime(value.year, value.month, value.day, tzinfo=zone)
        case timedelta():
            return earlier(now, value)
    if ago := AGO.match(value.strip()):
        return earlier(now, timedelta(**{UNITS[ago[2]]: int(ago[1])}))
    try:
        said = datetime.fromisoformat(value.strip())
    except ValueError:
        raise InvalidRequest(
            f"`{value}` is no time; expected how long ago (`7d`, `24h`, `30m`, `2w`), a day "
            f"(`2026-11-01`) or a time (`2026-11-01T12:00:00+00:00`)"
        ) from None
    return said if said.tzinfo else said.replace(tzinfo=zone)


def earlier(now: datetime, ago: timedelta) -> datetime:
    """So long before now; the beginning of time where that is further than dates go."""
    try:
        return now - ago
    except OverflowError:
        return datetime(1970, 1, 1, tzinfo=UTC)


class WritingOff:
    """Lets requests that may have been charged, and of which nobody will ever say, count no more.

    A failure of a text request is seldom charged, and budgets have counted it at the most that it
    could cost. An invoice that names it all the same corrects it (`reconcile`).
    """

    def __init__(self, engine: Engine, database: Database, data_dir: Path) -> None:
        self._engine = engine
        self._database = database
        self._data_dir = data_dir
        self._due = float("-inf")

    async def tend(self) -> None:
        """Now and then, some at a time."""
        now = self._engine.clock.monotonic()
        if now < self._due:
            return
        self._due = now + LOOK_SECONDS
        days = self._engine.settings.unknown_cost_days
        before = (self._engine.clock.now() - timedelta(days=days)).timestamp()
        why = f"nobody said within {days:g} days that it was charged"
        await take_in(self._database, self._data_dir / FOLDER)
        done = AT_ONCE
        while done == AT_ONCE:
            done = await self._database.write(lambda c: write_off(c, before, AT_ONCE, why))
