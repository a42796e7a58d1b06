"""A look at an installation: what is wrong is said, with what to do about it."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from anymedia import AsyncClient
from anymedia.contracts.finding import Finding
from anymedia.store.sqlite import opened


def looked(directory: Path, config: dict[str, Any] | None = None) -> dict[str, list[Finding]]:
    """All findings, by what they are about."""

    async def look() -> dict[str, list[Finding]]:
        found: dict[str, list[Finding]] = {}
        async with AsyncClient(config or {}, data_dir=directory) as client:
            async for one in client.checkup():
                found.setdefault(one.about, []).append(one)
        return found

    return asyncio.run(look())


def rows(directory: Path, *statements: str) -> None:
    """A database with something in it."""
    opened(directory / "anymedia.db").dispose()
    with sqlite3.connect(directory / "anymedia.db") as raw:
        for statement in statements:
            raw.execute(statement)
    raw.close()


JOB = (
    "INSERT INTO jobs (id, owner, medium, status, request, request_hash, created_at, updated_at,"
    " due_at) VALUES ('job_1', 'local', 'video', '{status}', '{{}}', 'h', 1, 1, {due})"
)


def test_a_sound_installation_has_no_problem(tmp_path: Path) -> None:
    """And every part of it has been looked at."""
    found = looked(tmp_path)
    assert not [one for many in found.values() for one in many if one.verdict == "problem"]
    assert set(found) >= {"configuration", "database", "jobs", "ledger", "models", "Redis"}


def test_a_job_that_nobody_carries_on_is_a_problem(tmp_path: Path) -> None:
    """It is overdue since 1970."""
    rows(tmp_path, JOB.format(status="running", due=1))
    (one,) = looked(tmp_path)["jobs"]
    assert one.verdict == "problem"
    assert one.message.startswith("1 of 1 jobs under way are overdue")
    assert "anymedia jobs work" in (one.next_step or "")


def test_a_paid_request_that_nobody_knows_of_is_to_be_decided(tmp_path: Path) -> None:
    """A person has to."""
    rows(
        tmp_path,
        JOB.format(status="outcome_unknown", due="NULL"),
        "INSERT INTO attempts (id, job_id, number, provider, model, state, callback_token,"
        " created_at, polls) VALUES"
        " ('att_1', 'job_1', 1, 'acme', 'clip-1', 'outcome_unknown', 'cb', 1, 0)",
    )
    (one,) = looked(tmp_path)["jobs"]
    assert one.verdict == "warning"
    assert "anymedia jobs resolve" in (one.next_step or "")


def test_a_file_that_is_no_database_is_one_finding_among_others(tmp_path: Path) -> None:
    """The looks that do not need it are made all the same."""
    (tmp_path / "anymedia.db").write_bytes(b"this is not a database" * 100)
    found = looked(tmp_path)
    assert [one.verdict for one in found["database"]] == ["problem"]
    assert [one.verdict for one in found["data directory"]] == ["ok"]


@pytest.mark.parametrize(
    ("retires_on", "verdict"), [("2020-01-01", "problem"), ("2999-01-01", "ok")]
)
def test_a_model_that_is_retired_names_its_successor(
    tmp_path: Path, retires_on: str, verdict: str
) -> None:
    """Where the configuration names it."""
    sheet = tmp_path / "own.toml"
    sheet.write_text(
        f"""
[[model]]
id = "old"
provider = "openai"
medium = "text"
tasks = ["text"]
retires_on = {retires_on}
successor = "new"
source = "https://example.com"
as_of = 2026-11-01
"""
    )
    config = {
        "catalog": [str(sheet)],
        "providers": {"openai": {"api_key": "sk-1234567890", "models": {"text": "old"}}},
    }
    (one,) = looked(tmp_path, config)["models"]
    assert one.verdict == verdict
    assert one.next_step == ("use `new`" if verdict == "problem" else None)
