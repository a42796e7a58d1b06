"""Databases of earlier releases, brought to the tables of this one. Jobs under way stay under way."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.store.schema import VERSION, meta, metadata

STEPS: dict[int, tuple[str, ...]] = {
    1: (
        "ALTER TABLE attempts ADD COLUMN variant VARCHAR",
        "ALTER TABLE attempts ADD COLUMN quality VARCHAR",
    ),
    2: (),  # tables of budgets
    3: (),  # tables of keys, of providers changed at run time, and of what administrators did
    4: (
        (
            "DELETE FROM artifacts WHERE attempt_id IS NOT NULL AND id NOT IN"
            " (SELECT min(id) FROM artifacts GROUP BY attempt_id, role, position)"
        ),
        "CREATE UNIQUE INDEX artifacts_once ON artifacts (attempt_id, role, position)",
        "ALTER TABLE jobs ADD COLUMN turn FLOAT NOT NULL DEFAULT 0",
        "ALTER TABLE jobs ADD COLUMN not_before FLOAT",
        "ALTER TABLE jobs ADD COLUMN deadline FLOAT",
        (
            "CREATE INDEX jobs_lost ON jobs (created_at)"
            " WHERE finished_at IS NULL AND due_at IS NULL"
        ),
        "ALTER TABLE attempts ADD COLUMN abandoned_at FLOAT",
        "ALTER TABLE attempts ADD COLUMN handle_hash VARCHAR",
        "CREATE INDEX attempts_handle ON attempts (handle_hash)",
        (
            "CREATE INDEX attempts_made ON attempts (provider, model, finished_at)"
            " WHERE state = 'succeeded'"
        ),
        "ALTER TABLE artifacts ADD COLUMN source_id VARCHAR",
        "ALTER TABLE artifacts ADD COLUMN findings TEXT",
        "ALTER TABLE artifacts ADD COLUMN version VARCHAR",
        "ALTER TABLE artifacts ADD COLUMN purged_at FLOAT",
        "ALTER TABLE artifacts ADD COLUMN purged_why TEXT",
        "CREATE INDEX artifacts_source ON artifacts (source_id)",
        "ALTER TABLE ledger ADD COLUMN request VARCHAR",
        "ALTER TABLE ledger ADD COLUMN reference VARCHAR",
        "ALTER TABLE ledger ADD COLUMN bound BIGINT",
        "ALTER TABLE ledger ADD COLUMN price TEXT",
        "ALTER TABLE ledger ADD COLUMN seconds FLOAT",
        "CREATE INDEX ledger_reference ON ledger (reference)",
        "ALTER TABLE callbacks ADD COLUMN owner VARCHAR",
        "ALTER TABLE callbacks ADD COLUMN sequence INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE callbacks ADD COLUMN type VARCHAR",
        "ALTER TABLE callbacks ADD COLUMN receiver VARCHAR",
        "ALTER TABLE callbacks ADD COLUMN created_at FLOAT",
        "ALTER TABLE callbacks ADD COLUMN holder VARCHAR",
        "ALTER TABLE callbacks ADD COLUMN held_until FLOAT",
        "ALTER TABLE callbacks ADD COLUMN status INTEGER",
        (
            "UPDATE callbacks SET owner = (SELECT owner FROM jobs WHERE jobs.id = callbacks.job_id),"
            " created_at = (SELECT finished_at FROM jobs WHERE jobs.id = callbacks.job_id)"
        ),
        "CREATE INDEX callbacks_due ON callbacks (receiver, due_at) WHERE due_at IS NOT NULL",
        "CREATE INDEX callbacks_listed ON callbacks (created_at)",
        "CREATE INDEX ledger_unknown ON ledger (at) WHERE entry = 'pending' AND job_id IS NULL",
        "ALTER TABLE workers ADD COLUMN host VARCHAR NOT NULL DEFAULT ''",
        "ALTER TABLE workers ADD COLUMN load INTEGER NOT NULL DEFAULT 0",
        "CREATE INDEX jobs_held ON jobs (worker) WHERE worker IS NOT NULL",
        "DROP INDEX jobs_listed",
        "CREATE INDEX jobs_listed ON jobs (owner, created_at, id)",
        "CREATE INDEX jobs_by_status ON jobs (owner, status, created_at, id)",
        "CREATE INDEX jobs_by_medium ON jobs (owner, medium, created_at, id)",
        "CREATE INDEX jobs_finished ON jobs (finished_at, id) WHERE finished_at IS NOT NULL",
        (
            "INSERT INTO job_marks SELECT DISTINCT jobs.owner, 'provider:' || attempts.provider,"
            " jobs.created_at, jobs.id FROM attempts JOIN jobs ON jobs.id = attempts.job_id"
        ),
        (
            "INSERT INTO job_marks SELECT DISTINCT jobs.owner, 'model:' || attempts.model,"
            " jobs.created_at, jobs.id FROM attempts JOIN jobs ON jobs.id = attempts.job_id"
        ),
        (  # databases of that version are SQLite's
            "INSERT INTO job_marks SELECT DISTINCT jobs.owner, 'tag:' || tag.value,"
            " jobs.created_at, jobs.id FROM jobs, json_each(jobs.request, '$.tags') AS tag"
        ),
    ),
    5: (
        (
            "CREATE INDEX jobs_free ON jobs (worker, turn, due_at)"
            " WHERE worker IS NULL AND due_at IS NOT NULL"
        ),
    ),
}
"""From each version to the next; tables that are not there yet have been made by then."""


def upgrade(connection: Connection, version: int) -> None:
    """All steps from a version to this release's, in the transaction that is open."""
    for step in range(version, VERSION):
        for statement in STEPS[step]:
            connection.exec_driver_sql(statement)


def made(connection: Connection, named: str, otherwise: str) -> None:
    """The tables, once; and a look at who made them. `otherwise` is what else one can do."""
    metadata.create_all(connection)
    row = connection.execute(select(meta.c.value).where(meta.c.key == "schema_version")).scalar()
    if row is None:
        connection.execute(meta.insert().values(key="schema_version", value=str(VERSION)))
    elif int(row) > VERSION:
        raise InvalidConfiguration(
            f"{named} was written by a newer anymedia (schema {row}, this one knows "
            f"{VERSION}). Upgrade anymedia, or {otherwise}"
        )
    elif int(row) < VERSION:
        upgrade(connection, int(row))
        connection.execute(
            update(meta).where(meta.c.key == "schema_version").values(value=str(VERSION))
        )
