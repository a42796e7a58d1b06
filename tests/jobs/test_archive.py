"""Finished jobs in files: complete, checkable, taken up again wherever it was interrupted."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from anymedia.client.aio import AsyncClient
from anymedia.contracts.errors import Conflict, InvalidRequest, StorageFailed
from anymedia.contracts.job import Job
from anymedia.jobs.archive import Archive, Archived, alone, forget
from anymedia.store.schema import artifacts, attempts, callbacks, job_marks, jobs, ledger, timeline
from tests.batches.support import entered
from tests.jobs.test_listing import SAME_TIME, kept, on
from tests.support.postgres import databases

LATER = SAME_TIME + 1e6
JOBS = 25


def archive_of(client: AsyncClient, directory: Path, *, jobs_per_file: int = 10) -> Archive:
    """An archive with small files."""
    return client._jobs.archive(directory, jobs_per_file=jobs_per_file)


async def written(
    client: AsyncClient, directory: Path, *, before: float = LATER, remove: bool = False
) -> list[Archived]:
    """Everything that an archive has to say."""
    archive = archive_of(client, directory)
    return [one async for one in archive.write(before, remove=remove)]


def lines_in(directory: Path) -> list[dict[str, Any]]:
    """All jobs in an archive's files."""
    return [
        json.loads(line)
        for path in sorted(directory.glob("*.jsonl.gz"))
        for line in gzip.decompress(path.read_bytes()).splitlines()
    ]


async def counts(client: AsyncClient) -> dict[str, int]:
    """How many rows there are."""
    tables = (jobs, attempts, timeline, artifacts, ledger, job_marks)

    def work(c: Any) -> dict[str, int]:
        return {
            one.name: c.execute(select(func.count()).select_from(one)).scalar_one()
            for one in tables
        }

    return await client._database.read(work)


async def many(client: AsyncClient) -> None:
    """Jobs that have ended one after another."""
    for number in range(JOBS):
        await kept(client, number, finished_at=SAME_TIME + number // 3)


def test_a_line_holds_everything_about_its_job(tmp_path: Path) -> None:
    """As it is shown, with its timeline, what it has made, and the manifests of that."""
    old = tmp_path / "old"

    async def work(client: AsyncClient) -> None:
        made = await client.image("a fox", tags=["trial"], metadata={"order": "7"})
        before = await counts(client)
        spent = await entered(client)
        now = datetime.now(UTC).timestamp() + 60
        (file,) = await written(client, old, before=now, remove=True)
        assert (file.jobs, file.removed) == (1, 1)
        (line,) = lines_in(old)
        job = Job.model_validate(line["job"])
        assert job.id == made.job_id
        assert job.metadata == {"order": "7"}
        assert [one.event for one in job.timeline][-1] == "job-succeeded"
        assert job.attempts == made.attempts
        outputs = [one for one in line["artifacts"] if one["role"] == "output"]
        assert [one["facts"]["sha256"] for one in outputs] == [one.sha256 for one in made.artifacts]
        manifest = outputs[0]["manifest"]
        assert manifest["artifact"]["sha256"] == made.artifacts[0].sha256
        assert manifest["lineage"]["job_id"] == made.job_id
        after = await counts(client)
        assert (after["jobs"], after["attempts"], after["timeline"], after["job_marks"]) == (
            (0,) * 4
        )
        assert after["artifacts"] == before["artifacts"], "these are the affair of retention"
        assert await entered(client) == spent, "the ledger stays"
        artifact = await client.artifact(made.artifacts[0].id)
        assert hashlib.sha256(await asyncio.to_thread(artifact.read)).hexdigest() == artifact.sha256

    on("sqlite", tmp_path / "data", work)


@pytest.mark.parametrize("kind", databases())
def test_files_follow_each_other_and_the_next_run_goes_on(kind: str, tmp_path: Path) -> None:
    """Each job is written once, however often it is asked for."""
    old = tmp_path / "old"

    async def work(client: AsyncClient) -> None:
        await many(client)
        await kept(client, 90, status="running", finished_at=None)
        await kept(client, 91, status="outcome_unknown")
        first = await written(client, old, before=SAME_TIME + 5)
        assert [one.jobs for one in first] == [10, 5]
        assert await written(client, old, before=SAME_TIME + 5) == []
        assert [one.jobs for one in await written(client, old)] == [10]
        found = [int(one["job"]["id"][4:], 16) for one in lines_in(old)]
        assert found == list(range(JOBS))
        await kept(client, 50, finished_at=SAME_TIME + 100)
        assert [one.jobs for one in await written(client, old)] == [1]
        checked = list(archive_of(client, old).verify())
        assert [(one.jobs, one.problem) for one in checked] == [
            (10, None),
            (5, None),
            (10, None),
            (1, None),
        ]
        assert (await counts(client))["jobs"] == JOBS + 3

    on(kind, tmp_path / "data", work)


@pytest.mark.parametrize("kind", databases())
def test_what_was_not_removed_yet_is_removed_by_the_next(kind: str, tmp_path: Path) -> None:
    """Whoever died between the file and the rows has lost nothing."""
    old = tmp_path / "old"

    async def work(client: AsyncClient) -> None:
        await many(client)
        writing = archive_of(client, old).write(LATER)
        await anext(writing)
        await writing.aclose()  # type: ignore[attr-defined]  # it is a generator
        (old / "jobs-000002.jsonl.gz.part").write_bytes(b"half a file")
        done = await written(client, old, remove=True)
        assert [(one.path.name, one.removed) for one in done] == [
            ("jobs-000001.jsonl.gz", 10),
            ("jobs-000002.jsonl.gz", 10),
            ("jobs-000003.jsonl.gz", 5),
        ]
        assert len(lines_in(old)) == JOBS
        assert (await counts(client))["jobs"] == 0
        assert await written(client, old, remove=True) == []

    on(kind, tmp_path / "data", work)


def test_what_has_changed_or_is_still_needed_stays(tmp_path: Path) -> None:
    """Tried again since, still to be told, or with an attempt that may yet cost."""

    async def work(client: AsyncClient) -> None:
        for number in range(4):
            await kept(client, number)
        names = [f"job_{number:032x}" for number in range(4)]

        def changed(c: Any) -> None:
            c.execute(jobs.update().where(jobs.c.id == names[0]).values(finished_at=SAME_TIME + 9))
            c.execute(
                attempts.update().where(attempts.c.job_id == names[1]).values(state="accepted")
            )
            c.execute(
                callbacks.insert().values(
                    id="m", job_id=names[2], url="http://x", body="{}", due_at=1.0
                )
            )

        await client._database.write(changed)
        told = [(name, SAME_TIME) for name in names]
        assert await client._database.write(lambda c: forget(c, told)) == 1
        left = await client._database.read(lambda c: c.execute(select(jobs.c.id)).scalars().all())
        assert sorted(left) == names[:3]

    on("sqlite", tmp_path, work)


def test_nothing_is_removed_for_a_file_that_is_damaged(tmp_path: Path) -> None:
    """It says so, and what to do."""
    old = tmp_path / "old"

    async def work(client: AsyncClient) -> None:
        await many(client)
        await written(client, old)
        file = old / "jobs-000002.jsonl.gz"
        data = bytearray(file.read_bytes())
        data[30] ^= 1
        file.write_bytes(data)
        problems = [one.problem for one in archive_of(client, old).verify()]
        assert [one is None for one in problems] == [True, False, True]
        with pytest.raises(Conflict, match="jobs-000002"):
            await written(client, old, remove=True)
        assert (await counts(client))["jobs"] == JOBS - 10

    on("sqlite", tmp_path / "data", work)


def test_the_same_jobs_are_the_same_bytes(tmp_path: Path) -> None:
    """So two archives can be compared; and nobody else may read them."""

    async def work(client: AsyncClient) -> None:
        await many(client)
        await written(client, tmp_path / "one")
        await written(client, tmp_path / "two")

    on("sqlite", tmp_path / "data", work)
    for path in (tmp_path / "one").glob("jobs-*"):
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()
        assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("prepare", "error"),
    [
        (lambda old: old.write_text("a file"), StorageFailed),
        (
            lambda old: (old.mkdir(), (old / "jobs-000001.index.json").write_text("{")),
            StorageFailed,
        ),
    ],
)
def test_a_directory_that_is_none_is_said(
    tmp_path: Path, prepare: Callable[[Path], Any], error: type[Exception]
) -> None:
    """One line, before anything is written."""
    prepare(tmp_path / "old")

    async def work(client: AsyncClient) -> None:
        with pytest.raises(error):
            await written(client, tmp_path / "old")

    on("sqlite", tmp_path / "data", work)


def test_two_do_not_write_at_once(tmp_path: Path) -> None:
    """The second is told; and an archive that is not there cannot be checked."""
    old = tmp_path / "old"

    async def work(client: AsyncClient) -> None:
        with pytest.raises(InvalidRequest, match="no archive"):
            list(archive_of(client, old).verify())
        old.mkdir()
        with alone(old), pytest.raises(Conflict, match="another process"):
            await written(client, old)
        assert await written(client, old) == []

    on("sqlite", tmp_path / "data", work)
