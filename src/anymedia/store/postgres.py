"""Postgres, shared by any number of processes on any number of machines.

Work is done in transactions on one of several connections: questions, and what changes one job
only, share them (`anymedia.store.together`); anything else has one of its own. One that got in
the way of another (a deadlock) has left nothing and is run again. A connection that is gone is one
clear error for whoever used it; the next question opens another.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection, event, func, select, text
from sqlalchemy.exc import DBAPIError, DisconnectionError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from anymedia.contracts.errors import InvalidConfiguration, StorageFailed
from anymedia.store.address import Address, address
from anymedia.store.present import present
from anymedia.store.together import Together
from anymedia.store.transaction import carried_out
from anymedia.store.upgrades import made

T = TypeVar("T")
WAIT_SECONDS = 20.0
"""For a connection, when all are in use."""
UPGRADING = 0x616E796D65646961
"""The lock that is held while tables are made: `anymedia` in ASCII."""
IN_THE_WAY = frozenset({"40001", "40P01"})
"""A transaction that has to be run again: serialization failure, deadlock."""
MOST_TRIES = 6
MOST_WRITERS = 3
"""At the same time in one process. More would only hold each other's rows longer: a transaction is
a dozen round trips, and this process takes them one after another."""
MOST_READERS = 3
PAUSE_SECONDS = 0.02
SET_SECONDS = 0.05
"""A time of day that is off by less was not set."""
SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
"""Goes on while the machine is suspended, where there is such a clock."""


@dataclass(frozen=True, slots=True)
class ServerTime:
    """What the database's clock said, and ours at that moment: since boot, and the time of day."""

    told: float
    since_boot: float
    of_day: float

    def ahead(self) -> float:
        """Seconds that it is ahead of our time of day now, also when that was set meanwhile."""
        passed = time.clock_gettime(SINCE_BOOT) - self.since_boot
        moved = passed - (time.time() - self.of_day)
        # Looking at two clocks takes a moment, which must not make time go back and forth.
        return self.told - self.of_day + (moved if abs(moved) >= SET_SECONDS else 0.0)


class PostgresDatabase:
    """What `database_url` names. Used from one event loop at a time."""

    def __init__(self, url: str, directory: Path) -> None:
        self.directory = directory
        self.url: str | None = url
        self.address = address(url)
        check_installed()
        self._engine: AsyncEngine | None = None
        self._reading: AsyncEngine | None = None
        self._opening = asyncio.Lock()
        self._writing = asyncio.Semaphore(MOST_WRITERS)
        self._under_way: set[asyncio.Task[Any]] = set()
        self._writes = Together(self._written, self._begun, most_transactions=MOST_WRITERS)
        self._reads = Together(self._looked, self._begun, most_transactions=MOST_READERS)
        self._heard: ServerTime | None = None

    async def write(self, work: Callable[[Connection], T], *, job: str | None = None) -> T:
        """Run it in a transaction; returns when that is on the server's disk."""
        if job is not None:
            return await self._writes.run(work, job)
        return await asyncio.shield(self._begun(self._written(work)))

    async def read(self, work: Callable[[Connection], T]) -> T:
        """Run it on a consistent view of the database."""
        return await self._reads.run(work)

    def time(self, now: float) -> float:
        """The server's time, as far as it was heard of: clocks of machines differ."""
        return now if self._heard is None else now + self._heard.ahead()

    async def read_clock(self) -> None:
        """Hear again what time it is there."""
        asked = time.clock_gettime(SINCE_BOOT)
        told = await self.read(lambda c: c.execute(select(present(c, 0.0))).scalar_one())
        heard = time.clock_gettime(SINCE_BOOT)
        # The answer is from about the middle of the time that it took.
        self._heard = ServerTime(float(told) + (heard - asked) / 2, heard, time.time())

    async def close(self) -> None:
        """Finish what was asked and close all connections."""
        while self._under_way:
            await asyncio.wait(list(self._under_way))
        engine, self._engine, self._reading = self._engine, None, None
        if engine is not None:
            await engine.dispose()

    # --- transactions ---------------------------------------------------------------------

    def _begun(self, doing: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Work that was begun is finished, also when whoever asked has gone."""
        task = asyncio.ensure_future(doing)
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            task.exception()  # looked at, so that nobody is told of it who does not wait any more

    async def _written(self, work: Callable[[Connection], T], jobs: Sequence[str] = ()) -> T:
        for tries in range(1, MOST_TRIES + 1):
            engine = await self._opened()
            try:
                async with self._writing, engine.begin() as connection:
                    return await connection.run_sync(carried_out, work, jobs)
            except failures() as error:
                if state_of(error) not in IN_THE_WAY or tries == MOST_TRIES:
                    raise self._explained(error) from None
            await asyncio.sleep(PAUSE_SECONDS * tries * random.random())  # noqa: S311  it only spreads
        raise AssertionError("the last try returns or raises")

    async def _looked(self, work: Callable[[Connection], T], _: Sequence[str] = ()) -> T:
        await self._opened()
        assert self._reading is not None
        try:
            async with self._reading.begin() as connection:
                return await connection.run_sync(work)
        except failures() as error:
            raise self._explained(error, reading=True) from None

    def _explained(self, error: Exception, *, reading: bool = False) -> Exception:
        """In our words, unless it belongs to whoever asked."""
        if isinstance(error, IntegrityError) and not reading:
            return error
        name = self.address.named
        if is_lost(error):
            return StorageFailed(
                f"the database `{name}` cannot be reached: {words_of(error)}. Jobs that were "
                f"accepted are safe there; new ones can be accepted when it is back"
            )
        return StorageFailed(f"the database `{name}` does not take this: {words_of(error)}")

    # --- opening --------------------------------------------------------------------------

    async def _opened(self) -> AsyncEngine:
        if self._engine is not None:
            return self._engine
        async with self._opening:
            if self._engine is None:
                self._engine = await opened(self.address)
                self._reading = self._engine.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
        if self._heard is None:
            await self._read_clock_first(self._engine)
        return self._engine

    async def _read_clock_first(self, engine: AsyncEngine) -> None:
        now = time.time()
        self._heard = ServerTime(now, time.clock_gettime(SINCE_BOOT), now)
        await self.read_clock()


async def opened(where: Address) -> AsyncEngine:
    """Connections to a database whose tables are there. One clear error when there are none."""
    engine = create_async_engine(
        where.url.set(drivername="postgresql+asyncpg"),
        connect_args=where.arguments,
        pool_size=where.connections,
        max_overflow=0,
        pool_timeout=WAIT_SECONDS,
    )
    event.listen(engine.sync_engine, "connect", prepared)
    event.listen(engine.sync_engine, "checkout", usable)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(lambda c: prepared_tables(c, where))
    except InvalidConfiguration:
        await engine.dispose()
        raise
    except (SQLAlchemyError, OSError) as error:
        await engine.dispose()
        raise StorageFailed(
            f"the database `{where.named}` cannot be opened: {words_of(error)}. Check "
            f"ANYMEDIA_DATABASE_URL, and that the server runs"
        ) from None
    return engine


def prepared_tables(connection: Connection, where: Address) -> None:
    """The tables, made or upgraded by one process while the others wait."""
    connection.execute(select(func.pg_advisory_xact_lock(UPGRADING)))
    if where.schema is not None:
        connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {where.schema}"))
    made(connection, f"`{where.named}`", "choose another ANYMEDIA_DATABASE_URL")


def prepared(connection: Any, _record: Any) -> None:
    """Every new connection: a commit that was reported is on the disk, whatever the server's habit."""
    cursor = connection.cursor()
    cursor.execute("SHOW synchronous_commit")
    (habit,) = cursor.fetchone()
    if habit in {"off", "local"}:
        cursor.execute("SET synchronous_commit TO on")
    cursor.close()
    connection.commit()


def usable(connection: Any, _record: Any, _proxy: Any) -> None:
    """A connection that the server has closed is replaced before it is used."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


@cache
def failures() -> tuple[type[Exception], ...]:
    """What goes wrong in a transaction through no fault of who asked."""
    from asyncpg import InternalClientError

    # The last is said to a question that comes while the server's farewell is being read, and
    # SQLAlchemy hands it on as it is.
    return (SQLAlchemyError, OSError, InternalClientError)


def state_of(error: Exception) -> str | None:
    """The SQLSTATE that an error came with."""
    return getattr(getattr(error, "orig", None), "sqlstate", None)


def is_lost(error: Exception) -> bool:
    """Whether it is the connection that failed, and not what was asked."""
    if not isinstance(error, DBAPIError):
        return True  # the network, or no connection was free in time
    state = state_of(error) or ""
    # Classes of SQLSTATE: 08 connection, 53 resources, 57P server shut down; none: no answer.
    return error.connection_invalidated or not state or state[:2] in {"08", "53"} or "57P" in state


def words_of(error: Exception) -> str:
    """What an error says, without the statement and what was in it."""
    cause = getattr(error, "orig", None) or error
    cause = cause.__cause__ or cause
    return str(cause).strip().partition("\n")[0] or type(cause).__name__


def check_installed() -> None:
    """One line for who has the URL and not the driver."""
    if not all(find_spec(name) for name in ("asyncpg", "greenlet", "pgqueuer")):
        raise InvalidConfiguration(
            "`database_url` is set and the Postgres driver is not installed: "
            "`pip install 'anymedia[postgres]'`"
        )
