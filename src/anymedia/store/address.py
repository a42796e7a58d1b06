"""A Postgres URL as people write it, taken apart for those who use it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from anymedia.contracts.errors import InvalidConfiguration

MOST_CONNECTIONS = 8
CONNECT_SECONDS = 10.0
STATEMENT_SECONDS = 30.0
"""No question of ours takes so long; one that does is stuck, and would hold up others."""
IDLE_SECONDS = 10.0
"""Postgres gives up a transaction whose process has stopped in the middle, and frees its locks.

Longer than a lease: such a process has lost its jobs by then, and whoever goes on with them must not
wait for the rows that it has locked.
"""
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True)
class Address:
    """Where a database is, and how it is spoken to."""

    url: URL
    schema: str | None = None
    connections: int = MOST_CONNECTIONS
    ssl: str | None = None

    @property
    def named(self) -> str:
        """For people: without the password."""
        at = self.url._replace(password=None).render_as_string()
        return f"{at}?schema={self.schema}" if self.schema else at

    @property
    def arguments(self) -> dict[str, Any]:
        """What asyncpg is told with each connection."""
        settings = {
            # Whoever looks at the server sees whose connections they are; it cuts longer names.
            "application_name": f"anymedia {self.schema}" if self.schema else "anymedia",
            "statement_timeout": str(int(STATEMENT_SECONDS * 1000)),
            "idle_in_transaction_session_timeout": str(int(IDLE_SECONDS * 1000)),
        }
        if self.schema is not None:
            settings["search_path"] = self.schema
        told: dict[str, Any] = {
            "timeout": CONNECT_SECONDS,
            # Ours beside the server's: when the network is gone, no server tells us anything.
            "command_timeout": STATEMENT_SECONDS + 5,
            "server_settings": settings,
        }
        return told if self.ssl is None else {**told, "ssl": self.ssl}

    @property
    def dsn(self) -> str:
        """For asyncpg itself."""
        return self.url.render_as_string(hide_password=False)


def address(said: str) -> Address:
    """`postgresql://user:password@host:5432/name`, with `schema`, `connections` and `sslmode`."""
    try:
        url = make_url(said)
    except (ArgumentError, ValueError):
        raise InvalidConfiguration(
            "`database_url` is no URL such as `postgresql://user:password@host/name`"
        ) from None
    query = dict(url.query)
    schema, ssl = query.pop("schema", None), query.pop("sslmode", None)
    connections = query.pop("connections", str(MOST_CONNECTIONS))
    if query:
        raise InvalidConfiguration(
            f"`database_url` does not know `{min(query)}`; it knows `schema`, `connections` "
            f"and `sslmode`"
        )
    if not isinstance(connections, str) or not connections.isdigit() or int(connections) < 1:
        raise InvalidConfiguration("`connections` of `database_url` is a number from 1")
    if schema is not None and not (isinstance(schema, str) and NAME.fullmatch(schema)):
        raise InvalidConfiguration("`schema` of `database_url` is a name of letters and digits")
    return Address(
        url.set(drivername="postgresql", query={}),
        schema=schema,
        connections=int(connections),
        ssl=ssl if isinstance(ssl, str) else None,
    )
