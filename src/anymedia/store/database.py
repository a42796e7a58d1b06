"""The database: where jobs, the ledger and keys are rows, on this machine or shared by several.

Work is a plain function of a connection. It runs in a transaction, alone or with others, on
whichever database the URL names; what it returns is handed out when that is on the disk. Others may
fail in it, and it is run again: work has no effects beside its rows. On Postgres others
work at the same time, so what is looked at in order to change it is locked first
(`with_for_update`, which SQLite's single writer does not need), and a transaction that got in
another's way is run again too.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar

from sqlalchemy import Connection

T = TypeVar("T")


class Database(Protocol):
    """What everything above knows of it."""

    directory: Path
    """Of this machine: journals and tallies lie there, and with SQLite the database itself."""
    url: str | None
    """Where it is, unless in the directory."""

    async def write(self, work: Callable[[Connection], T], *, job: str | None = None) -> T:
        """Run it in a transaction; returns when that is on the disk.

        `job` says that it changes rows of that one job only, and of no budget: where several write
        at the same time, such work shares transactions without standing in anybody's way.
        """
        ...

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it on a consistent view of the database."""
        ...

    def time(self, now: float) -> float:
        """This process's time as one that all agree on who share the database."""
        ...

    async def close(self) -> None:
        """Finish what was asked and let go of it. The next question opens it again."""
        ...


def database_at(directory: Path, url: str | None = None) -> Database:
    """The database that a URL names, else the one in the directory. Nothing is opened yet."""
    if url is None:
        from anymedia.store.sqlite import SqliteDatabase

        return SqliteDatabase(directory)
    from anymedia.store.postgres import PostgresDatabase

    return PostgresDatabase(url, directory)
