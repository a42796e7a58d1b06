"""What is done once for all the work of a transaction: rows at its end, locks at its beginning."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select, update

from anymedia.jobs import rows
from anymedia.store.database import Database, database_at
from anymedia.store.schema import jobs, timeline
from anymedia.store.transaction import at_end, carried_out, first, standing, write_rest
from tests.support.postgres import fresh_url, needs_postgres

T = TypeVar("T")
NOTE = timeline.insert().inline()


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=needs_postgres())])
def where(request: pytest.FixtureRequest) -> Iterator[str | None]:
    """Each database."""
    if request.param == "sqlite":
        yield None
    else:
        with fresh_url() as found:
            yield found


def using(
    where: str | None, directory: Path, work: Callable[[Database], Coroutine[Any, Any, T]]
) -> T:
    """Do something with a database."""

    async def working() -> T:
        database = database_at(directory, where)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(working())


def noting(job_id: str, *, breaks: bool = False) -> Callable[[Connection], int]:
    """Leave a line for the end; how many are there now."""

    def work(connection: Connection) -> int:
        row = {"job_id": job_id, "at": 1.0, "event": "noted", "details": None}
        at_end(connection, NOTE, row)
        if breaks:
            raise KeyError(job_id)
        return len(connection.execute(select(timeline.c.row)).all())

    return work


def noted(connection: Connection) -> list[str]:
    """Whom the lines are about, in order."""
    query = select(timeline.c.job_id).order_by(timeline.c.row)
    return list(connection.execute(query).scalars())


def test_rows_are_there_when_the_transaction_is(where: str | None, tmp_path: Path) -> None:
    """And not before its end, except for who asks for that."""

    def looked(connection: Connection) -> list[str]:
        noting("b")(connection)
        write_rest(connection)
        return noted(connection)

    async def work(database: Database) -> None:
        assert await database.write(noting("a")) == 0
        assert await database.write(looked) == ["a", "b"]
        assert await database.read(noted) == ["a", "b"]

    using(where, tmp_path, work)


def test_what_fails_leaves_nothing_and_the_others_all(where: str | None, tmp_path: Path) -> None:
    """Several share a transaction, and one of them breaks."""

    async def work(database: Database) -> list[Any]:
        asked = (noting("a"), noting("b", breaks=True), noting("c"))
        found = await asyncio.gather(
            *(database.write(one, job=f"job_{n}") for n, one in enumerate(asked)),
            return_exceptions=True,
        )
        assert await database.read(noted) == ["a", "c"]
        return found

    found = using(where, tmp_path, work)
    assert [type(one) for one in found] == [int, KeyError, int]


def test_a_row_that_the_database_refuses_fails_its_work(where: str | None, tmp_path: Path) -> None:
    """Whose job it is, is told, though the row was written at the end."""

    def mistaken(connection: Connection) -> None:
        row = {"job_id": None, "at": 1.0, "event": "noted", "details": None}
        at_end(connection, NOTE, row)

    async def work(database: Database) -> list[Any]:
        found = await asyncio.gather(
            database.write(noting("a"), job="job_1"),
            database.write(mistaken, job="job_2"),
            return_exceptions=True,
        )
        assert await database.read(noted) == ["a"]
        return list(found)

    good, bad = using(where, tmp_path, work)
    assert good == 0
    assert isinstance(bad, Exception)


def test_something_is_done_first_once_in_each_transaction(
    where: str | None, tmp_path: Path
) -> None:
    """Whoever comes second need not do it."""

    def work(connection: Connection) -> list[bool]:
        return [first(connection, "a"), first(connection, "a"), first(connection, "b")]

    async def twice(database: Database) -> list[list[bool]]:
        return [await database.write(work), await database.write(work)]

    assert using(where, tmp_path, twice) == [[True, False, True]] * 2


def test_outside_of_a_transaction_of_ours_nothing_is_put_off(tmp_path: Path) -> None:
    """Nobody would write it."""

    def work(connection: Connection) -> list[str]:
        held = connection.info.pop("anymedia_transaction")
        noting("a")(connection)
        assert first(connection, "a")
        assert first(connection, "a")
        found = noted(connection)
        connection.info["anymedia_transaction"] = held
        return found

    assert using(None, tmp_path, lambda database: database.write(work)) == ["a"]


def accepted(*names: str) -> Callable[[Connection], None]:
    """Jobs that nobody works on."""

    def work(c: Connection) -> None:
        for one in names:
            rows.insert_job(
                c, id=one, owner="local", medium="image", status="queued",
                request="{}", request_hash="h", created_at=1.0, updated_at=1.0, due_at=1.0,
            )  # fmt: skip

    return work


def test_each_sees_how_its_job_stands(where: str | None, tmp_path: Path) -> None:
    """Also who comes second to the same job in one transaction: it sees what the first has done."""

    def taking(job_id: str, worker: str) -> Callable[[Connection], str | None]:
        def work(connection: Connection) -> str | None:
            found = standing(connection, job_id)
            change = update(jobs).where(jobs.c.id == job_id).values(worker=worker)
            connection.execute(change)
            return None if found is None else found.worker

        return work

    async def work(database: Database) -> list[Any]:
        await database.write(accepted("job_a", "job_b", "job_c"))
        asked = (("job_a", "w1"), ("job_b", "w2"), ("job_a", "w3"), ("job_c", "w4"))
        works = [taking(*one) for one in asked]
        together = [
            database.write(one, job=job) for one, (job, _) in zip(works, asked, strict=True)
        ]
        apart = await asyncio.gather(*together)
        names = [job for job, _ in asked]
        again = [taking(job, "w5") for job in names]
        at_once = await database.write(
            lambda c: carried_out(c, lambda c: [one(c) for one in again], names)
        )
        assert await database.write(lambda c: standing(c, "job_none")) is None
        return [apart, at_once]

    apart, at_once = using(where, tmp_path, work)
    assert apart == [None, None, "w1", None]
    assert at_once == ["w3", "w2", "w5", "w4"]
