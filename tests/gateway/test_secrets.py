"""Keys in the database: how long their secrets open, and what is kept of them."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from anymedia.contracts.errors import NotFound
from anymedia.contracts.key import KeyRights
from anymedia.gateway.keys import Keys
from anymedia.store.sqlite import SqliteDatabase
from tests.gateway.serving import ADMIN, serving, settings
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


SECRETS = {
    "api_key": "sk-a-secret-nobody-may-read-in-a-backup",
    "webhook_secret": "whsec-another-secret-of-the-same-kind",
    "secrets": {"account": "tok-a-third-one-by-its-name"},
    "api_keys": ["sk-one-more-in-a-list-of-its-own"],
    "base_url": "http://me:a-password-in-the-url@127.0.0.1:9/v1",
}


@pytest.mark.parametrize("way", ["PUT", "PATCH"])
def test_what_is_told_of_a_provider_is_not_in_the_database(tmp_path: Path, way: str) -> None:
    """Every file of the data directory, a copy of the database among them: nothing can be read."""
    path = "/api/providers/mine"
    with serving(tmp_path, settings(admin=True)) as running, running.caller(ADMIN) as admin:
        said = {"dialect": "openai", "base_url": "http://127.0.0.1:9/v1", "api_key": "sk-before"}
        assert admin.put(path, json=said).status_code in {200, 201}
        sent = {**SECRETS, **({"dialect": "openai"} if way == "PUT" else {})}
        answer = admin.request(way, path, json=sent)
        assert answer.status_code in {200, 201}, answer.text
        virtual = running.key()[1]
        caller = httpx.Client(base_url=running.url, headers={"Authorization": f"Bearer {virtual}"})
        with caller:
            assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200
        shown = admin.get("/api/providers").text + answer.text + admin.get("/api/audit").text
        kept = contents(tmp_path)
    database = kept | contents(tmp_path)  # its last pages are written when it is closed
    assert any(name.endswith(".db") or ".db" in name for name in database), database.keys()
    for secret in (*texts(SECRETS), "a-password-in-the-url", virtual, ADMIN):
        assert secret not in shown
        for name, content in database.items():
            assert secret.encode() not in content, name
    keys = [name for name in database if name.endswith("provider-changes.key")]
    assert len(keys) == 1
    assert (tmp_path / keys[0]).stat().st_mode & 0o077 == 0
    for name, content in database.items():  # what opens it is in no other file
        assert name in keys or database[keys[0]] not in content
    with serving(tmp_path, settings(admin=True)) as again:  # and it can be used again
        kept_settings = again.gateway.changes.configured("mine")
    assert kept_settings is not None
    assert kept_settings.api_key is not None
    assert kept_settings.api_key.get_secret_value() == SECRETS["api_key"]


def contents(directory: Path) -> dict[str, bytes]:
    """Every file by its name."""
    return {
        str(path.relative_to(directory)): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file()
    }


def texts(value: object) -> list[str]:
    """Every text inside."""
    if isinstance(value, dict):
        return [text for inner in value.values() for text in texts(inner)]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [str(value)]
