"""Taking journals into the database: every row once, whoever wrote it and however it ended.

How far a journal has been read is written in the same transaction as its rows, so a crash at any
point repeats nothing; and if it did, a row's id makes it the same row. A journal whose writer is
gone (its lock has ended with it) is removed when all of it is in the database.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from pathlib import Path

import msgspec
from sqlalchemy import Connection, delete, select
from sqlalchemy.dialects.sqlite import insert as upsert

from anymedia.store.accounts import entered
from anymedia.store.database import Database
from anymedia.store.journal import journals, rows_of
from anymedia.store.ledger import LedgerRow
from anymedia.store.schema import journals as progress, ledger

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
    offset = connection.execute(
        select(progress.c.offset).where(progress.c.name == path.name)
    ).scalar()
    try:
        rows, end = rows_of(path, offset or 0, PIECE_BYTES)
    except FileNotFoundError:  # another process has finished it
        return 0, 0
    if end == (offset or 0):
        return 0, 0
    new = enter(connection, rows)
    connection.execute(
        upsert(progress)
        .values(name=path.name, offset=end)
        .on_conflict_do_update(["name"], set_={"offset": end})
    )
    return end - (offset or 0), new


def forget(connection: Connection, path: Path) -> None:
    """A journal that is gone needs no place mark."""
    connection.execute(delete(progress).where(progress.c.name == path.name))


def enter(connection: Connection, rows: Iterable[LedgerRow]) -> int:
    """Add rows to the ledger; one that is there already stays as it is. How many were new."""
    rows = tuple(rows)
    columns = [
        {
            **msgspec.structs.asdict(row),
            "usage": msgspec.json.encode(row.usage).decode(),
            "tags": msgspec.json.encode(row.tags).decode(),
        }
        for row in rows
    ]
    if not columns:
        return 0
    done = connection.execute(upsert(ledger).on_conflict_do_nothing(["id"]), columns)
    entered(connection, rows)
    return max(done.rowcount, 0)
