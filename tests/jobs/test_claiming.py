"""Who has a job, and who may take it on: nobody's are free, and those of the dead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, select

from anymedia.jobs import rows
from anymedia.store.schema import jobs
from tests.jobs.test_course import finished
from tests.support.clock import FakeClock
from tests.support.postgres import database_in

pytestmark = pytest.mark.usefixtures("each_database")
HOLDERS = (None, "wrk_alive", "wrk_dead", "wrk_also_dead", "wrk_forgotten")
"""The last one has no row among the workers any more."""


def written(connection: Connection, now: float) -> None:
    """Two due jobs of everybody, and some for which there is nothing to do now."""
    rows.insert_worker(connection, "wrk_alive", 1, now, 3600.0)
    for name in ("wrk_dead", "wrk_also_dead"):
        rows.insert_worker(connection, name, 1, now, -1.0)
    row = {
        "owner": "ann",
        "medium": "video",
        "status": "running",
        "request": "{}",
        "request_hash": "h",
        "created_at": now,
        "updated_at": now,
    }
    due = {"due": now - 1, "due_too": now - 2, "later": now + 60, "never": None}
    connection.execute(
        jobs.insert(),
        [
            {**row, "id": f"{holder}_{name}", "worker": holder, "due_at": at, "turn": 0.0}
            for holder in HOLDERS
            for name, at in due.items()
        ],
    )


FREE = {f"{holder}_{name}" for holder in HOLDERS for name in ("due", "due_too")} - {
    "wrk_alive_due",
    "wrk_alive_due_too",
}


@pytest.mark.parametrize("how", ["all", "some", "listed"])
def test_free_is_what_nobody_alive_has(tmp_path: Path, how: str) -> None:
    """Looked for, asked for by id, or listed for others; then they are one's own."""

    async def course() -> tuple[set[str], set[str], list[str]]:
        database = database_in(tmp_path)
        now = database.time(FakeClock().time())
        await database.write(lambda c: written(c, now))
        every = [f"{holder}_{name}" for holder in HOLDERS for name in ("due", "due_too", "never")]

        def taken(connection: Connection) -> list[str]:
            if how == "all":
                return rows.claim(connection, "wrk_alive", now, 100)
            if how == "listed":
                return rows.free(connection, now, 100)
            return rows.claim_these(connection, "wrk_alive", now, every, 0)

        def left(connection: Connection) -> set[str]:
            query = select(jobs.c.id).where(jobs.c.worker == "wrk_alive", jobs.c.due_at <= now)
            return set(connection.execute(query).scalars())

        first = await database.write(taken)
        own = await database.read(left)
        again: Any = await database.write(taken)
        await database.close()
        return set(first), own, again

    first, own, again = finished(course())
    assert first == FREE
    if how == "listed":
        assert set(again) == FREE
    else:
        assert own == FREE | {"wrk_alive_due", "wrk_alive_due_too"}
        assert again == []


def test_the_earliest_turn_is_taken_first(tmp_path: Path) -> None:
    """And of those the one that is due the longest."""

    async def course() -> list[str]:
        database = database_in(tmp_path)
        now = database.time(FakeClock().time())
        await database.write(lambda c: written(c, now))
        found = await database.write(lambda c: rows.claim(c, "wrk_alive", now, 3))
        await database.close()
        return found

    found = finished(course())
    assert {one.endswith("_due_too") for one in found} == {True}
