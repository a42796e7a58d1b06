"""Databases of earlier releases, brought to the tables of this one. Jobs under way stay under way."""

from __future__ import annotations

from sqlalchemy import Connection

from anymedia.store.schema import VERSION

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
    ),
}
"""From each version to the next; tables that are not there yet have been made by then."""


def upgrade(connection: Connection, version: int) -> None:
    """All steps from a version to this release's, in the transaction that is open."""
    for step in range(version, VERSION):
        for statement in STEPS[step]:
            connection.exec_driver_sql(statement)
