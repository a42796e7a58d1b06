"""Inserting what may be there already, in the words of the database that is used."""

from __future__ import annotations

from functools import cache
from typing import Any, TypeAlias

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


def unless_there(connection: Connection, table: Table, *unique: str) -> Upsert:
    """An insert that leaves a row that is there as it is: one with the same `unique` columns."""
    return built(connection.dialect.name, table, unique)


def unless_there_told(connection: Connection, table: Table, *unique: str) -> Any:
    """The same, which answers with the new row."""
    return built_told(connection.dialect.name, table, unique)


@cache
def built(dialect: str, table: Table, unique: tuple[str, ...]) -> Upsert:
    """The statement. Building it takes longer than running it, so it is kept."""
    kind = postgresql.insert if dialect == "postgresql" else sqlite.insert
    return kind(table).on_conflict_do_nothing(index_elements=list(unique)).inline()


@cache
def built_told(dialect: str, table: Table, unique: tuple[str, ...]) -> Any:
    """The same."""
    return built(dialect, table, unique).returning(table)
