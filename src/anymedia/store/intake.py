"""Taking journals into the database: every row once, whoever wrote it and however it ended.

How far a journal has been read is written in the same transaction as its rows, so a crash at any
point repeats nothing; and if it did, a row's id makes it the same row. A journal whose writer is
gone (its lock has ended with it) is removed when all of it is in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, partial
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from anymedia.store import turns
from anymedia.store.accounts import entered
from anymedia.store.database import Database
from anymedia.store.journal import journals, rows_of
from anymedia.store.ledger import LedgerRow
from anymedia.store.schema import journals as progress, ledger
from anymedia.store.transaction import at_end
from anymedia.store.upsert import built, unless_there, upsert

PIECE_BYTES = 256 * 1024
"""What one transaction takes in; other writers get their turn in between."""


async def take_in(database: Database, directory: Path) -> int:
    """Take in what all journals of a directory hold by now; how many rows were new."""
    taken = 0
    for path, abandoned in journals(directory):
        while True:
            read, new = await database.write(partial(piece, path=path))
            taken += new
            if not read:
                break
        if abandoned:
            path.unlink(missing_ok=True)
            await database.write(partial(forget, path=path))
    return taken


def piece(connection: Connection, path: Path) -> tuple[int, int]:
    """Take in the next rows of a journal: how many bytes they have, and how many were new."""
    turns.entering(connection)
    offset = place(connection, path)
    try:
        rows, end = rows_of(path, offset or 0, PIECE_BYTES)
    except FileNotFoundError:  # another process has finished it
        return 0, 0
    if end == (offset or 0):
        return 0, 0
    new = enter(connection, rows)
    connection.execute(
        upsert(connection, progress)
        .values(name=path.name, offset=end)
        .on_conflict_do_update(index_elements=["name"], set_={"offset": end})
    )
    return end - (offset or 0), new


def place(connection: Connection, path: Path) -> int | None:
    """How far a journal has been read. Others who want to read on wait until we are done."""
    query = select(progress.c.offset).where(progress.c.name == path.name).with_for_update()
    offset = connection.execute(query).scalar()
    if offset is not None or not path.exists():
        return offset
    connection.execute(unless_there(connection, progress, "name"), {"name": path.name, "offset": 0})
    return connection.execute(query).scalar()


def forget(connection: Connection, path: Path) -> None:
    """A journal that is gone needs no place mark."""
    connection.execute(delete(progress).where(progress.c.name == path.name))


def enter(connection: Connection, rows: Iterable[LedgerRow]) -> int:
    """Add rows to the ledger; one that is there already stays as it is. How many were new."""
    rows = tuple(rows)
    columns = [columns_of(row) for row in rows]
    if not columns:
        return 0
    turns.entering(connection)
    count = added(connection, columns)
    entered(connection, rows)
    return count


def added(connection: Connection, columns: list[dict[str, Any]]) -> int:
    """Write rows; how many were new."""
    insert = unless_there(connection, ledger, "id")
    if len(columns) == 1:
        return connection.execute(insert, columns[0]).rowcount
    if connection.dialect.name == "sqlite":
        # As the driver takes them: thousands come in a second, and a third of the work on each was
        # to look at its values, which all are texts and numbers.
        words, order = sqlite_words(tuple(columns[0]))
        values = [tuple(row[name] for name in order) for row in columns]
        return connection.exec_driver_sql(words, values).rowcount
    # Counted by what comes back: the driver does not count what several inserts did.
    return len(connection.execute(insert.returning(ledger.c.id), columns).all())


@cache
def sqlite_words(names: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The insert that leaves what is there as it is, in SQL, and the order of its values."""
    insert = built("sqlite", ledger, ("id",))
    compiled = insert.compile(dialect=sqlite.dialect(), column_keys=list(names))
    assert isinstance(compiled, SQLCompiler)
    return str(compiled), tuple(compiled.positiontup or ())


def reserve(connection: Connection, row: LedgerRow) -> None:
    """Add what an attempt may cost, at the end of the transaction: no account follows that."""
    turns.entering(connection)
    at_end(connection, unless_there(connection, ledger, "id"), columns_of(row))


def columns_of(row: LedgerRow) -> dict[str, Any]:
    """A row of the ledger as the database has it."""
    return {
        **msgspec.structs.asdict(row),
        "price": msgspec.json.encode(row.price).decode() if row.price else None,
        "usage": msgspec.json.encode(row.usage).decode(),
        "tags": msgspec.json.encode(row.tags).decode(),
    }
