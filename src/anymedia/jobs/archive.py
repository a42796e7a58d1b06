"""Finished jobs in files, for good, and then out of the database.

A file holds some ten thousand jobs, one JSON document a line, and beside it lies its index: how
many there are, the hash of the file, which job was the last. An archive goes on behind the last
index, in the order in which jobs ended; a file without an index was never finished and is begun
anew. Rows are removed only once file and index are on the disk, a few at a time, and only of jobs
that are still as they were written down; the index remembers that it was done. So whatever is
interrupted is taken up again where it was, and a job that was tried once more is written once more.

The ledger stays, and so do artifacts: their rows and their bytes are the affair of retention.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import os
import re
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

import msgspec
from sqlalchemy import Connection, RowMapping, and_, delete, exists, select, tuple_

from anymedia.contracts.base import Contract
from anymedia.contracts.errors import Conflict, InvalidRequest, StorageFailed
from anymedia.contracts.version import __version__
from anymedia.jobs import marks, telling
from anymedia.jobs.provenance import manifest_of
from anymedia.jobs.retention import OVER
from anymedia.store.database import Database
from anymedia.store.schema import (
    artifacts,
    attempts,
    batch_items,
    batches,
    callbacks,
    jobs,
    timeline,
)

FORMAT = "anymedia-jobs/1"
JOBS_PER_FILE = 10_000
READ_AT_ONCE = 200
REMOVED_AT_ONCE = 200
INDEX = re.compile(r"jobs-(\d{6,})\.index\.json")
UNDER_WAY = ("intent", "sending", "accepted", "finishing", "outcome_unknown")
BLOCK = 1 << 20


class ArchiveIndex(Contract):
    """What a file of the archive holds, to check it by and to go on behind it."""

    format: str = FORMAT
    written_by: str = f"anymedia/{__version__}"
    file: str
    jobs: int
    size_bytes: int
    sha256: str
    """Of the file as it lies there, as `sha256sum` tells it."""
    first_finished_at: float
    last_finished_at: float
    last_id: str
    removed: int | None = None
    """How many were removed from the database since; `None` while that has not been done."""


class Checked(Contract):
    """What reading a file of the archive anew has found."""

    file: str
    jobs: int
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class Archived:
    """One file that was finished, or whose jobs were removed."""

    path: Path
    jobs: int
    removed: int | None


class Archive:
    """One directory with archived jobs of one database."""

    def __init__(
        self, database: Database, directory: Path, *, jobs_per_file: int = JOBS_PER_FILE
    ) -> None:
        self._database = database
        self._directory = directory
        self._jobs_per_file = jobs_per_file

    async def write(self, before: float, *, remove: bool = False) -> AsyncIterator[Archived]:
        """Archive what ended before a time, in seconds since 1970. Tells each file it has done."""
        made(self._directory)
        with alone(self._directory):
            known = self.indexes()
            if remove:
                for index in known:
                    if index.removed is None:
                        yield await self._remove(index)
            number = int(numbered(known[-1].file)) if known else 0
            place = (known[-1].last_finished_at, known[-1].last_id) if known else None
            while True:
                number += 1
                done = await self._file(number, before, place)
                if done is None:
                    return
                place = (done.last_finished_at, done.last_id)
                if remove:
                    yield await self._remove(done)
                else:
                    yield Archived(self._directory / done.file, done.jobs, None)

    def indexes(self) -> list[ArchiveIndex]:
        """The files that are finished, in their order."""
        try:
            found = sorted(
                (int(match[1]), path)
                for path in self._directory.iterdir()
                if (match := INDEX.fullmatch(path.name))
            )
            return [ArchiveIndex.model_validate_json(path.read_bytes()) for _, path in found]
        except FileNotFoundError:
            raise InvalidRequest(f"there is no archive in `{self._directory}`") from None
        except (OSError, ValueError) as error:
            raise StorageFailed(
                f"the archive in `{self._directory}` cannot be read ({type(error).__name__})"
            ) from None

    def verify(self) -> Iterator[Checked]:
        """Read every file anew and compare it with its index."""
        for index in self.indexes():
            yield Checked(file=index.file, jobs=index.jobs, problem=self._problem(index))

    # --- writing --------------------------------------------------------------------------

    async def _file(
        self, number: int, before: float, place: tuple[float, str] | None
    ) -> ArchiveIndex | None:
        """The next file with its index, or `None` when there is nothing left to write."""
        path = self._directory / f"jobs-{number:06}.jsonl.gz"
        part = path.with_name(path.name + ".part")
        count, first, last = 0, 0.0, place
        raw = opened(part)
        try:
            # Without its time and name, the same jobs are the same bytes.
            with raw, gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as packed:
                while count < self._jobs_per_file:
                    most = min(READ_AT_ONCE, self._jobs_per_file - count)
                    read = partial(written, before=before, place=last, limit=most)
                    found = await self._database.read(read)
                    for at, name, line in found:
                        packed.write(line)
                        packed.write(b"\n")
                        first, last = (at if count == 0 else first), (at, name)
                        count += 1
                    if len(found) < most:
                        break
                packed.close()
                raw.flush()
                os.fsync(raw.fileno())
            if not count or last is None:
                part.unlink()
                return None
            index = ArchiveIndex(
                file=path.name,
                jobs=count,
                size_bytes=part.stat().st_size,
                sha256=hash_of(part),
                first_finished_at=first,
                last_finished_at=last[0],
                last_id=last[1],
            )
            part.replace(path)
        except OSError as error:
            raise unwritable(self._directory, error) from None
        self._put(index)
        return index

    def _put(self, index: ArchiveIndex) -> None:
        """The index, whole or not at all; and all that was renamed until now, on the disk."""
        path = self._directory / f"jobs-{numbered(index.file)}.index.json"
        part = path.with_name(path.name + ".part")
        try:
            with opened(part) as file:
                file.write(index.model_dump_json(indent=2).encode() + b"\n")
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
            folder = os.open(self._directory, os.O_RDONLY)
            try:
                os.fsync(folder)
            finally:
                os.close(folder)
        except OSError as error:
            raise unwritable(self._directory, error) from None

    # --- removing -------------------------------------------------------------------------

    async def _remove(self, index: ArchiveIndex) -> Archived:
        """The rows of a file's jobs, once the file is known to be good."""
        if (problem := self._problem(index)) is not None:
            raise Conflict(
                f"`{index.file}` {problem}; nothing of it was removed from the database. Put the "
                f"file back as it was, or move it and its index away and archive again"
            )
        removed = 0
        waiting: list[tuple[str, float]] = []
        for line in lines_of(self._directory / index.file):
            job = line["job"]
            waiting.append((job["id"], line["finished_at"]))
            if len(waiting) == REMOVED_AT_ONCE:
                removed += await self._database.write(partial(forget, told=waiting))
                waiting = []
        if waiting:
            removed += await self._database.write(partial(forget, told=waiting))
        self._put(index.model_copy(update={"removed": removed}))
        return Archived(self._directory / index.file, index.jobs, removed)

    def _problem(self, index: ArchiveIndex) -> str | None:
        """What is wrong with a file, if anything is."""
        path = self._directory / index.file
        try:
            if path.stat().st_size != index.size_bytes or hash_of(path) != index.sha256:
                return "is not what was written: its bytes have changed"
            count = sum(1 for _ in lines_of(path))
        except (OSError, EOFError, msgspec.DecodeError) as error:
            return f"cannot be read ({type(error).__name__})"
        return None if count == index.jobs else f"holds {count} jobs instead of {index.jobs}"


# --- rows -----------------------------------------------------------------------------------


def written(
    c: Connection, before: float, place: tuple[float, str] | None, limit: int
) -> list[tuple[float, str, bytes]]:
    """The next jobs that ended: when, their ids, and each as a line."""
    query = (
        select(jobs)
        .where(jobs.c.finished_at.is_not(None), jobs.c.finished_at < before)
        .where(jobs.c.status.in_(OVER))
        .order_by(jobs.c.finished_at, jobs.c.id)
        .limit(limit)
    )
    if place is not None:
        query = query.where(tuple_(jobs.c.finished_at, jobs.c.id) > place)
    found = list(c.execute(query).mappings())
    kept: dict[str, list[RowMapping]] = {}
    ids = [row["id"] for row in found]
    query = select(artifacts).where(artifacts.c.job_id.in_(ids), artifacts.c.role != "preview")
    for one in c.execute(query.order_by(artifacts.c.id)).mappings():
        kept.setdefault(one["job_id"], []).append(one)
    told = telling.told(c, found, full=True)
    return [
        (row["finished_at"], row["id"], as_line(c, row, job, kept.get(row["id"], [])))
        for row, job in zip(found, told, strict=True)
    ]


def as_line(c: Connection, row: RowMapping, job: Any, kept: Sequence[RowMapping]) -> bytes:
    """One job with everything about it."""
    document = {
        "format": FORMAT,
        "finished_at": row["finished_at"],
        "owner": row["owner"],
        "idempotency_key": row["idempotency_key"],
        "request_hash": row["request_hash"],
        "job": job.model_dump(mode="json"),
        "artifacts": [
            {
                "role": one["role"],
                "attempt_id": one["attempt_id"],
                "facts": telling.artifact_of(one).model_dump(mode="json", exclude_none=True),
                "manifest": manifest_of(c, one).model_dump(mode="json", exclude_none=True),
            }
            for one in kept
        ],
    }
    return msgspec.json.encode(document)


def going() -> Any:
    """An attempt of a job is still under way, though the job is over: it may yet cost."""
    return exists().where(attempts.c.job_id == jobs.c.id, attempts.c.state.in_(UNDER_WAY))


def forget(c: Connection, told: Sequence[tuple[str, float]]) -> int:
    """Remove jobs that are still as they were written down, but not what is still to be told."""
    untold = exists().where(callbacks.c.job_id == jobs.c.id, callbacks.c.due_at.is_not(None))
    counted_on = exists().where(
        and_(
            batch_items.c.job_id == jobs.c.id,
            batches.c.id == batch_items.c.batch_id,
            batches.c.finished_at.is_(None),
        )
    )
    ended = dict(told)
    query = (
        select(jobs.c.id, jobs.c.finished_at)
        .where(jobs.c.id.in_(list(ended)), jobs.c.status.in_(OVER))
        .where(~untold, ~counted_on, ~going())
        .order_by(jobs.c.id)
        .with_for_update()
    )
    ids = [row.id for row in c.execute(query) if row.finished_at == ended[row.id]]
    if not ids:
        return 0
    marks.remove(c, ids)
    for table in (timeline, callbacks, attempts):
        c.execute(delete(table).where(table.c.job_id.in_(ids)))
    c.execute(delete(jobs).where(jobs.c.id.in_(ids)))
    return len(ids)


# --- files ----------------------------------------------------------------------------------


def lines_of(path: Path) -> Iterator[dict[str, Any]]:
    """The jobs of a file, one after another."""
    with gzip.open(path, "rb") as file:
        for line in file:
            yield msgspec.json.decode(line)


def hash_of(path: Path) -> str:
    """The SHA-256 of a file."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    return digest.hexdigest()


def numbered(name: str) -> str:
    """The number in a file's name."""
    return name.partition("-")[2].partition(".")[0]


def opened(path: Path) -> BinaryIO:
    """A new file that nobody else may read: it holds prompts."""
    try:
        return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")
    except OSError as error:
        raise unwritable(path.parent, error) from None


@contextmanager
def alone(directory: Path) -> Iterator[None]:
    """Nobody else writes there meanwhile."""
    with opened(directory / "archive.lock") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise Conflict(
                f"another process archives to `{directory}`; wait for it, or name another directory"
            ) from None
        yield


def made(directory: Path) -> None:
    """The directory."""
    try:
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise unwritable(directory, error) from None


def unwritable(directory: Path, error: OSError) -> StorageFailed:
    """One clear line."""
    return StorageFailed(
        f"the archive in `{directory}` cannot be written: {error.strerror or error}. What was "
        f"finished is good; start again when that is mended"
    )
