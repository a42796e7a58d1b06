"""The database: many writes to a commit, each told when it is on the disk."""

from __future__ import annotations

import asyncio
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, event, select, text
from sqlalchemy.exc import IntegrityError

from anymedia.contracts.errors import InvalidConfiguration, StorageFailed
from anymedia.store.schema import VERSION, meta
from anymedia.store.sqlite import SqliteDatabase, opened

T = TypeVar("T")


def using(directory: Path, work: Callable[[SqliteDatabase], Coroutine[Any, Any, T]]) -> T:
    """Do something with a database of its own."""

    async def working() -> T:
        database = SqliteDatabase(directory)
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


def on_disk(directory: Path) -> set[str]:
    """What another program sees."""
    with sqlite3.connect(directory / "anymedia.db") as other:
        found = {row[0] for row in other.execute("SELECT key FROM anymedia_meta")}
    other.close()
    return found - {"schema_version"}


def test_what_was_written_is_on_the_disk_when_it_is_told(tmp_path: Path) -> None:
    """Another connection sees it at once; the next process, too."""

    async def work(database: SqliteDatabase) -> None:
        assert await database.write(put("a")) == "a"
        assert on_disk(tmp_path) == {"a"}
        assert await database.read(keys) == {"a"}

    using(tmp_path, work)
    assert using(tmp_path, lambda database: database.read(keys)) == {"a"}


def test_writes_that_wait_share_a_commit(tmp_path: Path) -> None:
    """A commit waits for the disk; a hundred of them would wait a hundred times."""
    commits = 0
    hold = threading.Event()

    async def work(database: SqliteDatabase) -> None:
        nonlocal commits
        await database.write(put("first"))
        assert database._engine is not None

        @event.listens_for(database._engine, "commit")
        def counted(_: Connection) -> None:
            nonlocal commits
            commits += 1

        busy = asyncio.ensure_future(database.write(lambda _: hold.wait(5)))
        rest = [asyncio.ensure_future(database.write(put(f"k{n}"))) for n in range(100)]
        await asyncio.sleep(0)
        hold.set()
        await asyncio.gather(busy, *rest)
        assert len(await database.read(keys)) == 101

    using(tmp_path, work)
    assert commits <= 5


def test_one_failure_undoes_itself_only(tmp_path: Path) -> None:
    """Its neighbours in the same commit stay, and it is told to whoever asked."""

    def half(connection: Connection) -> None:
        put("half")(connection)
        raise KeyError("a mistake")

    async def work(database: SqliteDatabase) -> list[Any]:
        return await asyncio.gather(
            *(database.write(one) for one in (put("a"), half, put("a"), put("b"))),
            return_exceptions=True,
        )

    a, broken, twice, b = using(tmp_path, work)
    assert (a, b) == ("a", "b")
    assert isinstance(broken, KeyError)
    assert isinstance(twice, IntegrityError)
    assert on_disk(tmp_path) == {"a", "b"}


def test_a_commit_that_fails_is_told_to_all_and_leaves_nothing(tmp_path: Path) -> None:
    """And the writer lives on."""

    async def work(database: SqliteDatabase) -> None:
        await database.write(put("a"))

        def unwell(connection: Connection) -> None:
            connection.execute(text("SELECT no_such_function()"))

        with pytest.raises(StorageFailed, match="no_such_function"):
            await database.write(unwell)
        assert await database.write(put("b")) == "b"

    using(tmp_path, work)
    assert on_disk(tmp_path) == {"a", "b"}


def test_a_reader_sees_one_state_of_things(tmp_path: Path) -> None:
    """However much is written while it looks."""
    looked = threading.Event()
    written = threading.Event()

    def twice(connection: Connection) -> tuple[set[str], set[str]]:
        before = keys(connection)
        looked.set()
        assert written.wait(5)
        return before, keys(connection)

    async def work(database: SqliteDatabase) -> None:
        await database.write(put("a"))
        reading = asyncio.ensure_future(database.read(twice))
        await asyncio.to_thread(looked.wait, 5)
        await database.write(put("b"))
        written.set()
        assert await reading == ({"a"}, {"a"})
        assert await database.read(keys) == {"a", "b"}

    using(tmp_path, work)


def test_a_failing_reader_is_told(tmp_path: Path) -> None:
    """A mistake of its own as it is, one of the database in our words."""

    async def work(database: SqliteDatabase) -> None:
        with pytest.raises(ZeroDivisionError):
            await database.read(lambda _: 1 // 0)
        with pytest.raises(StorageFailed, match="no such table"):
            await database.read(lambda c: c.execute(text("SELECT * FROM no_table")))

    using(tmp_path, work)


def test_closing_finishes_what_was_asked_before(tmp_path: Path) -> None:
    """Nothing that was queued is lost, and nobody waits for ever."""

    async def work(database: SqliteDatabase) -> None:
        asked = [asyncio.ensure_future(database.write(put(f"k{n}"))) for n in range(200)]
        await asyncio.sleep(0)
        await database.close()
        assert len(await asyncio.gather(*asked)) == 200

    using(tmp_path, work)
    assert len(on_disk(tmp_path)) == 200


def test_a_database_can_be_opened_again_after_it_was_closed(tmp_path: Path) -> None:
    """And closing what was never opened does nothing."""

    async def work(database: SqliteDatabase) -> None:
        await database.close()
        await database.write(put("a"))
        await database.close()
        await database.write(put("b"))

    using(tmp_path, work)
    assert on_disk(tmp_path) == {"a", "b"}


def test_prompts_are_for_the_owners_eyes_only(tmp_path: Path) -> None:
    """The directory and every file of the database."""
    directory = tmp_path / "data"

    async def work(database: SqliteDatabase) -> None:
        await database.write(put("a"))
        assert stat.S_IMODE(directory.stat().st_mode) == 0o700
        files = list(directory.iterdir())
        assert {file.name for file in files} >= {"anymedia.db", "anymedia.db-wal"}
        assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}

    using(directory, work)


def test_a_directory_that_cannot_be_made_is_one_clear_error(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StorageFailed, match="ANYMEDIA_DATA_DIR"):
        using(tmp_path / "file" / "data", lambda database: database.read(keys))


def test_a_file_that_is_no_database_is_left_alone(tmp_path: Path) -> None:
    """Somebody else's."""
    path = tmp_path / "anymedia.db"
    path.write_bytes(b"these are not the bytes of a database" * 50)
    before = path.read_bytes()
    with pytest.raises(StorageFailed, match="cannot be opened"):
        opened(path)
    assert path.read_bytes() == before


def test_a_database_of_a_newer_release_is_refused(tmp_path: Path) -> None:
    """Not damaged."""
    using(tmp_path, lambda database: database.write(put("a")))
    with sqlite3.connect(tmp_path / "anymedia.db") as other:
        other.execute(
            "UPDATE anymedia_meta SET value = ? WHERE key = 'schema_version'", (VERSION + 1,)
        )
    other.close()
    with pytest.raises(InvalidConfiguration, match="newer anymedia"):
        using(tmp_path, lambda database: database.read(keys))


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from anymedia.contracts.errors import StorageFailed
from anymedia.store.sqlite import SqliteDatabase
from anymedia.store.schema import meta

def put(key, value=""):
    return lambda connection: connection.execute(meta.insert().values(key=key, value=value)) and None

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    await database.write(put("before"))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (400_000, resource.RLIM_INFINITY))
    try:
        await database.write(put("large", "x" * 2_000_000))
        print("written?")
    except StorageFailed as error:
        print(error.message)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    await database.write(put("after"))
    await database.close()

asyncio.run(main())
"""


def test_a_full_disk_is_told_and_the_work_goes_on_when_there_is_room(tmp_path: Path) -> None:
    """In a process whose files may not grow, then may again."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "written?" not in done.stdout
    assert str(tmp_path) in done.stdout
    assert on_disk(tmp_path) == {"before", "after"}


WRITER = """
import asyncio, sys
from pathlib import Path
from anymedia.store.sqlite import SqliteDatabase
from anymedia.store.schema import meta

async def main():
    database = SqliteDatabase(Path(sys.argv[1]))
    for number in range(40):
        key = f"{sys.argv[2]}-{number}"
        await database.write(lambda c: c.execute(meta.insert().values(key=key, value="")) and None)
    await database.close()

asyncio.run(main())
"""


def test_several_processes_share_one_directory(tmp_path: Path) -> None:
    """Made by whoever comes first; nobody's row is lost, nobody fails for being second."""
    directory = tmp_path / "data"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory), name],
            stderr=subprocess.PIPE,
            text=True,
        )
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        _, complaint = writer.communicate(timeout=60)
        assert writer.returncode == 0, complaint
    expected = {f"{name}-{number}" for name in "abc" for number in range(40)}
    assert on_disk(directory) == expected
