"""The same reports on SQLite and on Postgres, to the last digit."""

from __future__ import annotations

import asyncio
from datetime import UTC, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

from sqlalchemy import Connection

from anymedia.client.invoices import invoice
from anymedia.client.reconciling import reconciled
from anymedia.contracts.ledger import CostsBy
from anymedia.store.corrections import correct, the_one, write_off
from anymedia.store.costs import costs
from anymedia.store.database import Database, database_at
from anymedia.store.intake import enter
from anymedia.store.quality import quality, recent_times
from anymedia.store.scope import Scope
from tests.money.books import NOON, entry
from tests.support.postgres import fresh_url, needs_postgres


def everything(connection: Connection) -> list[Any]:
    """Every report there is, before and after corrections."""
    usage = {"seconds": "7.52", "input_tokens": 10, "credits": "1.5"}
    enter(
        connection,
        [
            *(
                entry(
                    f"a{n}", "0.25", ago=timedelta(hours=n), usage=usage, seconds=float(n),
                    tags=("film", 'a "b"', "50%")[: n % 4], reference=f"r-{n}",
                )
                for n in range(40)
            ),
            entry("x", None, kind="pending", basis="pending", bound=7, ago=timedelta(days=9)),
            entry("k", "0", kind="cached", computed=5, outcome="cached"),
            entry("u", None, basis="unpriced", provider="bolt", medium="text"),
        ],
    )  # fmt: skip
    found: list[Any] = []
    for by in get_args(CostsBy):
        found += [costs(connection, by, time_zone=zone) for zone in ("UTC", "Asia/Kathmandu")]
    for part in ({"tag": "50%"}, {"tag": 'a "b"'}, {"model": "acme/m1"}, {"media": "text"}):
        found.append(costs(connection, "provider", scope=Scope(**part)))  # type: ignore[arg-type]  # names of texts
    found += [quality(connection, Scope()), recent_times(connection)]
    found.append(
        reconciled(
            connection,
            invoice("id,usd\nr-1,0.25\nr-2,0.30\nzz,1\n", provider="acme", credit_usd=None),
            scope=Scope(),
            zone=UTC,
            credit_usd=None,
            name="n.csv",
            correcting=True,
        )
    )
    correct(connection, the_one(connection, "r-3", None), 5, "their word")
    found.append(write_off(connection, (NOON - timedelta(days=7)).timestamp(), 10, "nobody said"))
    found.append(costs(connection, "job"))
    return found


def all_of(database: Database) -> list[Any]:
    """The reports on a database."""

    async def work() -> list[Any]:
        try:
            return await database.write(everything)
        finally:
            await database.close()

    return asyncio.run(work())


@needs_postgres()
def test_reports_are_the_same_on_both(tmp_path: Path) -> None:
    """Groups, zones, parts, quality, an invoice, corrections."""
    on_sqlite = all_of(database_at(tmp_path / "sqlite"))
    with fresh_url() as url:
        on_postgres = all_of(database_at(tmp_path / "postgres", url))
    for here, there in zip(on_sqlite, on_postgres, strict=True):
        assert here == there
    last = on_sqlite[-1].total
    assert last.amount == Decimal("0.25") * 39 + Decimal("0.05") + Decimal("0.000000005")
