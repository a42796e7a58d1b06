"""What is kept, as its owner sees it: listed, explained, linked to, checked."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import datetime
from typing import Literal, TypeAlias

from sqlalchemy import Connection, RowMapping, select

from anymedia.contracts.base import Contract
from anymedia.contracts.errors import NotFound, UnreadableResponse
from anymedia.contracts.manifest import Manifest
from anymedia.contracts.media import StoredArtifact
from anymedia.jobs.provenance import manifest_of
from anymedia.jobs.telling import artifact_of, moment
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.artifacts.links import allowed
from anymedia.store.database import Database
from anymedia.store.schema import artifacts

Role: TypeAlias = Literal["output", "original", "input", "preview", "file"]
Condition: TypeAlias = Literal["whole", "damaged", "missing"]
PAGE = 200


class ArtifactEntry(Contract):
    """One artifact in a list."""

    artifact: StoredArtifact
    role: Role
    kept_at: datetime
    job_id: str | None = None


class Verified(Contract):
    """How one artifact was found."""

    artifact_id: str
    condition: Condition
    problem: str | None = None


class Artifacts:
    """The artifacts of one owner."""

    def __init__(self, database: Database, store: ArtifactStore, owner: str) -> None:
        self._database = database
        self._store = store
        self._owner = owner

    async def list(
        self,
        *,
        limit: int = 50,
        role: Role | None = None,
        job_id: str | None = None,
        since: datetime | None = None,
        after: str | None = None,
    ) -> tuple[ArtifactEntry, ...]:
        """The newest first; `after` is the last id of the page before."""

        def work(c: Connection) -> list[RowMapping]:
            query = select(artifacts).where(artifacts.c.owner == self._owner)
            if role is not None:
                query = query.where(artifacts.c.role == role)
            if job_id is not None:
                query = query.where(artifacts.c.job_id == job_id)
            if since is not None:
                query = query.where(artifacts.c.created_at >= since.timestamp())
            if after is not None:
                last = self._row(c, after)
                query = query.where(
                    (artifacts.c.created_at < last["created_at"])
                    | (
                        (artifacts.c.created_at == last["created_at"])
                        & (artifacts.c.id > last["id"])
                    )
                )
            query = query.order_by(artifacts.c.created_at.desc(), artifacts.c.id).limit(limit)
            return list(c.execute(query).mappings())

        found = await self._database.read(work)
        return tuple(self._entry(row) for row in found)

    async def get(self, artifact_id: str) -> ArtifactEntry:
        """One of them. `NotFound` when there is none, or it is not yours."""
        return self._entry(await self._database.read(lambda c: self._row(c, artifact_id)))

    async def manifest(self, artifact_id: str, *, prompt: bool = False) -> Manifest:
        """Where it comes from; with `prompt` also the words it was made from."""
        return await self._database.read(
            lambda c: manifest_of(c, self._row(c, artifact_id), prompt=prompt)
        )

    async def link(
        self, artifact_id: str, expires_seconds: float = 3600, *, base_url: str | None = None
    ) -> str:
        """A URL at which anybody can fetch it for a while; `base_url` is the gateway's address."""
        artifact = (await self.get(artifact_id)).artifact
        if base_url is None:
            return await self._store.blocking(self._store.link, artifact, expires_seconds)
        return await self._store.blocking(
            self._store.link_at, artifact, allowed(expires_seconds), base_url
        )

    async def verify(
        self, artifact_id: str | None = None, *, since: datetime | None = None
    ) -> AsyncIterator[Verified]:
        """Read everything anew and compare: what is damaged, what is missing."""
        if artifact_id is not None:
            yield await self._verified((await self.get(artifact_id)).artifact)
            return
        after: str | None = None
        while page := await self.list(limit=PAGE, since=since, after=after):
            for entry in page:
                if entry.artifact.removed_at is None:
                    yield await self._verified(entry.artifact)
            after = page[-1].artifact.id

    async def _verified(self, artifact: StoredArtifact) -> Verified:
        digest, size = hashlib.sha256(), 0
        try:
            async for piece in self._store.stream(artifact):
                await asyncio.to_thread(digest.update, piece)
                size += len(piece)
        except (NotFound, UnreadableResponse) as error:
            return Verified(artifact_id=artifact.id, condition="missing", problem=error.message)
        held = await self._store.blocking(self._store.size, artifact)
        if held != artifact.size_bytes:
            problem = f"it has {held:,} bytes instead of {artifact.size_bytes:,}"
        elif digest.hexdigest() != artifact.sha256:
            problem = "its bytes are not those that were kept: the hash differs"
        else:
            return Verified(artifact_id=artifact.id, condition="whole")
        return Verified(artifact_id=artifact.id, condition="damaged", problem=problem)

    def _row(self, c: Connection, artifact_id: str) -> RowMapping:
        query = select(artifacts).where(artifacts.c.id == artifact_id)
        row = c.execute(query).mappings().first()
        if row is None or row["owner"] != self._owner:
            raise NotFound(
                f"there is no artifact `{artifact_id}`; `anymedia artifacts list` shows yours"
            )
        return row

    def _entry(self, row: RowMapping) -> ArtifactEntry:
        return ArtifactEntry(
            artifact=artifact_of(row).bind(self._store),
            role=row["role"],
            kept_at=moment(row["created_at"]),
            job_id=row["job_id"],
        )
