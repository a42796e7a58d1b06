"""Whose turn it is, where several write at the same time. SQLite has one writer: there it is ours.

Such a lock ends with its transaction. Whoever takes one takes it before any row of `budget_*`.
"""

from __future__ import annotations

from sqlalchemy import Connection, func, select

from anymedia.store.transaction import first

LEDGER = 0x616E796D6C656467
ALONE = select(func.pg_advisory_xact_lock(LEDGER))
TOGETHER = select(func.pg_advisory_xact_lock_shared(LEDGER))


def founding(connection: Connection) -> None:
    """Wait until nothing is being entered into the ledger, and keep others from it."""
    if connection.dialect.name == "postgresql":
        connection.execute(ALONE)


def entering(connection: Connection) -> None:
    """Wait until no account is being founded; any number may enter rows at the same time."""
    if connection.dialect.name == "postgresql" and first(connection, "entering"):
        connection.execute(TOGETHER)
