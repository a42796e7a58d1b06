"""Files of lines: kept whole or not at all, their owner's alone, removed by their owner or by age."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from anymedia.batches.files import Files
from anymedia.contracts.errors import NotFound, UnreadableResponse
from anymedia.contracts.retention import RetentionSettings
from anymedia.jobs.retention import Collector
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import database_at

NOW = 1_800_000_000.0
DAY = 86_400.0
LINES = b'{"custom_id": "a"}\n'


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A file that comes bit by bit."""
    for part in parts:
        yield part


class Place:
    """A database and a store, and a time that tests set."""

    def __init__(self, directory: Path) -> None:
        self.database = database_at(directory)
        self.store = ArtifactStore(directory, limit_bytes=10_000)
        self.directory = directory
        self.now = NOW

    def of(self, owner: str) -> Files:
        """Somebody's files."""
        return Files(self.database, self.store, owner, lambda: self.now)

    def kept(self) -> list[Path]:
        """What lies on the disk."""
        return [one for one in (self.directory / "artifacts").rglob("*") if one.is_file()]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """An empty one."""
    return Place(tmp_path)


def test_a_file_is_its_owners_alone_until_it_is_removed(place: Place) -> None:
    """Its name is made harmless; its bytes go with it."""

    async def main() -> None:
        mine, theirs = place.of("a"), place.of("b")
        file = await mine.keep(pieces(LINES, LINES), "../in\x00.jsonl")
        assert file.artifact.filename == "in.jsonl"
        assert file.artifact.media_type == "application/jsonl"
        name = file.artifact.id
        assert b"".join([one async for one in mine.pieces(await mine.get(name))]) == LINES * 2
        with pytest.raises(NotFound):
            await theirs.get(name)
        with pytest.raises(NotFound):
            await theirs.remove(name)
        assert await theirs.list(limit=10) == ()
        assert len(place.kept()) == 1
        await mine.remove(name)
        assert place.kept() == []
        assert await mine.list(limit=10) == ()
        for ask in (mine.get, mine.remove):
            with pytest.raises(NotFound):
                await ask(name)

    asyncio.run(main())


def test_what_breaks_off_or_is_too_large_is_not_kept(place: Place) -> None:
    """Neither a row nor bytes."""

    async def broken() -> AsyncIterator[bytes]:
        yield LINES
        raise RuntimeError

    async def main() -> None:
        mine = place.of("a")
        with pytest.raises(RuntimeError):
            await mine.keep(broken(), "in.jsonl")
        with pytest.raises(UnreadableResponse):
            await mine.keep(pieces(b"x" * 9_000, b"x" * 9_000), "in.jsonl")
        assert await mine.list(limit=10) == ()
        assert place.kept() == []

    asyncio.run(main())


def test_files_go_by_the_age_of_inputs(place: Place) -> None:
    """From when they came; without such a rule they stay."""

    async def main() -> None:
        mine = place.of("a")
        old = await mine.keep(pieces(LINES), "old.jsonl")
        place.now += 20 * DAY
        new = await mine.keep(pieces(LINES), "new.jsonl")
        for rules, left in (({}, 2), ({"inputs": "30d"}, 2), ({"inputs": "10d"}, 1)):
            said = RetentionSettings.model_validate(rules)
            collector = Collector(place.database, place.store, lambda said=said: said)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
            await collector.collect(place.now)
            assert len(await mine.list(limit=10)) == left
        assert (await mine.get(new.artifact.id)).artifact == new.artifact
        with pytest.raises(NotFound):
            await mine.get(old.artifact.id)

    asyncio.run(main())
