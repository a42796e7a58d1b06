"""SQLite in a directory: work is run in one thread, many to a commit.

SQLite has one writer at a time and every commit waits for the disk. So writes queue up for one
thread; whatever is waiting when it comes round goes into one transaction, each function in a
savepoint of its own, and all are told when the disk has confirmed. A function's failure undoes
its own savepoint only.
"""

from __future__ import annotations

import asyncio
import os
import queue
import sqlite3
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeAlias, TypeVar

import sqlalchemy
from sqlalchemy import Connection, event
from sqlalchemy.exc import DatabaseError, OperationalError

from anymedia.contracts.errors import GenerationError, StorageFailed
from anymedia.store.journal import unwritable
from anymedia.store.upgrades import made

T = TypeVar("T")
Work: TypeAlias = Callable[[Connection], Any]
MOST_PER_COMMIT = 64
BUSY_SECONDS = 15.0
SWITCH_SECONDS = 0.01


class SqliteDatabase:
    """Shared by any number of processes of this machine."""

    url: str | None = None

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.path = directory / "anymedia.db"
        self._engine: sqlalchemy.Engine | None = None
        self._writes: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._reads: queue.SimpleQueue[tuple[Work, Future[Any]] | None] = queue.SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._starting = threading.Lock()

    async def write(self, work: Callable[[Connection], T]) -> T:
        """Run it in a transaction; returns when that is on the disk."""
        return await asyncio.wrap_future(self._queued(self._writes, work))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it on a consistent view of the database."""
        return await asyncio.wrap_future(self._queued(self._reads, work))

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

    def _queued(
        self, line: queue.SimpleQueue[tuple[Work, Future[Any]] | None], work: Work
    ) -> Future[Any]:
        self._start()
        done: Future[Any] = Future()
        line.put((work, done))
        return done

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

    def _waiting(
        self, first: tuple[Work, Future[Any]]
    ) -> tuple[list[tuple[Work, Future[Any]]], bool]:
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

    def _commit(self, connection: Connection, batch: list[tuple[Work, Future[Any]]]) -> None:
        told: list[tuple[Future[Any], Any]] = []
        try:
            with connection.begin():
                for work, done in batch:
                    if not done.set_running_or_notify_cancel():
                        continue
                    try:
                        with connection.begin_nested():
                            told.append((done, work(connection)))
                    except OperationalError:
                        raise
                    except Exception as error:  # noqa: BLE001  it belongs to whoever asked
                        done.set_exception(error)
        except Exception as error:  # noqa: BLE001  whoever waits must be told, whatever it is
            failure = self._explained(error) if isinstance(error, DatabaseError) else error
            for _, done in batch:
                if not done.done():
                    done.set_exception(failure)
            return
        for done, outcome in told:
            done.set_result(outcome)

    def _reading(self) -> None:
        assert self._engine is not None
        with self._engine.connect().execution_options(reading=True) as connection:
            while (asked := self._reads.get()) is not None:
                work, done = asked
                if not done.set_running_or_notify_cancel():
                    continue
                try:
                    with connection.begin():
                        done.set_result(work(connection))
                except DatabaseError as error:
                    done.set_exception(self._explained(error))
                except Exception as error:  # noqa: BLE001  it belongs to whoever asked
                    done.set_exception(error)

    def _explained(self, error: DatabaseError) -> GenerationError:
        words = str(error.orig)
        if "full" in words:
            return unwritable(self.directory, OSError(28, "No space left on device"))
        return StorageFailed(f"the database `{self.path}` does not take this: {words}")


def refuse_the_rest(line: queue.SimpleQueue[tuple[Work, Future[Any]] | None]) -> None:
    """Tell those who asked too late."""
    while True:
        try:
            asked = line.get_nowait()
        except queue.Empty:
            return
        if asked is not None and asked[1].set_running_or_notify_cancel():
            asked[1].set_exception(StorageFailed("the database was closed meanwhile"))


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
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
