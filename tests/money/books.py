"""A ledger to ask, and rows to put into it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from anymedia.store.database import database_at
from anymedia.store.intake import enter
from anymedia.store.ledger import Entry, LedgerRow, nano
from anymedia.store.schema import metadata

NOON = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)


@contextmanager
def ledger() -> Iterator[Connection]:
    """An empty one, in memory."""
    import sqlalchemy

    engine = sqlalchemy.create_engine("sqlite://")
    with engine.begin() as connection:
        metadata.create_all(connection)
        yield connection
    engine.dispose()


def entry(
    attempt: str,
    usd: str | None = "1",
    *,
    kind: Entry = "settle",
    at: datetime = NOON,
    ago: timedelta = timedelta(),
    **facts: Any,
) -> LedgerRow:
    """A row about an attempt at one of Acme's clips, unless said."""
    whole: dict[str, Any] = {"provider": "acme", "model": "m1", "medium": "video"} | facts
    return LedgerRow(
        id=f"{attempt}:{kind}",
        at=(at - ago).timestamp(),
        entry=kind,
        attempt_id=attempt,
        amount=None if usd is None else nano(Decimal(usd)),
        **whole,
    )


async def entered(directory: Path, *rows: LedgerRow) -> None:
    """These rows are in the ledger of a data directory."""
    database = database_at(directory)
    await database.write(lambda c: enter(c, rows))
    await database.close()
