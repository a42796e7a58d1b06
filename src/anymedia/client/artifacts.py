"""`client.artifacts`: what is kept, where it comes from, and how long it stays."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anymedia.client.portal import Portal

if TYPE_CHECKING:
    from anymedia.client.costs import Moment
    from anymedia.contracts.manifest import Manifest
    from anymedia.jobs.artifacts import ArtifactEntry, Artifacts, Role, Verified
    from anymedia.jobs.retention import Collected
    from anymedia.jobs.service import Jobs

PAGE = 200


def since_when(since: Moment | None, jobs: Jobs) -> datetime | None:
    """A time however it was said."""
    from anymedia.client.costs import moment

    return None if since is None else moment(since, jobs.now())


class AsyncArtifactsView:
    """`client.artifacts`, awaited."""

    def __init__(self, jobs: Callable[[], Jobs]) -> None:
        self._open = jobs

    def of(self, owner: str) -> AsyncArtifactsView:
        """Those of somebody else who uses this client, such as a key of the gateway's."""
        return AsyncArtifactsView(lambda: self._open().of(owner))

    @property
    def _artifacts(self) -> Artifacts:
        return self._open().artifacts

    async def list(
        self,
        *,
        limit: int = 50,
        role: Role | None = None,
        job_id: str | None = None,
        since: Moment | None = None,
        after: str | None = None,
    ) -> tuple[ArtifactEntry, ...]:
        """The newest first; `after` is the last id of the page before."""
        return await self._artifacts.list(
            limit=limit,
            role=role,
            job_id=job_id,
            since=since_when(since, self._open()),
            after=after,
        )

    async def get(self, artifact_id: str) -> ArtifactEntry:
        """One of them, with its role and its job."""
        return await self._artifacts.get(artifact_id)

    async def manifest(self, artifact_id: str, *, prompt: bool = False) -> Manifest:
        """Where it comes from; with `prompt` also the words it was made from."""
        return await self._artifacts.manifest(artifact_id, prompt=prompt)

    async def link(
        self, artifact_id: str, expires_seconds: float = 3600, *, base_url: str | None = None
    ) -> str:
        """A URL at which anybody can fetch it without a key, for so long."""
        return await self._artifacts.link(artifact_id, expires_seconds, base_url=base_url)

    async def verify(
        self, artifact_id: str | None = None, *, since: Moment | None = None
    ) -> AsyncGenerator[Verified, None]:
        """Read everything anew and compare with what was kept."""
        first = since_when(since, self._open())
        async for one in self._artifacts.verify(artifact_id, since=first):
            yield one

    async def collect(self, *, dry_run: bool = False) -> Collected:
        """Remove what the rules of `retention` say, now; with `dry_run`, only say what."""
        return await self._open().collect(dry_run=dry_run)

    async def export(
        self,
        folder: str | Path,
        *,
        since: Moment | None = None,
        role: Role | None = "output",
        prompt: bool = False,
    ) -> AsyncGenerator[tuple[Path, bool], None]:
        """Copy artifacts with their manifests; each file, and whether it was copied just now.

        What is there whole is passed over, so that it can be done again at any time.
        """
        target = Path(folder)
        after: str | None = None
        while page := await self.list(limit=PAGE, role=role, since=since, after=after):
            after = page[-1].artifact.id
            for entry in page:
                if entry.artifact.removed_at is not None:
                    continue
                manifest = await self.manifest(entry.artifact.id, prompt=prompt)
                yield await asyncio.to_thread(exported, target, entry, manifest)


def exported(folder: Path, entry: ArtifactEntry, manifest: Manifest) -> tuple[Path, bool]:
    """One artifact and its manifest; the manifest last, so that it says that both are there."""
    artifact = entry.artifact
    place = folder / f"{entry.kept_at:%Y-%m-%d}"
    ending = Path(artifact.filename).suffix
    file, note = place / f"{artifact.id}{ending}", place / f"{artifact.id}.manifest.json"
    text = as_text(manifest)
    there = file.is_file() and file.stat().st_size == artifact.size_bytes
    if there and note.is_file() and note.read_text("utf-8") == text:
        return file, False
    if not there:
        artifact.save(file)
    part = note.with_name(f".{note.name}.part")
    part.write_text(text, "utf-8")
    part.replace(note)
    return file, True


def as_text(manifest: Manifest) -> str:
    """A manifest as a file; its hash is over the canonical form, not over this one."""
    document: Any = manifest.model_dump(mode="json", exclude_none=True)
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


class ArtifactsView:
    """`client.artifacts`."""

    def __init__(self, view: AsyncArtifactsView, portal: Portal) -> None:
        self._view = view
        self._portal = portal

    def list(self, **which: Any) -> tuple[ArtifactEntry, ...]:
        """The newest first; by `limit`, `role`, `job_id`, `since` and `after`."""
        return self._portal.call(self._view.list(**which))

    def get(self, artifact_id: str) -> ArtifactEntry:
        """One of them, with its role and its job."""
        return self._portal.call(self._view.get(artifact_id))

    def manifest(self, artifact_id: str, *, prompt: bool = False) -> Manifest:
        """Where it comes from; with `prompt` also the words it was made from."""
        return self._portal.call(self._view.manifest(artifact_id, prompt=prompt))

    def link(self, artifact_id: str, expires_seconds: float = 3600) -> str:
        """A URL at which anybody can fetch it without a key, for so long."""
        return self._portal.call(self._view.link(artifact_id, expires_seconds))

    def verify(
        self, artifact_id: str | None = None, *, since: Moment | None = None
    ) -> Iterator[Verified]:
        """Read everything anew and compare with what was kept."""
        return self._portal.iterate(self._view.verify(artifact_id, since=since))

    def collect(self, *, dry_run: bool = False) -> Collected:
        """Remove what the rules of `retention` say, now; with `dry_run`, only say what."""
        return self._portal.call(self._view.collect(dry_run=dry_run))

    def export(self, folder: str | Path, **which: Any) -> Iterator[tuple[Path, bool]]:
        """Copy artifacts with their manifests; by `since`, `role` and `prompt`."""
        return self._portal.iterate(self._view.export(folder, **which))
