"""What tests of all areas share."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.support.postgres import databases, elsewhere

# Properties are about correctness: a busy machine must not fail them.

settings.register_profile("anymedia", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("anymedia")


@pytest.fixture(params=databases())
def each_database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Once with SQLite in `tmp_path`, once with Postgres standing in for it there."""
    if request.param == "sqlite":
        yield request.param
        return
    with elsewhere(tmp_path):
        yield request.param
