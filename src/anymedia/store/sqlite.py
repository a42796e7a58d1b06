"""SQLite in a directory: work is run in one thread, many to a commit.

SQLite has one writer at a time and every commit waits for the disk. So writes queue up for one
thread; whatever is waiting when it comes round goes into one transaction, and all are told at once
when the disk has confirmed. Where one of them fails, they are run again, each in a savepoint of its
own, which alone is undone: a savepoint costs more than most of what it would guard.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy
from sqlalchemy import Connection, event
from sqlalchemy.exc import DatabaseError, DBAPIError, OperationalError

from anymedia.contracts.errors import GenerationError, StorageFailed
from anymedia.store.journal import unwritable
from anymedia.store.transaction import carried_out
from anymedia.store.upgrades import made

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], Any]
MOST_PER_COMMIT = 64
BUSY_SECONDS = 15.0
SWITCH_SECONDS = 0.01


@dataclass(slots=True, eq=False)
class Asked:
    """Work, and who waits for what comes of it."""

    work: Work
    loop: asyncio.AbstractEventLoop
    answer: asyncio.Future[Any]
    outcome: Any = None
    failure: BaseException | None = None

    def tell(self) -> None:
        """In the loop of whoever asked; who has gone is not told."""
        if self.answer.done():
            return
        if self.failure is not None:
            self.answer.set_exception(self.failure)
        else:
            self.answer.set_result(self.outcome)


Line: TypeAlias = "queue.SimpleQueue[Asked | None]"


class SqliteDatabase:
    """Shared by any number of processes of this machine."""

    url: str | None = None

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "anymedia.db"
        self._engine: sqlalchemy.Engine | None = None
        self._writes: Line = queue.SimpleQueue()
        self._reads: Line = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    async def write(self, work: Callable[[Connection], T], *, job: str | None = None) -> T:
        """Run it in a transaction; returns when that is on the disk. All work is done together."""
        outcome: T = await self._queued(self._writes, work)
        return outcome

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it on a consistent view of the database."""
        outcome: T = await self._queued(self._reads, work)
        return outcome

    async def close(self) -> None:
        """Finish what is queued and close the file."""
        if not self._threads:
            return
        self._writes.put(None)
        self._reads.put(None)
        for thread in self._threads:
            thread.join()
        self._threads = []
        for line in (self._writes, self._reads):
            refuse_the_rest(line)
        assert self._engine is not None
        self._engine.dispose()
        self._engine = None

    def time(self, now: float) -> float:
        """All who share it are on this machine, and go by its clock."""
        return now

    def _queued(self, line: Line, work: Work) -> asyncio.Future[Any]:
        self._start()
        loop = asyncio.get_running_loop()
        asked = Asked(work, loop, loop.create_future())
        line.put(asked)
        return asked.answer

    # --- the threads ----------------------------------------------------------------------

    def _start(self) -> None:
        if self._threads:
            return
        with self._starting:
            if self._threads:
                return
            self._engine = opened(self.path)
            self._threads = [
                threading.Thread(target=self._writing, name="anymedia-writer", daemon=True),
                threading.Thread(target=self._reading, name="anymedia-reader", daemon=True),
            ]
            for thread in self._threads:
                thread.start()

    def _writing(self) -> None:
        assert self._engine is not None
        with self._engine.connect() as connection:
            while (first := self._writes.get()) is not None:
                batch, last = self._waiting(first)
                self._commit(connection, batch)
                if last:
                    return

    def _waiting(self, first: Asked) -> tuple[list[Asked], bool]:
        batch = [first]
        while len(batch) < MOST_PER_COMMIT:
            try:
                following = self._writes.get_nowait()
            except queue.Empty:
                break
            if following is None:
                return batch, True
            batch.append(following)
        return batch, False

    def _commit(self, connection: Connection, batch: list[Asked]) -> None:
        asking = [one for one in batch if not one.answer.cancelled()]
        try:
            self._committed(connection, asking)
        except Exception as error:  # noqa: BLE001  whoever waits must be told, whatever it is
            failure = self._explained(error) if isinstance(error, DatabaseError) else error
            for one in asking:
                one.failure = failure
        tell(asking)

    def _committed(self, connection: Connection, asking: list[Asked]) -> None:
        try:
            with connection.begin():
                carried_out(connection, lambda c: done(c, asking))
        except OperationalError:
            raise  # it is the database, which fails everybody
        except Exception as error:  # noqa: BLE001  it belongs to one of those who asked
            if len(asking) == 1:
                asking[0].failure = error
            else:
                self._commit_apart(connection, asking)

    def _commit_apart(self, connection: Connection, asking: list[Asked]) -> None:
        with connection.begin():
            for one in asking:
                try:
                    with connection.begin_nested():
                        one.outcome = carried_out(connection, one.work)
                except OperationalError:
                    raise
                except Exception as error:  # noqa: BLE001  it belongs to whoever asked
                    one.failure = error

    def _reading(self) -> None:
        assert self._engine is not None
        with self._engine.connect().execution_options(reading=True) as connection:
            while (asked := self._reads.get()) is not None:
                if asked.answer.cancelled():
                    continue
                try:
                    with connection.begin():
                        asked.outcome = asked.work(connection)
                except DatabaseError as error:
                    asked.failure = self._explained(error)
                except Exception as error:  # noqa: BLE001  it belongs to whoever asked
                    asked.failure = error
                tell([asked])

    def _explained(self, error: DatabaseError) -> GenerationError:
        words = str(error.orig)
        if "full" in words:
            return unwritable(self.directory, OSError(28, "No space left on device"))
        return StorageFailed(f"the database `{self.path}` does not take this: {words}")


def done(connection: Connection, asking: Iterable[Asked]) -> None:
    """Run the work of all, one after another."""
    for one in asking:
        one.outcome = one.work(connection)


def tell(asked: Iterable[Asked]) -> None:
    """Hand out what came of it: once for each loop, since waking one costs more than telling."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Asked]] = {}
    for one in asked:
        by_loop.setdefault(one.loop, []).append(one)
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # it was closed meanwhile: nobody waits any more
            loop.call_soon_threadsafe(tell_here, some)


def tell_here(asked: Iterable[Asked]) -> None:
    """The same, in the loop of those who asked."""
    for one in asked:
        one.tell()


def refuse_the_rest(line: Line) -> None:
    """Tell those who asked too late."""
    while True:
        try:
            asked = line.get_nowait()
        except queue.Empty:
            return
        if asked is not None:
            asked.failure = StorageFailed("the database was closed meanwhile")
            tell([asked])


def opened(path: Path) -> sqlalchemy.Engine:
    """The database, made when there is none. Raises one clear error when it cannot be used."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # It holds prompts: nobody else may read it. SQLite gives its side files the same mode.
        # Only one that is new is opened by hand: closing a file drops all locks of this process on
        # it, also those of whoever else has the database open here.
        with suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise unwritable(path.parent, error) from None
    engine = sqlalchemy.create_engine(
        f"sqlite:///{path}",
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
        poolclass=sqlalchemy.pool.NullPool,
    )
    event.listen(engine, "connect", prepared)
    event.listen(engine, "begin", begun)
    try:
        with engine.begin() as connection:
            made(connection, f"`{path}`", "choose another ANYMEDIA_DATA_DIR")
    except (DatabaseError, OSError) as error:
        engine.dispose()
        words = str(getattr(error, "orig", error))
        raise StorageFailed(
            f"the database `{path}` cannot be opened: {words}. Check that the directory is "
            f"writable and has space, or choose another with ANYMEDIA_DATA_DIR"
        ) from None
    return engine


def prepared(connection: Any, _record: Any) -> None:
    """Every new connection: durable commits, readers beside the writer."""
    # The driver must not begin transactions by itself, or BEGIN IMMEDIATE comes too late.
    connection.isolation_level = None
    cursor = connection.cursor()
    switch_to_wal(cursor)
    # FULL: a commit that was reported is on the disk, also when the power goes.
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def switch_to_wal(cursor: Any) -> None:
    """Once in a file's life. SQLite does not wait for others who do it at the same time."""
    for _ in range(int(BUSY_SECONDS / SWITCH_SECONDS)):
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if "locked" not in str(error):
                raise
            time.sleep(SWITCH_SECONDS)
        else:
            return
    cursor.execute("PRAGMA journal_mode=WAL")


def begun(connection: Connection) -> None:
    """Writers take the lock at once: upgrading to it later can fail, waiting for it cannot."""
    reading = connection.get_execution_options().get("reading")
    said = "BEGIN" if reading else "BEGIN IMMEDIATE"
    driver: Any = connection.connection.dbapi_connection
    try:  # as `exec_driver_sql` does, which costs as much as many a transaction's work
        driver.execute(said)
    except sqlite3.Error as error:
        raise DBAPIError.instance(
            said, None, error, sqlite3.Error, dialect=connection.dialect
        ) from error
