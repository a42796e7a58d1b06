"""Postgres as the database: shared, upgraded once, lost and found again, and never over a budget."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

import asyncpg
import pytest
from sqlalchemy import Connection, inspect, select, text, update
from sqlalchemy.exc import IntegrityError

from anymedia.budgets.allowance import AllowanceBudgets
from anymedia.budgets.budget import Reserved, Spender
from anymedia.budgets.tally import FOLDER, Tally
from anymedia.configuration import load
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.errors import InvalidConfiguration, StorageFailed
from anymedia.store.address import address
from anymedia.store.budgets import LedgerBudgets
from anymedia.store.database import Database, database_at
from anymedia.store.schema import VERSION, budget_allowances, meta, metadata
from anymedia.store.sqlite import SqliteDatabase
from anymedia.store.upgrades import STEPS
from tests.store.test_upgrades import SINCE
from tests.support.clock import FakeClock
from tests.support.forwarder import Forwarder
from tests.support.postgres import URL, asked, fresh_url, hanging_up, needs_postgres

T = TypeVar("T")
here = needs_postgres()


@pytest.fixture
def url() -> Iterator[str]:
    """A schema of its own."""
    with fresh_url() as found:
        yield found


def using(where: str, directory: Path, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """Do something with a database."""

    async def working() -> T:
        database = database_at(directory, where)
        try:
            return await work(database)
        finally:
            await database.close()

    return asyncio.run(working())


def put(key: str, value: str = "") -> Callable[[Connection], str]:
    """Write a row."""

    def work(connection: Connection) -> str:
        connection.execute(meta.insert().values(key=key, value=value))
        return key

    return work


def keys(connection: Connection) -> set[str]:
    """The rows that are there."""
    return set(connection.execute(select(meta.c.key)).scalars()) - {"schema_version"}


def value(connection: Connection, key: str) -> int:
    """A row's number, locked until we are done with it."""
    query = select(meta.c.value).where(meta.c.key == key).with_for_update()
    return int(connection.execute(query).scalar_one())


@here
def test_what_was_written_is_there_for_others_and_afterwards(url: str, tmp_path: Path) -> None:
    """Another process' connection sees it at once; the next one, too."""

    async def work(database: Database) -> None:
        other = database_at(tmp_path, url)
        assert await database.write(put("a")) == "a"
        assert await other.read(keys) == {"a"}
        await other.close()

    using(url, tmp_path, work)
    assert using(url, tmp_path, lambda database: database.read(keys)) == {"a"}


@here
def test_a_failure_undoes_its_own_work_only(url: str, tmp_path: Path) -> None:
    """And it is told to whoever asked, as it is."""

    def half(connection: Connection) -> None:
        put("half")(connection)
        raise KeyError("a mistake")

    async def work(database: Database) -> list[Any]:
        await database.write(put("a"))
        found = await asyncio.gather(
            *(database.write(one) for one in (half, put("a"), put("b"))), return_exceptions=True
        )
        with pytest.raises(StorageFailed, match="no_such_function"):
            await database.write(lambda c: c.execute(text("SELECT no_such_function()")))
        assert await database.read(keys) == {"a", "b"}
        return found

    broken, twice, b = using(url, tmp_path, work)
    assert isinstance(broken, KeyError)
    assert isinstance(twice, IntegrityError)
    assert b == "b"


def transaction(connection: Connection) -> str:
    """The name of the one that this is run in."""
    return str(connection.execute(text("SELECT pg_current_xact_id()")).scalar_one())


@here
def test_what_may_shares_transactions(url: str, tmp_path: Path) -> None:
    """Twenty writes at the same time are a few transactions; where one fails the others are kept."""

    def half(connection: Connection) -> None:
        put("half")(connection)
        raise KeyError("a mistake")

    async def work(database: Database) -> tuple[list[Any], list[Any]]:
        shared = [database.write(transaction, job=f"job_{n}") for n in range(20)]
        alone = [database.write(transaction) for _ in range(3)]
        names = await asyncio.gather(*shared)
        assert len(set(await asyncio.gather(*alone)) | set(names)) == len(set(names)) + 3
        some = (half, put("a"), put("b"), put("a"), put("c"))
        found = await asyncio.gather(
            *(database.write(one, job="job_1") for one in some), return_exceptions=True
        )
        assert await database.read(keys) == {"a", "b", "c"}
        return names, found

    names, found = using(url, tmp_path, work)
    assert len(set(names)) <= 5
    assert [type(one) for one in found] == [KeyError, str, str, IntegrityError, str]


@here
def test_who_goes_away_leaves_finished_work(url: str, tmp_path: Path) -> None:
    """Work that shares a transaction is committed also when nobody waits for it any more."""

    async def work(database: Database) -> set[str]:
        asked = [asyncio.ensure_future(database.write(put(key), job=f"job_{key}")) for key in "abc"]
        await asyncio.sleep(0)
        asked[1].cancel()
        assert await asked[0] == "a"
        assert await asked[2] == "c"
        return await database.read(keys)

    assert using(url, tmp_path, work) == {"a", "b", "c"}


@here
def test_an_answer_is_no_older_than_its_question(url: str, tmp_path: Path) -> None:
    """Whoever asks after a write has returned sees it, however many ask at the same time."""

    async def work(database: Database) -> list[bool]:
        async def one(number: int) -> bool:
            await database.write(put(f"key {number}"), job=f"job_{number}")
            return f"key {number}" in await database.read(keys)

        return await asyncio.gather(*map(one, range(60)))

    assert all(using(url, tmp_path, work))


@here
def test_a_connection_that_is_torn_is_one_clear_error(url: str, tmp_path: Path) -> None:
    """Its client says something of its own inner state; nobody who waits should hear that."""

    def torn(_: Connection) -> None:
        raise asyncpg.InternalClientError("cannot switch to state 11")

    async def work(database: Database) -> set[str]:
        for ask in (database.write, database.read):
            with pytest.raises(StorageFailed, match="cannot be reached"):
                await ask(torn)
        await database.write(put("a"))
        return await database.read(keys)

    assert using(url, tmp_path, work) == {"a"}


@here
def test_those_who_lock_each_other_out_are_run_again(url: str, tmp_path: Path) -> None:
    """Two that take two rows in opposite order: both are done, neither is told of it."""

    def both(first: str, then: str) -> Callable[[Connection], None]:
        def work(connection: Connection) -> None:
            for key in (first, then):
                number = value(connection, key)
                connection.execute(text("SELECT pg_sleep(0.05)"))
                connection.execute(
                    update(meta).where(meta.c.key == key).values(value=str(number + 1))
                )

        return work

    async def work(database: Database) -> tuple[int, int]:
        await database.write(put("a", "0"))
        await database.write(put("b", "0"))
        await asyncio.gather(
            *(database.write(both(*pair)) for pair in (("a", "b"), ("b", "a"), ("a", "b")))
        )
        return await database.write(lambda c: (value(c, "a"), value(c, "b")))

    assert using(url, tmp_path, work) == (3, 3)


@here
def test_a_lost_connection_is_one_clear_error_or_none_and_then_all_is_well(
    url: str, tmp_path: Path
) -> None:
    """All connections are ended between two questions, and in the middle of one."""

    async def work(database: Database) -> None:
        await database.write(put("a"))
        await asked(URL, hanging_up(url))
        await asyncio.sleep(0)
        slow = asyncio.ensure_future(
            database.write(lambda c: c.execute(text("SELECT pg_sleep(20)")))
        )
        await asyncio.sleep(0.5)
        await asked(URL, hanging_up(url))
        with pytest.raises(StorageFailed, match="cannot be reached"):
            await slow
        assert await database.write(put("b")) == "b"
        assert await database.read(keys) == {"a", "b"}

    using(url, tmp_path, work)


@here
def test_who_cannot_reach_it_is_told_where_it_looked_but_no_password(tmp_path: Path) -> None:
    """One line with what to do; the gateway answers 503 with it."""
    with Forwarder("127.0.0.1", 9) as nowhere:
        where = f"postgresql://me:secret-word@127.0.0.1:{nowhere.port}/db"
        with pytest.raises(StorageFailed, match="ANYMEDIA_DATABASE_URL") as caught:
            using(where, tmp_path, lambda database: database.read(keys))
    assert "secret-word" not in caught.value.message


@here
def test_it_goes_by_the_clock_of_the_server(url: str, tmp_path: Path) -> None:
    """What a process takes for now is corrected by what its clock is off; a second stays one."""

    async def work(database: Database) -> tuple[float, float]:
        now = await database.read(
            lambda c: float(c.execute(text("SELECT extract(epoch FROM now())")).scalar_one())
        )
        return database.time(time.time()) - now, database.time(5.0) - database.time(0.0)

    off, length = using(url, tmp_path, work)
    assert abs(off) < 5
    assert abs(length - 5) < 0.1


@here
def test_a_moment_is_the_same_moment_every_time(url: str, tmp_path: Path) -> None:
    """Looking at two clocks one after the other does not make time go back."""

    async def work(database: Database) -> set[float]:
        await database.read(keys)
        return {database.time(5.0) for _ in range(20_000)}

    assert len(using(url, tmp_path, work)) == 1


@here
def test_several_processes_make_the_tables_once(url: str, tmp_path: Path) -> None:
    """Whoever comes first makes them; nobody fails for being second."""
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from anymedia.store.database import database_at\n"
        "from anymedia.store.schema import meta\n"
        "async def main():\n"
        "    d = database_at(Path(sys.argv[1]), sys.argv[2])\n"
        "    await d.write(lambda c: c.execute(meta.insert().values(key=sys.argv[3], value='')) and None)\n"
        "    await d.close()\n"
        "asyncio.run(main())\n"
    )

    async def work() -> None:
        processes = [
            await asyncio.create_subprocess_exec(
                sys.executable, "-c", code, str(tmp_path), url, name,
                stderr=asyncio.subprocess.PIPE,
            )
            for name in "abc"
        ]  # fmt: skip
        for one in processes:
            _, complaint = await one.communicate()
            assert one.returncode == 0, complaint

    asyncio.run(work())
    assert using(url, tmp_path, lambda database: database.read(keys)) == set("abc")


@here
def test_a_database_of_a_newer_release_is_refused(url: str, tmp_path: Path) -> None:
    """Not damaged."""
    newer = update(meta).where(meta.c.key == "schema_version").values(value=str(VERSION + 1))

    def work(connection: Connection) -> None:
        connection.execute(newer)

    using(url, tmp_path, lambda database: database.write(work))
    with pytest.raises(InvalidConfiguration, match="newer anymedia"):
        using(url, tmp_path, lambda database: database.read(keys))


def columns(connection: Connection) -> dict[str, set[str]]:
    """Every table's columns."""
    tables = inspect(connection)
    return {
        name: {column["name"] for column in tables.get_columns(name)}
        for name in tables.get_table_names()
    }


@here
def test_the_steps_since_postgres_is_known_run_there(url: str, tmp_path: Path) -> None:
    """The way back, then up again; what only version 4 needs, which was SQLite's, is left out."""

    def back(connection: Connection) -> None:
        for statement in SINCE[VERSION - 1]:
            connection.exec_driver_sql(statement)

    def again(connection: Connection) -> None:
        metadata.create_all(connection)
        for statement in STEPS[VERSION - 1]:
            if "json_each" not in statement:
                connection.exec_driver_sql(statement)

    assert STEPS[VERSION - 1]
    fresh = using(url, tmp_path, lambda database: database.read(columns))
    using(url, tmp_path, lambda database: database.write(back))
    using(url, tmp_path, lambda database: database.write(again))
    assert using(url, tmp_path, lambda database: database.read(columns)) == fresh


def test_the_url_chooses_the_database(tmp_path: Path) -> None:
    """From the environment like every setting; without one it is a file."""
    assert isinstance(database_at(tmp_path), SqliteDatabase)
    said = "postgresql://me:word@db.example/shop?schema=media&connections=3&sslmode=require"
    settings = load({}, environment={"ANYMEDIA_DATABASE_URL": said}, directory=tmp_path)
    assert settings.database_url == said
    found = address(said)
    assert (found.schema, found.connections, found.ssl) == ("media", 3, "require")
    assert found.named == "postgresql://me@db.example/shop?schema=media"
    assert found.arguments["server_settings"]["search_path"] == "media"


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("postgresql://h/d?colour=red", "does not know `colour`"),
        ("postgresql://h/d?schema=a;b", "is a name of letters"),
        ("postgresql://h/d?connections=none", "is a number from 1"),
        ("postgresql://h:port/d", "is no URL"),
    ],
)
def test_a_url_that_cannot_be_meant_is_explained(said: str, why: str) -> None:
    """With what it may say."""
    with pytest.raises(InvalidConfiguration, match=why):
        address(said)


def test_without_the_driver_one_line_says_what_to_install(tmp_path: Path) -> None:
    """A process in which it cannot be found."""
    code = (
        "import sys; from pathlib import Path\n"
        "from importlib.machinery import PathFinder\n"
        "find = PathFinder.find_spec\n"
        "class Without:\n"
        "    @staticmethod\n"
        "    def find_spec(name, path=None, target=None):\n"
        "        if name == 'asyncpg': return None\n"
        "        return find(name, path, target)\n"
        "sys.meta_path[:] = [one for one in sys.meta_path if one is not PathFinder] + [Without]\n"
        "from anymedia.store.database import database_at\n"
        "try: database_at(Path('.'), 'postgresql://h/d')\n"
        "except Exception as error: print(error)\n"
    )

    async def run() -> bytes:
        one = await asyncio.create_subprocess_exec(
            sys.executable, "-c", code, stdout=asyncio.subprocess.PIPE
        )
        out, _ = await one.communicate()
        return out

    out = asyncio.run(run()).decode().strip()
    assert out.endswith("`pip install 'anymedia[postgres]'`"), out
    assert "\n" not in out


@here
def test_allowances_of_other_machines_are_left_alone(url: str, tmp_path: Path) -> None:
    """Their tallies lie elsewhere; what has no tally here and was begun here is counted as spent."""

    async def course() -> None:
        clock, ann = FakeClock(), Spender("ann", (), "acme", "clip-2", "video")
        settings = (BudgetSettings.model_validate({"scope": "key", "limit_usd": "10"}),)
        banks, quick = [], []
        for name in ("here", "there"):
            database = database_at(tmp_path / name, url)
            bank = LedgerBudgets(settings, database=database, clock=clock)
            banks.append((bank, database))
            tally = Tally(tmp_path / name / FOLDER)
            quick.append((AllowanceBudgets(bank, tally, clock=clock), tally))
        assert isinstance(await quick[0][0].reserve("a", ann, 10**9), Reserved)
        holders = await banks[0][1].read(lambda c: set(c.execute(held).scalars()))
        await banks[1][0].tend()
        assert await banks[0][1].read(lambda c: set(c.execute(held).scalars())) == holders != set()
        quick[0][1].close()
        await banks[0][0].tend()
        assert await banks[0][1].read(lambda c: set(c.execute(held).scalars())) == set()
        for _, database in banks:
            await database.close()

    held = select(budget_allowances.c.holder)
    asyncio.run(course())
