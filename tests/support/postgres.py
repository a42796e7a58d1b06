"""A real Postgres for tests, or the reason why there is none; each test has a schema of its own.

`ANYMEDIA_TEST_POSTGRES_URL` names one whose role may create schemas. Without it, the one on this
machine is used: as `anymedia_test` with a password of the same name, in a database of that name.
Where these are missing and we are root, the server's own account makes them, as nobody else may
on a machine that has just been set up.
"""

from __future__ import annotations

import asyncio
import functools
import os
import pwd
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from anymedia.store.database import Database, database_at

NAME = "anymedia_test"
LOCAL = f"postgresql://{NAME}:{NAME}@127.0.0.1:5432/{NAME}"
URL = os.environ.get("ANYMEDIA_TEST_POSTGRES_URL", LOCAL)


def listens(url: str) -> bool:
    """Whether somebody listens there."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 5432), 1.0):
            return True
    except OSError:
        return False


async def asked(url: str, *statements: str) -> None:
    """Run statements on a connection of their own."""
    import asyncpg

    connection = await asyncpg.connect(url, timeout=5)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()


def told(url: str, *statements: str) -> None:
    """The same from anywhere, also where an event loop runs."""
    with ThreadPoolExecutor(1) as elsewhere:
        elsewhere.submit(asyncio.run, asked(url, *statements)).result()


def admits(url: str) -> str | None:
    """Why we cannot get in, if so."""
    import asyncpg

    try:
        told(url, "SELECT 1")
    except (OSError, asyncpg.PostgresError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"
    return None


def as_postgres(statement: str) -> None:
    """A statement by the account that the server runs under; what is there already is no harm."""
    uid = pwd.getpwnam("postgres").pw_uid
    subprocess.run(
        ["psql", "-X", "-q", "-c", statement],
        user=uid,
        env={"PATH": os.environ.get("PATH", "")},
        cwd="/",
        capture_output=True,
        check=False,
        timeout=30,
    )


@functools.cache
def missing() -> str | None:
    """Why there is no Postgres for tests, if so. Makes role and database where it may."""
    try:
        import asyncpg  # noqa: F401
    except ImportError:
        return "the extra `postgres` is not installed"
    if not listens(URL):
        return f"no Postgres at {urlsplit(URL).netloc.rpartition('@')[2]}"
    why = admits(URL)
    if why is not None and URL == LOCAL and os.geteuid() == 0 and shutil.which("psql"):
        try:
            as_postgres(f"CREATE ROLE {NAME} LOGIN PASSWORD '{NAME}'")
            as_postgres(f"CREATE DATABASE {NAME} OWNER {NAME}")
        except (KeyError, OSError, subprocess.TimeoutExpired):
            return why
        why = admits(URL)
    return why


def needs_postgres() -> pytest.MarkDecorator:
    """Skips a test where there is no Postgres, and says why."""
    why = missing()
    return pytest.mark.skipif(
        why is not None, reason=f"{why} (ANYMEDIA_TEST_POSTGRES_URL names another)"
    )


@contextmanager
def fresh_url() -> Iterator[str]:
    """A schema of its own, which is dropped afterwards."""
    schema = f"test_{secrets.token_hex(8)}"
    try:
        yield f"{URL}?schema={schema}"
    finally:
        told(URL, "SET lock_timeout = '10s'", f"DROP SCHEMA IF EXISTS {schema} CASCADE")


def hanging_up(url: str) -> str:
    """What ends all connections of ours to one schema, as a restart of the server would."""
    schema = url.rpartition("schema=")[2]
    return (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        f" WHERE application_name = 'anymedia {schema}' AND pid <> pg_backend_pid()"
    )


def databases() -> list[object]:
    """Parameters of a test that is to hold on each database."""
    return ["sqlite", pytest.param("postgres", marks=needs_postgres())]


URL_FILE = "test-database-url"


def url_in(directory: Path) -> str | None:
    """Where the database of a directory is, if a test has put it elsewhere."""
    file = directory / URL_FILE
    return file.read_text() if file.exists() else None


def database_in(directory: Path) -> Database:
    """The database of a directory, in whichever process."""
    return database_at(directory, url_in(directory))


@contextmanager
def elsewhere(directory: Path) -> Iterator[str]:
    """Let the database of a directory be on Postgres."""
    with fresh_url() as url:
        directory.mkdir(parents=True, exist_ok=True)
        (directory / URL_FILE).write_text(url)
        yield url
