"""Keys in the database: how long their secrets open, and what is kept of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anymedia.contracts.errors import NotFound
from anymedia.contracts.key import KeyRights
from anymedia.gateway.keys import Keys
from anymedia.store.sqlite import SqliteDatabase
from tests.support.clock import FakeClock


def test_secrets_open_until_their_time(tmp_path: Path) -> None:
    """A key's own end, and the end of a rotation's overlap."""

    async def scenario() -> None:
        clock, database = FakeClock(), SqliteDatabase(tmp_path)
        try:
            keys = Keys(database, clock)
            ends = clock.now() + timedelta(hours=2)
            made = await keys.create(KeyRights(name="a team", expires_at=ends), actor="test")
            rotated = await keys.rotate(made.id, 60, actor="test")
            bunch, now = await keys.bunch(), clock.now()

            def opens(secret: str, after: timedelta) -> bool:
                return bunch.find(secret, now + after) is not None

            assert opens(made.key, timedelta(seconds=59))
            assert not opens(made.key, timedelta(seconds=61))
            assert opens(rotated.key, timedelta(seconds=61))
            assert not opens(rotated.key, timedelta(hours=2))
            assert not opens("am_something", timedelta())
            await keys.revoke(made.id, actor="test")
            bunch = await keys.bunch()
            assert not opens(rotated.key, timedelta())
            assert bunch.ever
            with pytest.raises(NotFound):
                await keys.get("key_none")
        finally:
            await database.close()

    asyncio.run(scenario())


def test_times_are_told_with_their_zone(tmp_path: Path) -> None:
    """As everywhere."""

    async def scenario() -> datetime:
        database = SqliteDatabase(tmp_path)
        try:
            keys = Keys(database, FakeClock())
            made = await keys.create(KeyRights(name="a team"), actor="test")
            assert [one.action for one in await keys.noted(10)] == ["key-created"]
            return made.created_at
        finally:
            await database.close()

    assert asyncio.run(scenario()).tzinfo == UTC
