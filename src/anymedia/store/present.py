"""What time it is, for leases: by the clock that all who hold one go by."""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Connection, Float, cast, func, literal


def present(connection: Connection, now: float) -> ColumnElement[Any]:
    """The server's clock where there is one, at the moment when the row is changed; else ours."""
    if connection.dialect.name == "postgresql":
        return present_at_the_server()
    return literal(now, Float)


def present_at_the_server() -> ColumnElement[Any]:
    """The server's clock, in seconds since 1970."""
    return cast(func.extract("epoch", func.clock_timestamp()), Float)
