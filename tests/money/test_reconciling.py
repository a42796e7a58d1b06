"""An invoice beside the ledger: by id, by amount, by the sums of days; and what is wrong in it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Connection

from anymedia.client.invoices import invoice
from anymedia.client.reconciling import reconciled
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.reconciliation import Reconciliation
from anymedia.store.costs import costs
from anymedia.store.intake import enter
from anymedia.store.ledger import LedgerRow
from anymedia.store.scope import Scope
from tests.money.books import NOON, entry, ledger


def compared(
    text: str,
    *rows: LedgerRow,
    connection: Connection | None = None,
    correct: bool = False,
    credit_usd: str | None = None,
    provider: str | None = "acme",
    zone: tzinfo = UTC,
    **scope: Any,
) -> Reconciliation:
    """An invoice laid beside these rows."""
    if connection is None:
        with ledger() as own:
            enter(own, rows)
            return compared(
                text,
                connection=own,
                correct=correct,
                credit_usd=credit_usd,
                provider=provider,
                zone=zone,
                **scope,
            )
    credit = None if credit_usd is None else Decimal(credit_usd)
    return reconciled(
        connection,
        invoice(text, provider=provider, credit_usd=credit, zone=zone),
        scope=Scope(**scope),
        zone=zone,
        credit_usd=credit,
        name="november.csv",
        correcting=correct,
    )


def agreements(found: Reconciliation) -> list[tuple[str, str | None, tuple[str, ...]]]:
    """What was brought together, and how."""
    return [(one.agreement, one.found_by, one.attempts) for one in found.lines]


def test_charges_find_their_attempts_by_the_providers_id() -> None:
    """Matched, differing with both amounts, missing, and what the invoice has not."""
    found = compared(
        "Request ID,Cost,Date,Model\n"
        "r-1,1.00,2026-11-21,m1\n"
        "r-2,1.50,2026-11-21,m1\n"
        "r-9,0.30,2026-11-21,m1\n",
        entry("a", "1", reference="r-1"),
        entry("b", "1", reference="r-2"),
        entry("c", "0.07", reference="r-3"),
    )
    assert agreements(found) == [
        ("differing", "reference", ("b",)),
        ("missing", None, ()),
        ("unbilled", None, ("c",)),
        ("matched", "reference", ("a",)),
    ]
    assert (found.matched, found.differing, found.missing, found.unbilled) == (1, 1, 1, 1)
    assert found.lines[0].difference == Decimal("0.50")
    assert (found.invoiced, found.recorded) == (Decimal("2.80"), Decimal("2.07"))


def test_several_lines_with_one_id_are_one_charge() -> None:
    """A clip and its sound, say."""
    found = compared(
        "job_id,amount\nr-1,0.75\nr-1,0.25\n", entry("a", "1", reference="r-1"), provider=None
    )
    assert (found.matched, found.lines[0].lines) == (1, (2, 3))


def test_charges_without_id_are_found_by_model_day_and_amount() -> None:
    """Each attempt once; the neighbouring day too, as a provider counts by when it began."""
    found = compared(
        "date,model,amount\n2026-11-21,m1,0.40\n2026-11-21,m1,0.40\n2026-11-20,m2,0.10\n",
        entry("a", "0.40"),
        entry("b", "0.40"),
        entry("c", "0.10", model="m2", at=datetime(2026, 11, 21, 0, 5, tzinfo=UTC)),
        entry("d", "0.40", provider="bolt"),
    )
    assert found.matched == 3
    assert found.unbilled == 0, "another provider's attempts are on its own invoice"


def test_a_line_for_a_whole_day_is_laid_beside_its_sum() -> None:
    """Many providers tell no more than that."""
    rows = [entry(str(number), "0.004", ago=timedelta(minutes=number)) for number in range(5)]
    found = compared("day,model,cost\n2026-11-21,m1,0.02\n", *rows)
    assert (found.matched, found.lines[0].found_by) == (1, "sum")
    assert len(found.lines[0].attempts) == 5
    assert compared("day,model,cost\n2026-11-21,m1,0.07\n", *rows).differing == 1


def test_days_begin_where_the_invoice_says() -> None:
    """An attempt at 23:30 in UTC is tomorrow's in Berlin."""
    late = entry("a", "0.40", at=datetime(2026, 11, 20, 23, 30, tzinfo=UTC))
    text = "day,model,cost\n2026-11-21,m1,0.41\n"
    assert compared(text, late).missing == 1
    assert compared(text, late, zone=ZoneInfo("Europe/Berlin")).differing == 1


def test_times_with_a_zone_are_what_they_say() -> None:
    """Whatever the calendar of the invoice."""
    (line,) = invoice(
        "timestamp,id,cost\n2026-11-21T23:30:00-05:00,x,1\n",
        provider=None,
        credit_usd=None,
        zone=ZoneInfo("Asia/Tokyo"),
    )
    assert line.at == datetime(2026, 11, 22, 4, 30, tzinfo=UTC)
    assert str(line.day) == "2026-11-22"


def test_credits_are_converted_at_the_rate_that_is_given() -> None:
    """The rate and both amounts are in the answer."""
    found = compared(
        "task_id,credits\nt-1,25\nt-2,30\n",
        entry("a", "0.25", reference="t-1"),
        entry("b", "0.25", reference="t-2"),
        credit_usd="0.01",
    )
    assert (found.matched, found.differing, found.credit_usd) == (1, 1, Decimal("0.01"))
    assert found.lines[0].invoiced == Decimal("0.30")


def test_amounts_are_compared_as_finely_as_the_invoice_tells() -> None:
    """Rounded to cents, a tenth of a cent is no difference; a whole one is."""
    row = entry("a", "0.1234", reference="r")
    assert compared("id,usd\nr,0.12\n", row).matched == 1
    assert compared("id,usd\nr,0.1233\n", row).differing == 1
    assert compared("id,usd\nr,0.13\n", row).differing == 1


def test_with_correct_the_ledger_follows_by_new_rows() -> None:
    """What differs, what was pending, and what a refused request was charged all the same.

    The second time there is nothing left to correct.
    """
    text = "id,usd\nr-1,1.50\nr-2,0.70\nr-3,0.20\n"
    with ledger() as connection:
        rows = [
            entry("a", "1", reference="r-1", tags=("film",)),
            entry("b", None, kind="pending", basis="pending", reference="r-2"),
            entry("c", "0", kind="release", reference="r-3", outcome="rejected"),
        ]
        enter(connection, rows)
        seen = compared(text, connection=connection)
        assert (seen.differing, seen.corrected) == (3, 0)
        assert costs(connection, "provider").total.amount == 1, "looking changes nothing"
        assert compared(text, connection=connection, correct=True).corrected == 3
        total = costs(connection, "provider").total
        assert (total.amount, total.pending) == (Decimal("2.40"), 0)
        (tagged,) = costs(connection, "provider", scope=Scope(tag="film")).lines
        assert tagged.amount == Decimal("1.5")
        again = compared(text, connection=connection, correct=True)
        assert (again.matched, again.corrected) == (3, 0)
        kept = connection.exec_driver_sql("SELECT amount FROM ledger WHERE id = 'a:settle'")
        assert kept.scalar() == 1_000_000_000, "rows are never changed"


def test_a_correction_stands_in_the_month_of_what_it_corrects() -> None:
    """However late the invoice comes."""
    with ledger() as connection:
        enter(connection, [entry("a", "1", reference="r", ago=timedelta(days=30))])
        compared("id,usd\nr,3\n", connection=connection, correct=True)
        (line,) = costs(connection, "day").lines
        assert (line.group, line.amount) == ("2026-10-22", Decimal(3))


def test_what_is_under_way_is_not_corrected() -> None:
    """It will be settled by itself."""
    row = entry("a", "1", kind="reserve", reference="r", outcome="reserved")
    assert compared("id,usd\nr,1\n", row, correct=True).corrected == 0


def test_a_time_can_be_chosen_for_what_is_not_on_the_invoice() -> None:
    """Without one it is that of the invoice."""
    old = entry("old", "1", ago=timedelta(days=1))
    text = "id,usd,date\nr,1,2026-11-21\n"
    now = entry("a", "1", reference="r")
    assert compared(text, old, now).unbilled == 0
    assert compared(text, old, now, since=NOON - timedelta(days=3)).unbilled == 1


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("id,usd\n", "no line below"),
        ("name,usd\nx,1\n", "what for"),
        ("id,name\nx,1\n", "how much"),
        ("id,usd\nr,1\nr,one\n", "line 3 of the invoice: `one` is no amount"),
        ("id,usd\nr,-1\n", "line 2.*refunds"),
        ("id,usd\nr,NaN\n", "line 2"),
        ("id,usd\nr,99999999999\n", "line 2.*cannot be meant"),
        ("id,usd\nr,1,2\n", "line 2.*3 cells under 2 headers"),
        ("id,usd,date\nr,1,yesterday\n", "line 2.*no time"),
        ("id,usd,date\nr,1,2026-02-30\n", "line 2.*no time"),
        ("id,usd\n,1\n", "line 2.*neither an id nor a day"),
        ("id,amount,currency\nr,1,EUR\n", "line 2.*EUR"),
        ("id,credits\nr,1\n", "--credit-usd"),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_line(text: str, why: str) -> None:
    """Before anything is compared."""
    with pytest.raises(InvalidRequest, match=why):
        invoice(text, provider=None, credit_usd=None)


@pytest.mark.parametrize(
    ("cell", "usd"),
    [("$0.25", "0.25"), ('"1,234.50"', "1234.50"), ("0.25 USD", "0.25"), ("1e-3", "0.001")],
)
def test_amounts_may_be_written_in_several_ways(cell: str, usd: str) -> None:
    """As people and spreadsheets write them."""
    (line,) = invoice(f"id,cost\nx,{cell}\n", provider="acme", credit_usd=None)
    assert (line.amount, line.provider) == (Decimal(usd), "acme")


def test_cells_may_be_parted_by_semicolons_and_begin_with_a_mark() -> None:
    """As some spreadsheets save."""
    (line,) = invoice("\ufeffID;Total\nx;2\n", provider=None, credit_usd=None)
    assert (line.reference, line.amount) == ("x", Decimal(2))
