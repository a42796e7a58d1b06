"""Making a fetched result what the caller wants everything to be like.

The original is kept and stays readable. Whatever goes wrong with the making, the result is the
original then, with a warning: nothing that was paid for is lost. A process that dies over it
leaves rows from which another begins again.
"""

from __future__ import annotations

import asyncio
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import NotFound
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.normalization import Normalization
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import MediaRequest
from anymedia.jobs import requests, rows
from anymedia.jobs.desk import Desk, LostLease
from anymedia.jobs.looking import CLOSING_SECONDS, as_column, at_hand, findings_of
from anymedia.jobs.pace import SOON
from anymedia.jobs.telling import artifact_of
from anymedia.media.studio import MediaFailed, StudioClosed

FOLDER = "making"
"""In the data directory: files that are being written."""
BEGUN = "artifact-normalizing"
MOST_TRIES = 3
"""Beginnings. A file that takes down whoever works on it is left as it came."""
BUSY_SECONDS = 2.0
QUARTERS = (0.25, 0.5, 0.75)
QUIET_SECONDS = 2.0
"""What takes less is not worth telling how far it is."""


def with_default(request: MediaRequest[Any], settings: Settings) -> MediaRequest[Any]:
    """The request with what the configuration says about normalising, unless it says so itself."""
    usual = settings.normalize.get(request.medium)
    if request.normalize is not None or usual is None:
        return request
    return request.model_copy(update={"normalize": usual})


def to_normalize(job: RowMapping, row: RowMapping) -> Normalization | None:
    """What an artifact of a job is still to be made into."""
    wanted = requests.from_row(job).normalize
    if wanted is None or not wanted.asks or row["source_id"] is not None:
        return None
    if any(one.code == "not-normalized" for one in findings_of(row)):
        return None
    return wanted


async def normalize(
    desk: Desk, job: RowMapping, row: RowMapping, wanted: Normalization
) -> float | None:
    """Make one artifact what is wanted; the original stays beside it."""
    artifact = artifact_of(row)
    events = await desk.database.read(lambda c: rows.timeline_of(c, job["id"]))
    tries = sum(one["event"] == BEGUN and artifact.id in (one["details"] or "") for one in events)
    if not desk.studio.available:
        return await left_alone(desk, job, row, "the extra `anymedia[media]` is not installed")
    if tries >= MOST_TRIES:
        return await left_alone(desk, job, row, f"{tries} processes ended over it")
    if desk.studio.busy:
        # Waiting here would keep other jobs from being looked at.
        return BUSY_SECONDS * (0.5 + desk.engine.chance())
    await desk.change(
        job["id"],
        lambda c: rows.note(c, job["id"], desk.now(), BEGUN, artifact=artifact.id),
    )
    telling = Telling(desk, job["id"], artifact.id)
    began = desk.engine.clock.monotonic()
    try:
        with room_for(desk, artifact.id) as target:
            async with at_hand(desk, artifact) as source:
                made = await desk.studio.normalize(
                    str(source),
                    str(target),
                    artifact.media_type,
                    wanted.model_dump(mode="json", exclude_none=True),
                    telling.heard,
                )
            await telling.finish()
            stored = await desk.store.keep_file(
                target,
                media_type=made["media_type"],
                stem=Path(artifact.filename).stem,
                metadata=artifact.metadata,
            )
    except MediaFailed as error:
        return await left_alone(desk, job, row, str(error))
    except NotFound as error:
        return await left_alone(desk, job, row, error.message)
    except StudioClosed:
        return CLOSING_SECONDS
    finally:
        await telling.finish()
    normalized = stored.model_copy(
        update={**made["facts"], "media_type": made["media_type"], "original_id": artifact.id}
    )
    await replace(desk, job, row, normalized, desk.engine.clock.monotonic() - began)
    return SOON


async def replace(
    desk: Desk, job: RowMapping, row: RowMapping, normalized: StoredArtifact, seconds: float
) -> None:
    """The normalised one takes the place of the original."""
    now = desk.now()

    def work(c: Connection) -> None:
        rows.set_artifact(c, row["id"], role="original")
        rows.insert_artifact(
            c,
            normalized,
            owner=row["owner"],
            now=now,
            role="output",
            job_id=job["id"],
            attempt_id=row["attempt_id"],
            position=row["position"],
            source_id=row["id"],
            findings=as_column(()),
        )
        rows.note(
            c,
            job["id"],
            now,
            "artifact-normalized",
            artifact=normalized.id,
            original=row["id"],
            bytes=normalized.size_bytes,
            seconds=round(seconds, 1),
        )

    try:
        await desk.change(job["id"], work)
    except BaseException:
        await desk.store.forget(normalized.location)
        raise


async def left_alone(desk: Desk, job: RowMapping, row: RowMapping, why: str) -> float | None:
    """It cannot be made: the original is the result, and the result says so."""
    notice = Notice(
        code="not-normalized",
        message=f"the result is as it was delivered; it could not be normalised: {why}",
        option="normalize",
    )

    def work(c: Connection) -> None:
        rows.set_artifact(c, row["id"], findings=as_column((*findings_of(row), notice)))
        rows.note(
            c, job["id"], desk.now(), "artifact-not-normalized", artifact=row["id"], problem=why
        )

    await desk.change(job["id"], work)
    return SOON


class Telling:
    """How far the making is, in the job's timeline: at each quarter of what takes its time."""

    def __init__(self, desk: Desk, job_id: str, artifact_id: str) -> None:
        self._desk = desk
        self._job_id = job_id
        self._artifact_id = artifact_id
        self._began = desk.engine.clock.monotonic()
        self._left = list(QUARTERS)
        self._writing: list[asyncio.Task[None]] = []

    def heard(self, share: float) -> None:
        """It is this far."""
        reached = None
        while self._left and share >= self._left[0]:
            reached = self._left.pop(0)
        if reached is not None and self._takes_time():
            self._writing.append(asyncio.create_task(self._write(reached)))

    async def finish(self) -> None:
        """Wait for what is still being written."""
        writing, self._writing = self._writing, []
        for task in writing:
            with suppress(LostLease):
                await task

    def _takes_time(self) -> bool:
        return self._desk.engine.clock.monotonic() - self._began >= QUIET_SECONDS

    async def _write(self, share: float) -> None:
        await self._desk.change(
            self._job_id,
            lambda c: rows.note(
                c,
                self._job_id,
                self._desk.now(),
                "normalization-progress",
                artifact=self._artifact_id,
                progress=share,
            ),
        )


@contextmanager
def room_for(desk: Desk, artifact_id: str) -> Iterator[Path]:
    """Where a file can be written, gone afterwards; so is what a dead process left of it."""
    folder = desk.database.directory / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    for left in folder.glob(f"{artifact_id}.*"):
        shutil.rmtree(left, ignore_errors=True)
    own = folder / f"{artifact_id}.{secrets.token_hex(4)}"
    own.mkdir()
    try:
        yield own / "made"
    finally:
        shutil.rmtree(own, ignore_errors=True)
