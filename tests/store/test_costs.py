"""The bill: every attempt once, by its last word; known, unknown and open amounts apart."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from hypothesis import given, strategies as some
from sqlalchemy import Connection

from anymedia.client.costs import moment
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.ledger import Costs, CostsBy, Spent
from anymedia.store.costs import costs
from anymedia.store.intake import enter
from anymedia.store.ledger import Entry, LedgerRow, nano
from anymedia.store.sqlite import opened

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Connection]:
    """An empty ledger."""
    engine = opened(tmp_path / "anymedia.db")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def entry(
    attempt: str, kind: Entry, usd: str | None = None, *, ago: timedelta = timedelta(), **facts: Any
) -> LedgerRow:
    """A row about an attempt."""
    facts = {"provider": "acme", "model": "m1", "medium": "video", **facts}
    facts.setdefault("outcome", "reserved" if kind == "reserve" else "succeeded")
    amount = nano(Decimal(usd)) if usd is not None else None
    return LedgerRow(
        id=f"{attempt}:{kind}",
        at=(NOON - ago).timestamp(),
        entry=kind,
        attempt_id=attempt,
        amount=amount,
        **facts,
    )


def summed(
    connection: Connection, *rows: LedgerRow, by: CostsBy = "provider", **when: Any
) -> Costs:
    """The bill over these rows."""
    enter(connection, rows)
    return costs(connection, by, **when)


def test_nothing_costs_nothing(ledger: Connection) -> None:
    """An empty ledger is no error."""
    assert summed(ledger) == Costs(by="provider", total=Spent())


def test_what_is_settled_replaces_what_was_reserved(ledger: Connection) -> None:
    """An attempt counts once."""
    bill = summed(
        ledger,
        entry("a", "reserve", "0.50"),
        entry("a", "settle", "0.40"),
        entry("b", "reserve", "0.50"),
        entry("b", "release", "0", outcome="rejected"),
    )
    assert bill.total == Spent(amount=Decimal("0.40"), requests=1)


def test_what_is_under_way_is_pending_with_its_reservation(ledger: Connection) -> None:
    """It is not owed yet."""
    total = summed(ledger, entry("a", "reserve", "0.50")).total
    assert (total.amount, total.pending) == (Decimal(0), 1)
    assert total.pending_amount == Decimal("0.50")
    assert (total.requests, total.failed) == (1, 0)


def test_what_nobody_knows_is_pending_until_it_is_known(ledger: Connection) -> None:
    """With the bound where one was reserved; and settled when somebody finds out."""
    lost: dict[str, Any] = {"outcome": "outcome_unknown", "maybe_billed": True, "basis": "pending"}
    bill = summed(
        ledger,
        entry("a", "reserve", "0.50"),
        entry("a", "pending", **lost),
        entry("t", "pending", outcome="failed", maybe_billed=True, basis="pending"),
    )
    total = bill.total
    assert (total.pending, total.pending_amount, total.pending_unbounded) == (2, Decimal("0.50"), 1)
    assert (total.amount, total.failed) == (Decimal(0), 2)
    found = summed(ledger, entry("a", "settle", "0.45")).total
    assert (found.amount, found.pending, found.pending_unbounded) == (Decimal("0.45"), 1, 1)
    mended = summed(ledger, entry("a", "correct", "0.30")).total
    assert mended.amount == Decimal("0.30")


def test_what_has_no_price_is_counted_and_not_added(ledger: Connection) -> None:
    """Nought would look like a gift."""
    total = summed(ledger, entry("a", "settle", basis="unpriced"), entry("b", "settle", "1")).total
    assert (total.amount, total.unpriced, total.requests) == (Decimal(1), 1, 2)


def test_groups_are_told_apart_and_the_dearest_comes_first(ledger: Connection) -> None:
    """By provider, model, medium, key or day; days in their order."""
    rows = [
        entry("a", "settle", "0.10", medium="image", owner="key_1"),
        entry("b", "settle", "0.70", model="m2", owner="key_2"),
        entry("c", "settle", "0.40", provider="bolt", ago=timedelta(days=1)),
        entry("d", "settle", "0.20", provider="bolt", ago=timedelta(days=1)),
    ]
    groups = {
        by: [
            (line.group, str(line.amount), line.requests)
            for line in summed(ledger, *rows, by=by).lines
        ]
        for by in ("provider", "model", "media", "key", "day")
    }
    assert groups == {
        "provider": [("acme", "0.8", 2), ("bolt", "0.6", 2)],
        "model": [("acme/m2", "0.7", 1), ("bolt/m1", "0.6", 2), ("acme/m1", "0.1", 1)],
        "media": [("video", "1.3", 3), ("image", "0.1", 1)],
        "key": [("key_2", "0.7", 1), ("local", "0.6", 2), ("key_1", "0.1", 1)],
        "day": [("2026-11-20", "0.6", 2), ("2026-11-21", "0.8", 2)],
    }


def test_a_time_can_be_chosen_and_so_can_a_key(ledger: Connection) -> None:
    """From the first moment, up to the last without it."""
    rows = [
        entry(str(hours), "settle", "1", ago=timedelta(hours=hours), owner=f"key_{hours % 2}")
        for hours in range(10)
    ]
    enter(ledger, rows)
    since, until = NOON - timedelta(hours=5), NOON - timedelta(hours=2)
    assert costs(ledger, "day", since=since).total.requests == 6
    assert costs(ledger, "day", until=until).total.requests == 7
    between = costs(ledger, "day", since=since, until=until)
    assert (between.since, between.until, between.total.requests) == (since, until, 3)
    assert costs(ledger, "day", owner="key_1").total.requests == 5


def test_tokens_add_up(ledger: Connection) -> None:
    """Where providers told them."""
    total = summed(
        ledger,
        entry("a", "settle", "1", usage={"input_tokens": 5, "output_tokens": 7}),
        entry("b", "settle", "1", usage={"input_tokens": 6}),
        entry("c", "settle", "1"),
    ).total
    assert (total.input_tokens, total.output_tokens) == (11, 7)


@given(some.lists(some.decimals(0, 1000, places=9), min_size=1, max_size=30))
def test_sums_are_exact(amounts: list[Decimal]) -> None:
    """To the last nano-dollar: no float ever touches money."""
    engine = sqlalchemy.create_engine("sqlite://")
    from anymedia.store import schema

    with engine.begin() as connection:
        schema.metadata.create_all(connection)
        rows = [entry(str(number), "settle", str(usd)) for number, usd in enumerate(amounts)]
        assert summed(connection, *rows).total.amount == sum(amounts, Decimal(0))
    engine.dispose()


def test_sums_are_whole_json(ledger: Connection) -> None:
    """As the command line and the gateway hand them out."""
    bill = summed(ledger, entry("a", "settle", "0.000000001"), since=NOON)
    assert Costs.model_validate_json(bill.model_dump_json()) == bill


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("7d", NOON - timedelta(days=7)),
        ("24h", NOON - timedelta(hours=24)),
        (" 30 m ", NOON - timedelta(minutes=30)),
        ("2w", NOON - timedelta(weeks=2)),
        ("999999w", datetime(1970, 1, 1, tzinfo=UTC)),
        (timedelta(days=1), NOON - timedelta(days=1)),
        ("2026-11-01", datetime(2026, 11, 1, tzinfo=UTC)),
        (date(2026, 11, 1), datetime(2026, 11, 1, tzinfo=UTC)),
        ("2026-11-01T10:00:00+02:00", datetime(2026, 11, 1, 8, tzinfo=UTC)),
        (datetime(2026, 11, 1, 10), datetime(2026, 11, 1, 10, tzinfo=UTC)),  # noqa: DTZ001  people write it
        (NOON, NOON),
    ],
)
def test_a_time_can_be_said_in_several_ways(said: Any, meant: datetime) -> None:
    """Days and times without a zone are in UTC."""
    assert moment(said, NOON) == meant


@pytest.mark.parametrize("said", ["", "yesterday", "7", "d7", "-1d", "2026-13-01"])
def test_what_is_no_time_is_refused_with_examples(said: str) -> None:
    """In one line."""
    with pytest.raises(InvalidRequest, match="expected how long ago"):
        moment(said, NOON)


def test_a_request_with_two_tags_stands_under_both_and_once_in_the_total(
    ledger: Connection,
) -> None:
    """And one without any under none."""
    bill = summed(
        ledger,
        entry("a", "settle", "1.00", tags=("team-a", "shoes")),
        entry("b", "settle", "2.00", tags=("team-a",)),
        entry("c", "settle", "4.00"),
        by="tag",
    )
    assert {line.group: line.amount for line in bill.lines} == {
        "team-a": Decimal(3),
        "shoes": Decimal(1),
        "": Decimal(4),
    }
    assert (bill.total.amount, bill.total.requests) == (Decimal(7), 3)
