"""Retention: what is old goes, what a job still needs stays, and a crash in between does no harm."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from anymedia.contracts.errors import NotFound
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.retention import RetentionSettings
from anymedia.jobs import rows
from anymedia.jobs.retention import Collected, Collector, refuse_purged
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import Database, database_at
from anymedia.store.schema import artifacts, jobs

DAY = 86_400.0
NOW = 1_800_000_000.0
PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)


class Place:
    """A database, a store, and what is put in them."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.database: Database = database_at(directory)
        self.store = ArtifactStore(directory, limit_bytes=10**6)

    def run(self, work: Any) -> Any:
        """One transaction."""
        return asyncio.run(self.database.write(work))

    def job(
        self, name: str, status: str = "succeeded", *, days: float = 100, **request: Any
    ) -> str:
        """A job that ended, or was last touched, so many days ago."""
        over = status in {"succeeded", "failed", "cancelled"}
        then = NOW - days * DAY
        self.run(
            lambda c: rows.insert_job(
                c,
                id=name,
                owner="local",
                medium=request.pop("medium", "image"),
                status=status,
                request=json.dumps(request),
                request_hash="h",
                created_at=then,
                updated_at=then,
                finished_at=then if over else None,
                due_at=None if over or status == "outcome_unknown" else then,
            )
        )
        return name

    def kept(self, role: str = "output", *, days: float = 100, **columns: Any) -> StoredArtifact:
        """Something that was kept so many days ago."""
        facts: dict[str, Any] = {"media_type": None, "stem": "image-1", "metadata": {}}
        artifact = asyncio.run(self.store.keep_bytes(PNG, **facts))
        if columns.get("job_id"):
            columns = {"attempt_id": f"att_{artifact.id}", **columns}
        then = NOW - days * DAY
        self.run(
            lambda c: rows.insert_artifact(
                c, artifact, owner="local", now=then, role=role, **columns
            )
        )
        return artifact

    def collect(self, *, dry_run: bool = False, **rules: Any) -> Collected:
        """Once, by these rules."""
        settings = RetentionSettings.model_validate(rules)
        collector = Collector(self.database, self.store, lambda: settings)
        return asyncio.run(collector.collect(NOW, dry_run=dry_run))

    def removed(self, artifact: StoredArtifact) -> bool:
        """Whether it is marked and its bytes are gone; both or neither."""
        query = select(artifacts.c.purged_at).where(artifacts.c.id == artifact.id)
        marked = self.run(lambda c: c.execute(query).scalar()) is not None
        assert marked is not self.store.holds(artifact)
        return marked


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Place]:
    """An empty one."""
    found = Place(tmp_path)
    yield found
    asyncio.run(found.database.close())


def test_nothing_is_removed_unless_a_rule_says_so(place: Place) -> None:
    """However old it is."""
    artifact = place.kept(job_id=place.job("job_1"))
    assert place.collect().artifacts == 0
    assert not place.removed(artifact)


def test_what_is_older_than_its_rule_goes_and_the_rest_stays(place: Place) -> None:
    """Media by their own rule, else by `any`; the row stays, with when and why."""
    old = place.kept(job_id=place.job("job_1"))
    young = place.kept(job_id=place.job("job_2"), days=3)
    clip = place.kept(job_id=place.job("job_3", medium="video"))
    rules: dict[str, Any] = {"artifacts": {"image": "30d", "any": "200d"}}
    assert place.collect(dry_run=True, **rules).removed == [(old.id, "retention.artifacts.image")]
    assert not place.removed(old)
    done = place.collect(**rules)
    assert (done.artifacts, done.bytes) == (1, len(PNG))
    assert [place.removed(one) for one in (old, young, clip)] == [True, False, False]
    assert place.collect(**rules).artifacts == 0
    row = place.run(lambda c: rows.artifact(c, old.id))
    assert (row["purged_at"], row["purged_why"]) == (NOW, "retention.artifacts.image")


def test_a_tag_wins_over_the_medium_and_the_longest_of_several(place: Place) -> None:
    """So that one can keep, and so that drafts go early."""
    rules: dict[str, Any] = {
        "artifacts": {"image": "30d"},
        "tags": {"draft": "1d", "keep": "never"},
    }
    draft = place.kept(job_id=place.job("job_1", tags=["draft"]), days=2)
    both = place.kept(job_id=place.job("job_2", tags=["draft", "keep"]))
    place.collect(**rules)
    assert (place.removed(draft), place.removed(both)) == (True, False)


@pytest.mark.parametrize("status", ["queued", "running", "outcome_unknown"])
def test_what_a_job_that_is_not_over_has_made_or_needs_stays(place: Place, status: str) -> None:
    """Its inputs and its outputs, whoever made them and whatever their age."""
    made_before = place.kept(job_id=place.job("job_1"))
    given = place.kept("input")
    going = place.job(
        "job_2", status, images=[{"artifact_id": made_before.id}, {"artifact_id": given.id}]
    )
    output = place.kept(job_id=going)
    place.collect(artifacts={"any": "1d"}, inputs="1d")
    assert [place.removed(one) for one in (made_before, given, output)] == [False, False, False]


def test_inputs_stay_while_a_failed_job_can_be_tried_again(place: Place) -> None:
    """Their age counts from the end of the last job that used them."""
    given, other = place.kept("input"), place.kept("input")
    place.job("job_1", "failed", days=5, images=[{"artifact_id": given.id}])
    place.job("job_2", "failed", days=50, images=[{"artifact_id": other.id}])
    place.collect(inputs="30d")
    assert (place.removed(given), place.removed(other)) == (False, True)


def test_an_original_stays_as_long_as_what_was_made_of_it(place: Place) -> None:
    """And previews go with what they are of."""
    job = place.job("job_1", tags=["keep"])
    original = place.kept("original", job_id=job)
    output = place.kept(job_id=job, source_id=original.id, days=5)
    seen = place.kept("preview", job_id=place.job("job_2"), source_id=output.id, days=1)
    place.collect(artifacts={"image": "30d"})
    assert [place.removed(one) for one in (original, output, seen)] == [False, False, False]
    place.collect(artifacts={"image": "4d"})
    place.collect(artifacts={"image": "4d"})
    assert [place.removed(one) for one in (original, output, seen)] == [True, True, True]


def test_a_job_that_begins_to_need_it_meanwhile_finds_it_or_is_told(place: Place) -> None:
    """The mark is made and looked at in one transaction."""
    artifact = place.kept("input")
    place.collect(inputs="30d")
    document = json.dumps({"images": [{"artifact_id": artifact.id}]})
    with pytest.raises(NotFound, match="removed by a retention rule"):
        place.run(lambda c: refuse_purged(c, document))


def test_bytes_that_a_killed_collector_left_go_with_the_orphans(place: Place) -> None:
    """Row first, then bytes: what died in between is found on the shelf."""
    artifact = place.kept(job_id=place.job("job_1"))
    stranger = place.kept(job_id=place.job("job_2"))
    place.run(lambda c: rows.set_artifact(c, artifact.id, purged_at=NOW, purged_why="x"))
    aged(place.directory)
    done = place.collect()
    assert (done.orphans, done.orphan_bytes) == (1, len(PNG))
    assert (place.removed(artifact), place.removed(stranger)) == (True, False)


def test_half_made_parts_go_when_nobody_writes_to_them_any_more(place: Place) -> None:
    """Young ones are somebody's."""
    parts = place.directory / "parts"
    parts.mkdir(exist_ok=True)
    (parts / "dead").write_bytes(b"half")
    aged(place.directory)
    (parts / "alive").write_bytes(b"half")
    os.utime(parts / "alive", (NOW, NOW))
    assert place.collect().parts == 1
    assert [path.name for path in parts.iterdir()] == ["alive"]


def test_a_shelf_that_another_installation_uses_too_keeps_its_orphans(place: Place) -> None:
    """They may be the other's."""
    facts: dict[str, Any] = {"media_type": None, "stem": "x", "metadata": {}}
    theirs = asyncio.run(place.store.keep_bytes(PNG, **facts))
    aged(place.directory)
    place.store.shelf.mark("somebody-else")
    done = place.collect()
    assert done.orphans == 0
    assert place.store.holds(theirs)
    assert "another installation" in done.notes[0]


def test_two_collectors_at_once_do_no_harm(place: Place) -> None:
    """Each removes what the other has not; what is counted is counted once."""
    found = [place.kept(job_id=place.job(f"job_{n}")) for n in range(20)]
    rules = RetentionSettings.model_validate({"artifacts": {"any": "1d"}})

    async def both() -> tuple[Collected, Collected]:
        one, two = (Collector(place.database, place.store, lambda: rules) for _ in range(2))
        return await asyncio.gather(one.collect(NOW), two.collect(NOW))

    assert sum(done.artifacts for done in asyncio.run(both())) == 20
    assert all(place.removed(one) for one in found)


def test_the_chore_is_done_by_one_process_of_all(place: Place) -> None:
    """Once an hour."""
    rules = RetentionSettings()

    async def hours() -> list[bool]:
        one, two = (Collector(place.database, place.store, lambda: rules) for _ in range(2))
        moments = [(one, 0.0), (two, 1.0), (one, 60.0), (two, 3700.0)]
        return [await who.tend(NOW + at) is not None for who, at in moments]

    assert asyncio.run(hours()) == [True, False, False, True]


def test_jobs_are_forgotten_when_nothing_of_theirs_is_kept(place: Place) -> None:
    """Not those with bytes, not those that somebody has to decide on."""
    empty = place.job("job_1")
    full = place.job("job_2")
    place.kept(job_id=full)
    place.job("job_3", "outcome_unknown")
    place.job("job_4", days=1)
    assert place.collect(dry_run=True, jobs="30d").jobs == 1
    assert place.collect(jobs="30d").jobs == 1
    left = place.run(lambda c: set(c.execute(select(jobs.c.id)).scalars()))
    assert empty not in left
    assert left == {"job_2", "job_3", "job_4"}


@pytest.mark.parametrize("wrong", ["30", "soon", "-1d", "1.5d", 0])
def test_an_age_that_is_none_is_refused(wrong: Any) -> None:
    """A rule that nobody understood must not delete anything."""
    with pytest.raises(ValueError, match="inputs"):
        RetentionSettings.model_validate({"inputs": wrong})


def aged(directory: Path) -> None:
    """As if every file had been there for ten days."""
    for path in directory.rglob("*"):
        if path.is_file() and "anymedia.db" not in path.name:
            os.utime(path, (NOW - 10 * DAY, NOW - 10 * DAY))
