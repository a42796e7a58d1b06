"""`anymedia artifacts`: what is kept, where it comes from, and what may go."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.words import ago, artifact_facts, safe, size, table

if TYPE_CHECKING:
    from anymedia.jobs.artifacts import ArtifactEntry
    from anymedia.jobs.retention import Collected

ArtifactId = Annotated[
    str, Parameter(name="ID", help="The artifact's id, as `anymedia artifacts list` shows it.")
]
Role = Literal["output", "original", "input", "preview", "file"]
Since = Annotated[
    str | None, Parameter(help="Only what was kept since: `7d`, `24h`, `2026-11-01`.")
]
Prompt = Annotated[bool, Parameter(help="With the prompt and all other words of the request.")]


async def list_(
    *,
    role: Annotated[Role | None, Parameter(help="Only these.")] = None,
    job: Annotated[str | None, Parameter(help="Only what this job has made.")] = None,
    since: Since = None,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """What is kept, the newest first."""
    async with session.client(setup) as client:
        found = await client.artifacts.list(limit=limit, role=role, job_id=job, since=since)
    if setup.json:
        session.json([one.model_dump(mode="json") for one in found])
    elif found:
        session.print(table(("ID", "ROLE", "TYPE", "SIZE", "KEPT", "JOB"), map(row, found)))
    else:
        session.tell("no artifacts")


async def show(artifact_id: ArtifactId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """One artifact: what it is, where it lies, and where it comes from."""
    async with session.client(setup) as client:
        entry = await client.artifacts.get(artifact_id)
        manifest = await client.manifest(artifact_id)
    if setup.json:
        session.json(entry.model_dump(mode="json"))
        return
    one, maker = entry.artifact, manifest.maker
    gone = f"{one.removed_at:%Y-%m-%d %H:%M}Z ({one.removed_why})" if one.removed_at else ""
    facts = {
        "artifact": one.id,
        "role": entry.role,
        "what": artifact_facts(one),
        "sha256": one.sha256,
        "kept": f"{entry.kept_at:%Y-%m-%d %H:%M:%S}Z",
        "removed": gone,
        "place": "" if gone else one.location,
        "job": entry.job_id or "",
        "by": f"{maker.provider}/{maker.model}" if maker else "",
    }
    session.print([f"{name:<9}  {safe(value)}" for name, value in facts.items() if value])


async def manifest(
    artifact_id: ArtifactId, /, *, prompt: Prompt = False, setup: Setup = Setup(), session: Run
) -> None:
    """Where an artifact comes from, as JSON: its provenance, ready to be signed."""
    async with session.client(setup) as client:
        found = await client.manifest(artifact_id, prompt=prompt)
    session.json(found.model_dump(mode="json", exclude_none=True))


async def link(
    artifact_id: ArtifactId,
    /,
    *,
    expires: Annotated[int, Parameter(help="For how many seconds; 7 days at most.")] = 3600,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """A URL at which anybody can fetch an artifact without a key, for a while."""
    async with session.client(setup) as client:
        url = await client.link(artifact_id, expires)
    if setup.json:
        session.json({"url": url})
    else:
        session.print(url)


async def verify(
    artifact_id: Annotated[
        str | None, Parameter(name="ID", help="Only this one; all unless said.")
    ] = None,
    /,
    *,
    since: Since = None,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Read artifacts anew and compare with what was kept: what is damaged, what is missing."""
    bad, counted = [], Counter[str]()
    async with session.client(setup) as client:
        async for one in client.artifacts.verify(artifact_id, since=since):
            counted[one.condition] += 1
            if one.condition != "whole":
                bad.append(one)
                if not setup.json:
                    session.print(f"{one.artifact_id}  {one.condition}: {safe(one.problem or '')}")
    if setup.json:
        session.json({"counted": dict(counted), "bad": [one.model_dump() for one in bad]})
    else:
        session.tell(
            f"{counted['whole']} whole, {counted['damaged']} damaged, {counted['missing']} missing"
        )
    return 1 if bad else 0


async def collect(
    *,
    dry_run: Annotated[bool, Parameter(help="Only say what would be removed.")] = False,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Remove what the rules of `retention` say, and what killed processes have left."""
    async with session.client(setup) as client:
        done = await client.artifacts.collect(dry_run=dry_run)
    if setup.json:
        session.json(asdict(done))
        return
    session.print([f"{name}  {why}" for name, why in done.removed])
    for note in done.notes:
        session.tell(f"note: {note}")
    session.tell(("would remove " if dry_run else "removed ") + summed(done))


async def export(
    *,
    output: Annotated[Path, Parameter(name=("--output", "-o"), help="The folder to copy to.")],
    since: Since = None,
    role: Annotated[Role, Parameter(help="Which.")] = "output",
    prompt: Prompt = False,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Copy artifacts with their manifests; what is there already is passed over."""
    copied = passed = 0
    async with session.client(setup) as client:
        view = client.artifacts.export(output, since=since, role=role, prompt=prompt)
        async for path, new in view:
            copied, passed = copied + new, passed + (not new)
            if new and not setup.json:
                session.print(str(path))
    if setup.json:
        session.json({"copied": copied, "passed_over": passed, "folder": str(output)})
    else:
        session.tell(f"{copied} copied, {passed} there already")


def row(entry: ArtifactEntry) -> tuple[str, ...]:
    """One artifact as a line."""
    one = entry.artifact
    return (
        one.id,
        entry.role,
        one.media_type,
        "removed" if one.removed_at else size(one.size_bytes),
        ago(entry.kept_at, datetime.now(UTC)),
        entry.job_id or "-",
    )


def summed(done: Collected) -> str:
    """What was removed, in one line."""
    return (
        f"{done.artifacts} artifacts ({size(done.bytes)}), {done.jobs} jobs, {done.orphans} "
        f"orphans ({size(done.orphan_bytes)}), {done.parts} half-made parts"
    )
