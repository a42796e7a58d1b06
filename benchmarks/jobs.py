"""Jobs per second, what waiting ones cost, and how soon others go on after a kill -9.

`python -m benchmarks.jobs [sqlite] [postgres] [--jobs 1000] [--idle 20] [--json FILE]`

What is measured, and how, stands in `anymedia.bench.jobs`. Postgres runs with two processes on the
database that ANYMEDIA_BENCH_DATABASE_URL names, in a schema of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection, text

from anymedia.bench.jobs import measured
from anymedia.store.database import database_at

URL = os.environ.get("ANYMEDIA_BENCH_DATABASE_URL", "")


@contextmanager
def own_schema(url: str) -> Iterator[str]:
    """A schema that is dropped afterwards."""
    schema = f"bench_{secrets.token_hex(6)}"
    yield f"{url}?schema={schema}"

    def dropped(connection: Connection) -> None:
        connection.execute(text(f"DROP SCHEMA {schema} CASCADE"))

    async def drop() -> None:
        database = database_at(Path(), url)
        await database.write(dropped)
        await database.close()

    asyncio.run(drop())


def main() -> None:
    """Run what was asked for and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["sqlite", "postgres"])
    parser.add_argument("--jobs", type=int, default=1000)
    parser.add_argument("--idle", type=float, default=20.0)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, Any] = {}
    if "sqlite" in asked.kinds:
        found["sqlite"] = asyncio.run(measured(None, asked.jobs, 1, asked.idle))
    if "postgres" in asked.kinds:
        if not URL:
            parser.error("set ANYMEDIA_BENCH_DATABASE_URL")
        with own_schema(URL) as url:
            found["postgres"] = asyncio.run(measured(url, asked.jobs, 2, asked.idle))
    table = Table("figure", *found)
    for name in next(iter(found.values()), {}) | found.get("postgres", {}):
        table.add_row(name, *(str(one.get(name, "")) for one in found.values()))
    Console().print(table)
    text_found = json.dumps(found, indent=2)
    print(text_found)
    if asked.json:
        asked.json.write_text(text_found + "\n")


if __name__ == "__main__":
    main()
