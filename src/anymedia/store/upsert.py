"""Inserting what may be there already, in the words of the database that is used."""

from __future__ import annotations

from typing import TypeAlias

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite

Upsert: TypeAlias = sqlite.Insert | postgresql.Insert


def upsert(connection: Connection, table: Table) -> Upsert:
    """An insert that has `on_conflict_do_nothing` and `on_conflict_do_update`.

    Columns are named as `index_elements=`: the first place means something else in each dialect.
    """
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)
