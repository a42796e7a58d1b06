"""Two who use one database in one process: neither takes the other's locks away."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from sqlalchemy import Connection, text

from anymedia.store.sqlite import SqliteDatabase

OTHERS = """
import fcntl, struct, sys
lock = struct.pack("hhqqi", fcntl.F_WRLCK, 0, 0x40000002, 510, 0)
with open(sys.argv[1], "rb+") as file:
    print(struct.unpack("hhqqi", fcntl.fcntl(file, fcntl.F_GETLK, lock))[0] != fcntl.F_UNLCK)
"""
"""Whether anybody holds SQLite's shared lock, as another process sees it."""


def look(connection: Connection) -> None:
    """Any question."""
    connection.execute(text("SELECT count(*) FROM jobs"))


def test_opening_a_database_again_leaves_the_locks_of_who_has_it_open(tmp_path: Path) -> None:
    """Without them, another process takes the database for its own and removes what is pending."""

    async def course() -> str:
        first, second = SqliteDatabase(tmp_path), SqliteDatabase(tmp_path)
        await first.read(look)
        await second.read(look)
        await second.close()
        words = [sys.executable, "-c", OTHERS, str(first.path)]
        held = await asyncio.to_thread(subprocess.check_output, words, text=True)
        await first.close()
        return held.strip()

    assert asyncio.run(course()) == "True"
