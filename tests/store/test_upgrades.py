"""Databases of earlier releases are brought up to date, with everything that is in them."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from anymedia.store.schema import VERSION
from anymedia.store.sqlite import opened
from anymedia.store.upgrades import STEPS

SINCE: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE attempts DROP COLUMN variant",
        "ALTER TABLE attempts DROP COLUMN quality",
    ),
    2: tuple(f"DROP TABLE budget_{one}" for one in ("accounts", "holds", "allowances")),
    3: tuple(f"DROP TABLE {one}" for one in ("key_secrets", "keys", "provider_changes", "audit")),
    4: (
        *(
            f"DROP TABLE {one}"
            for one in ("batches", "batch_workers", "batch_items", "batch_parts")
        ),
        *(f"DROP TABLE {one}" for one in ("callback_secrets", "deliveries")),
        *(f"DROP INDEX callbacks_{one}" for one in ("due", "listed")),
        *(
            f"ALTER TABLE callbacks DROP COLUMN {one}"
            for one in ("owner", "sequence", "type", "receiver", "created_at", "holder")
        ),
        *(f"ALTER TABLE callbacks DROP COLUMN {one}" for one in ("held_until", "status")),
        "DROP TABLE pauses",
        *(f"DROP INDEX {one}" for one in ("jobs_lost", "attempts_handle", "attempts_made")),
        *(f"ALTER TABLE jobs DROP COLUMN {one}" for one in ("turn", "not_before", "deadline")),
        *(f"ALTER TABLE attempts DROP COLUMN {one}" for one in ("abandoned_at", "handle_hash")),
        "DROP INDEX jobs_held",
        "DROP TABLE job_marks",
        *(f"DROP INDEX jobs_{one}" for one in ("by_status", "by_medium", "finished")),
        *(f"ALTER TABLE workers DROP COLUMN {one}" for one in ("host", "load")),
        "DROP INDEX artifacts_once",
        "DROP INDEX artifacts_source",
        "ALTER TABLE artifacts DROP COLUMN source_id",
        "ALTER TABLE artifacts DROP COLUMN findings",
        *(
            f"ALTER TABLE artifacts DROP COLUMN {one}"
            for one in ("version", "purged_at", "purged_why")
        ),
        "DROP INDEX ledger_reference",
        "DROP INDEX ledger_unknown",
        *(
            f"ALTER TABLE ledger DROP COLUMN {one}"
            for one in ("request", "reference", "bound", "price", "seconds")
        ),
    ),
    5: ("DROP INDEX jobs_free",),
}
"""How the tables of the next version become those of each one before it again."""


def older(directory: Path, version: int) -> Path:
    """A database as that version left it, with a job under way."""
    path = directory / "anymedia.db"
    opened(path).dispose()
    with sqlite3.connect(path) as raw:
        raw.execute(
            "INSERT INTO jobs (id, owner, medium, status, request, request_hash, created_at,"
            " updated_at, due_at) VALUES ('job_1', 'local', 'video', 'running', '{}', 'h', 1, 1, 1)"
        )
        raw.execute(
            "INSERT INTO attempts (id, job_id, number, provider, model, state, callback_token,"
            " created_at, polls, handle) VALUES"
            " ('att_1', 'job_1', 1, 'acme', 'clip-1', 'accepted', 'cb', 1, 3, 'c_1')"
        )
        for step in range(VERSION - 1, version - 1, -1):
            for statement in SINCE[step]:
                raw.execute(statement)
        raw.execute(
            "UPDATE anymedia_meta SET value = ? WHERE key = 'schema_version'", (str(version),)
        )
    raw.close()
    return path


def test_there_is_a_step_from_every_version() -> None:
    """And a way back in this test, or it would prove nothing."""
    assert sorted(STEPS) == sorted(SINCE) == list(range(1, VERSION))


@pytest.mark.parametrize("version", sorted(STEPS))
def test_an_older_database_is_upgraded_with_its_jobs(tmp_path: Path, version: int) -> None:
    """The job under way is still there, with its handle; opening it again changes nothing."""
    path = older(tmp_path, version)
    fresh = tmp_path / "fresh"
    fresh.mkdir()
    opened(fresh / "anymedia.db").dispose()
    for _ in range(2):
        opened(path).dispose()
        assert columns(path) == columns(fresh / "anymedia.db")
        assert indexes(path) == indexes(fresh / "anymedia.db")
    with sqlite3.connect(path) as raw:
        (handle,) = raw.execute("SELECT handle FROM attempts WHERE id = 'att_1'").fetchone()
        (written,) = raw.execute(
            "SELECT value FROM anymedia_meta WHERE key = 'schema_version'"
        ).fetchone()
    raw.close()
    assert (handle, int(written)) == ("c_1", VERSION)


def indexes(path: Path) -> dict[str, str]:
    """How every index is made, but for blanks."""
    with sqlite3.connect(path) as raw:
        rows = raw.execute("SELECT name, sql FROM sqlite_master WHERE type='index' AND sql != ''")
        found = {name: " ".join(sql.split()).replace('"', "") for name, sql in rows}
    raw.close()
    return found


def columns(path: Path) -> dict[str, set[str]]:
    """Every table's columns."""
    with sqlite3.connect(path) as raw:
        tables = [
            row[0] for row in raw.execute("SELECT name FROM sqlite_master WHERE type='table'")
        ]
        found = {
            table: {row[1] for row in raw.execute(f"PRAGMA table_info({table})")}
            for table in tables
        }
    raw.close()
    return found
