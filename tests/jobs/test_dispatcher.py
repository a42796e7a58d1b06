"""Who looks at which job when: also where the database did what it was asked and could not say so."""

from __future__ import annotations

import asyncio
from pathlib import Path

from anymedia.clock import SystemClock
from anymedia.contracts.errors import StorageFailed
from anymedia.jobs import rows
from anymedia.jobs.dispatcher import HeapDispatcher, RowsSource
from anymedia.jobs.lease import Lease
from anymedia.store.sqlite import SqliteDatabase


class Unheard(RowsSource):
    """The first claim is made, and its answer lost."""

    lost = False

    async def claim(self, lease: Lease, load: int) -> tuple[list[str], bool]:
        taken = await super().claim(lease, load)
        if not self.lost:
            self.lost = True
            raise StorageFailed("the connection was ended")
        return taken


class Forgetful:
    """A memory that cannot be filled."""

    async def recall(self, job_ids: object) -> None:
        raise StorageFailed("the database is away")

    async def changed(self) -> tuple[str, ...]:
        return ()

    def forget(self, job_id: str) -> None:
        """Nothing was remembered."""

    def clear(self) -> None:
        """Nothing was remembered."""


def job(number: int) -> dict[str, object]:
    """A job's row."""
    return {
        "id": f"job_{number}",
        "owner": "local",
        "medium": "image",
        "status": "queued",
        "request": "{}",
        "request_hash": str(number),
        "created_at": 1.0,
        "updated_at": 1.0,
        "due_at": 1.0,
    }


def worked_on(directory: Path, memory: Forgetful | None = None, *, unheard: bool) -> list[str]:
    """Which of three jobs were looked at, by one process that works until idle."""

    async def work() -> list[str]:
        database = SqliteDatabase(directory)
        for number in range(3):
            await database.write(lambda c, n=number: rows.insert_job(c, **job(n)))  # type: ignore[misc]  # mypy cannot type a lambda's defaults
        source = Unheard(database) if unheard else RowsSource(database)
        dispatcher = HeapDispatcher(database, SystemClock(), lambda _: None, source)
        seen: list[str] = []

        async def step(job_id: str) -> None:
            seen.append(job_id)
            await database.write(lambda c: rows.set_job(c, job_id, 2.0, due_at=None))

        dispatcher.handle(step, memory)
        await asyncio.wait_for(dispatcher.run(until_idle=True), 30)
        await database.close()
        return seen

    return sorted(asyncio.run(work()))


def test_a_claim_whose_answer_was_lost_is_found_again(tmp_path: Path) -> None:
    """The rows say whose they are; otherwise nobody would look at them while this process lives."""
    assert worked_on(tmp_path, unheard=True) == ["job_0", "job_1", "job_2"]


def test_a_memory_that_cannot_be_filled_stops_nobody(tmp_path: Path) -> None:
    """It only spares reading."""
    assert worked_on(tmp_path, Forgetful(), unheard=False) == ["job_0", "job_1", "job_2"]
