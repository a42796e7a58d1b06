"""`anymedia jobs export`, `archive` and `verify`: jobs as files."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import csv as writing
import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

from cyclopts import Parameter

from anymedia.cli.jobs import Which
from anymedia.cli.making import subject_of
from anymedia.cli.options import OUT, Run, Setup
from anymedia.cli.progress import Progress
from anymedia.contracts.errors import InvalidRequest, StorageFailed

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.job import Job

ARCHIVE = "job-archive"
"""In the data directory, unless another place is named."""
COLUMNS = (
    *("id", "status", "media", "provider", "model", "attempts", "created_at", "finished_at"),
    *("cost_usd", "cost_basis", "tags", "artifacts", "problem", "subject"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r")
Directory = Annotated[
    Path | None,
    Parameter(name=["--output", "-o"], group=OUT, help="The archive's directory."),
]


async def export(
    *,
    which: Which = Which(),
    csv: Annotated[bool, Parameter(group=OUT, help="Comma-separated lines of facts.")] = False,
    jsonl: Annotated[bool, Parameter(group=OUT, help="One JSON document a line (usual).")] = False,
    output: Annotated[
        Path | None, Parameter(name=["--output", "-o"], group=OUT, help="A file, not stdout.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Write jobs with everything about them, the newest first, however many there are."""
    if csv + jsonl + setup.json > 1:
        raise InvalidRequest("`--csv`, `--json` and `--jsonl` exclude each other; choose one")
    count = 0
    async with session.client(setup) as client:
        found = which.of(client).every(**which.wanted())
        with written(output, session) as file:
            if csv:
                file.write(csv_line(COLUMNS))
            async for handle in found:
                if csv:
                    file.write(csv_line(cells(handle.job)))
                else:
                    comma = "" if not setup.json else (",\n" if count else "[\n")
                    file.write(comma + document(handle.job) + ("" if setup.json else "\n"))
                count += 1
            if setup.json:
                file.write("\n]\n" if count else "[]\n")
    if output is not None:
        session.tell(f"{count} jobs in {output}")


async def archive(
    *,
    before: Annotated[str, Parameter(help="Those that ended before: `90d`, `2026-08-01`, a time.")],
    output: Directory = None,
    delete: Annotated[
        bool, Parameter(help="Remove them from the database once they are on the disk.")
    ] = False,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Put jobs that ended long ago into files, and with `--delete` out of the database."""
    from anymedia.client.costs import moment

    end = moment(before, datetime.now(UTC))
    files: list[dict[str, Any]] = []
    async with session.client(setup) as client:
        directory = placed(output, client.data_dir, session)
        with Progress(session, f"archiving to {directory}"):
            async for one in client.jobs.archive(directory, before=end, delete=delete):
                files.append({"file": str(one.path), "jobs": one.jobs, "removed": one.removed})
                removed = "" if one.removed is None else f", {one.removed} removed here"
                session.tell(f"{one.path}: {one.jobs} jobs{removed}")
    if setup.json:
        session.json(files)
    elif not files:
        session.tell(f"nothing to archive: no more jobs ended before {end:%Y-%m-%d %H:%M}Z")


async def verify(*, output: Directory = None, setup: Setup = Setup(), session: Run) -> int:
    """Read the files of an archive anew and compare them with what was written."""
    async with session.client(setup) as client:
        directory = placed(output, client.data_dir, session)
        checked = list(client.jobs.verify_archive(directory))
    if setup.json:
        session.json([one.model_dump(mode="json") for one in checked])
    else:
        for one in checked:
            session.print(f"{one.file}  {one.jobs} jobs  {one.problem or 'as it was written'}")
    return 1 if any(one.problem for one in checked) else 0


def placed(output: Path | None, data_dir: Path, session: Session) -> Path:
    """Where the archive is."""
    return data_dir / ARCHIVE if output is None else session.directory / output.expanduser()


@contextmanager
def written(output: Path | None, session: Session) -> Iterator[TextIO]:
    """Where it goes: stdout, or a file that appears when it is whole and that only we may read."""
    if output is None:
        yield session.stdout
        return
    path = session.directory / output.expanduser()
    part = path.with_name(path.name + ".part")
    try:
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        raise StorageFailed(f"`{path}` cannot be written: {error.strerror or error}") from None


def document(job: Job) -> str:
    """A job as one line."""
    return json.dumps(job.model_dump(mode="json"), ensure_ascii=False)


def cells(job: Job) -> tuple[str, ...]:
    """A job as a row of a table."""
    cost = job.cost
    return (
        *(job.id, job.status, job.medium, job.provider or "", job.model or ""),
        *(str(len(job.attempts)), job.created_at.isoformat()),
        job.finished_at.isoformat() if job.finished_at else "",
        "" if cost.amount is None else f"{cost.amount:f}",
        *(cost.basis, " ".join(job.tags), " ".join(one.id for one in job.artifacts)),
        *(job.problem.code if job.problem else "", subject_of(job.request)),
    )


def csv_line(values: tuple[str, ...]) -> str:
    """One line; what a spreadsheet would take for a formula is taken for words."""
    line = io.StringIO()
    writing.writer(line, lineterminator="\n").writerow(
        [f"'{value}" if value.startswith(FORMULA) else value for value in values]
    )
    return line.getvalue()
