"""An invoice laid beside the ledger.

Charges find their attempts by the provider's own id; those without one by provider, model, day and
amount; and what is left on both sides by the sums of a model's day, as many providers tell no more.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta, tzinfo
from decimal import Decimal

from sqlalchemy import ColumnElement, Connection, RowMapping, or_, select

from anymedia.contracts.reconciliation import InvoiceLine, Reconciled, Reconciliation
from anymedia.store.corrections import correct
from anymedia.store.ledger import dollars, nano
from anymedia.store.schema import ledger
from anymedia.store.scope import CACHED, Scope, decisive

AROUND = timedelta(days=2)
"""A provider counts by when it began, or by its own midnight."""
AT_ONCE = 500
CENTS = 2
ORDER = ("differing", "missing", "unbilled", "matched")


@dataclass(frozen=True, slots=True)
class Charge:
    """What an invoice says about one thing, on one line or several."""

    lines: tuple[InvoiceLine, ...]

    @property
    def first(self) -> InvoiceLine:
        """What it is about."""
        return self.lines[0]

    @property
    def amount(self) -> Decimal:
        """All of it."""
        return sum((one.amount for one in self.lines), Decimal(0))


@dataclass(slots=True)
class Table:
    """Charges on one side, attempts on the other, and what was brought together."""

    zone: tzinfo
    tolerance: Decimal
    attempts: dict[str, RowMapping]
    found: list[tuple[Reconciled, tuple[RowMapping, ...]]] = field(default_factory=list)

    def pair(self, charge: Charge, rows: Sequence[RowMapping], found_by: str) -> None:
        """A charge and its attempts belong together."""
        for row in rows:
            self.attempts.pop(row["attempt_id"], None)
        amounts = [recorded(row) for row in rows]
        known = (
            None if any(one is None for one in amounts) else sum(filter(None, amounts), Decimal(0))
        )
        difference = None if known is None else charge.amount - known
        same = difference is not None and abs(difference) <= self.tolerance
        told = Reconciled.model_validate(
            {
                "agreement": "matched" if same else "differing",
                "found_by": found_by,
                "lines": tuple(one.line for one in charge.lines),
                "attempts": tuple(row["attempt_id"] for row in rows),
                "reference": charge.first.reference,
                "provider": rows[0]["provider"],
                "model": rows[0]["model"],
                "day": charge.first.day or self.day(rows[0]),
                "invoiced": charge.amount,
                "recorded": known,
                "difference": difference,
            }
        )
        self.found.append((told, tuple(rows)))

    def miss(self, charge: Charge) -> None:
        """The ledger does not know of it."""
        one = charge.first
        told = Reconciled(
            agreement="missing",
            lines=tuple(each.line for each in charge.lines),
            reference=one.reference,
            provider=one.provider,
            model=one.model,
            day=one.day,
            invoiced=charge.amount,
        )
        self.found.append((told, ()))

    def unbilled(self, since: datetime | None, until: datetime | None) -> None:
        """What is left in the ledger, was charged for by its account, and lies within the time."""
        for row in self.attempts.values():
            amount = recorded(row)
            inside = (since is None or row["at"] >= since.timestamp()) and (
                until is None or row["at"] < until.timestamp()
            )
            if not amount or not inside:
                continue
            told = Reconciled(
                agreement="unbilled",
                attempts=(row["attempt_id"],),
                reference=row["reference"],
                provider=row["provider"],
                model=row["model"],
                day=self.day(row),
                recorded=amount,
            )
            self.found.append((told, (row,)))

    def day(self, row: RowMapping) -> date:
        """When it was, by the invoice's calendar."""
        return datetime.fromtimestamp(row["at"], self.zone).date()


def recorded(row: RowMapping) -> Decimal | None:
    """What the ledger says an attempt costs; nothing where it was not taken on."""
    if row["entry"] == "release":
        return Decimal(0)
    return None if row["entry"] in {"reserve", "pending"} else dollars(row["amount"])


def reconciled(
    connection: Connection,
    lines: Sequence[InvoiceLine],
    *,
    scope: Scope,
    zone: tzinfo,
    credit_usd: Decimal | None,
    name: str,
    correcting: bool,
) -> Reconciliation:
    """Bring both together; with `correcting`, the ledger follows the invoice where it differs."""
    days = [one.day for one in lines if one.day is not None]
    since = scope.since or (midnight(min(days), zone) if days else None)
    until = scope.until or (midnight(max(days) + timedelta(days=1), zone) if days else None)
    providers = tuple(sorted({one.provider for one in lines if one.provider}))
    rows = candidates(connection, lines, since, until, providers)
    table = Table(zone, tolerance_of(lines, credit_usd), {row["attempt_id"]: row for row in rows})
    left = by_reference(table, charges(lines))
    left = by_sum(table, by_amount(table, left))
    for charge in left:
        table.miss(charge)
    if days or scope.since or scope.until or providers:
        table.unbilled(since, until)
    found = [
        corrected(connection, told, ones, name) if correcting else told
        for told, ones in table.found
    ]
    found.sort(key=lambda one: (ORDER.index(one.agreement), one.lines))
    return Reconciliation(
        since=since,
        until=until,
        providers=providers,
        credit_usd=credit_usd,
        tolerance=table.tolerance,
        **{word: sum(one.agreement == word for one in found) for word in ORDER},
        corrected=sum(one.corrected for one in found),
        invoiced=(invoiced := sum((one.invoiced or Decimal(0) for one in found), Decimal(0))),
        recorded=(known := sum((one.recorded or Decimal(0) for one in found), Decimal(0))),
        difference=invoiced - known,
        lines=tuple(found),
    )


def candidates(
    connection: Connection,
    lines: Sequence[InvoiceLine],
    since: datetime | None,
    until: datetime | None,
    providers: tuple[str, ...],
) -> list[RowMapping]:
    """Attempts that the invoice may be about: of its time and providers, and those it names."""
    query = select(ledger).where(decisive(), ~CACHED).order_by(ledger.c.at, ledger.c.row)
    ours = [ledger.c.provider.in_(providers)] if providers else []
    found: dict[str, RowMapping] = {}
    if since is not None or until is not None or ours:
        within: list[ColumnElement[bool]] = [*ours]
        if since is not None:
            within.append(ledger.c.at >= (since - AROUND).timestamp())
        if until is not None:
            within.append(ledger.c.at < (until + AROUND).timestamp())
        for row in connection.execute(query.where(*within)).mappings():
            found[row["attempt_id"]] = row
    names = list({one.reference for one in lines if one.reference})
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        named = or_(ledger.c.reference.in_(some), ledger.c.attempt_id.in_(some))
        for row in connection.execute(query.where(named, *ours)).mappings():
            found[row["attempt_id"]] = row
    return list(found.values())


def tolerance_of(lines: Sequence[InvoiceLine], credit_usd: Decimal | None) -> Decimal:
    """Half of the last digit that the invoice tells; half a credit's last digit likewise."""
    told = [one.credits if one.credits is not None else one.amount for one in lines]
    digits = max(-int(one.as_tuple().exponent) for one in told)
    if credit_usd is not None:
        return credit_usd * Decimal(1).scaleb(-max(digits, 0)) / 2
    return Decimal(1).scaleb(-max(digits, CENTS)) / 2


def charges(lines: Iterable[InvoiceLine]) -> list[Charge]:
    """Lines with the same id are one charge."""
    named: defaultdict[tuple[str | None, str], list[InvoiceLine]] = defaultdict(list)
    found: list[Charge] = []
    for one in lines:
        if one.reference is None:
            found.append(Charge((one,)))
        else:
            named[one.provider, one.reference].append(one)
    return [*(Charge(tuple(ones)) for ones in named.values()), *found]


def by_reference(table: Table, charged: Sequence[Charge]) -> list[Charge]:
    """Charges that name their attempt; the others are returned."""
    names: defaultdict[str, list[RowMapping]] = defaultdict(list)
    for row in table.attempts.values():
        for name in {row["reference"], row["attempt_id"]} - {None}:
            names[name].append(row)
    left = []
    for charge in charged:
        rows = [
            row
            for row in names.get(charge.first.reference or "", ())
            if row["attempt_id"] in table.attempts
            and charge.first.provider in {None, row["provider"]}
        ]
        if rows:
            table.pair(charge, rows, "reference")
        else:
            left.append(charge)
    return left


def by_amount(table: Table, charged: Sequence[Charge]) -> list[Charge]:
    """Charges with the amount of an attempt of that model on that day, or on the one beside it."""
    index: defaultdict[tuple[date, int], list[RowMapping]] = defaultdict(list)
    for row in table.attempts.values():
        if (amount := recorded(row)) is not None:
            index[table.day(row), step(amount, table)].append(row)
    left = list(charged)
    for shift in (0, -1, 1):
        still = []
        for charge in left:
            found = None
            if (day := charge.first.day) is not None:
                found = alone(table, charge, index, day + timedelta(days=shift))
            if found is None:
                still.append(charge)
            else:
                table.pair(charge, [found], "amount")
        left = still
    return left


def alone(
    table: Table,
    charge: Charge,
    index: Mapping[tuple[date, int], Sequence[RowMapping]],
    day: date,
) -> RowMapping | None:
    """The first attempt of a day that is left and has the charge's amount."""
    middle = step(charge.amount, table)
    return next(
        (
            row
            for near in (middle, middle - 1, middle + 1)
            for row in index.get((day, near), ())
            if row["attempt_id"] in table.attempts
            and alike(charge.first, row)
            and abs((recorded(row) or Decimal(0)) - charge.amount) <= table.tolerance
        ),
        None,
    )


def step(amount: Decimal, table: Table) -> int:
    """Amounts that may be the same are on one step, or on the next."""
    return int(amount // (table.tolerance * 2))


def by_sum(table: Table, charged: Sequence[Charge]) -> list[Charge]:
    """Charges without an id that stand for all that is left of a model's day."""
    index: defaultdict[date, list[RowMapping]] = defaultdict(list)
    for row in table.attempts.values():
        if recorded(row):
            index[table.day(row)].append(row)
    left = []
    for charge in charged:
        one = charge.first
        of_day = index.get(one.day, ()) if one.day and one.reference is None else ()
        rows = [row for row in of_day if row["attempt_id"] in table.attempts and alike(one, row)]
        if rows:
            table.pair(charge, rows, "sum")
        else:
            left.append(charge)
    return left


def alike(line: InvoiceLine, row: RowMapping) -> bool:
    """Whether a line can be about an attempt, by provider and model."""
    model = row["model"]
    return line.provider in {None, row["provider"]} and (
        line.model in {None, model, f"{row['provider']}/{model}"}
    )


def corrected(
    connection: Connection, told: Reconciled, rows: tuple[RowMapping, ...], name: str
) -> Reconciled:
    """The ledger follows the invoice, where one attempt has another amount."""
    if told.agreement != "differing" or len(rows) != 1 or rows[0]["entry"] == "reserve":
        return told
    amount = nano(told.invoiced)
    assert amount is not None
    lines = ", ".join(map(str, told.lines))
    row = correct(connection, rows[0], amount, f"as invoiced: {name}, line {lines}")
    return told.model_copy(update={"corrected": row is not None})


def midnight(day: date, zone: tzinfo) -> datetime:
    """When a day begins."""
    return datetime(day.year, day.month, day.day, tzinfo=zone)
