"""Files of lines that are handed in first and asked for later: artifacts of the role `file`.

What became of the lines is in their batch, and no file.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, and_, or_, select

from anymedia.contracts.errors import NotFound
from anymedia.contracts.media import StoredArtifact
from anymedia.jobs import rows
from anymedia.jobs.telling import artifact_of, moment
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.artifacts.shelf import safe_name
from anymedia.store.database import Database
from anymedia.store.schema import artifacts

ROLE = "file"
LINES = "application/jsonl"


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file, and since when it is kept."""

    artifact: StoredArtifact
    kept_at: datetime


class Files:
    """The files of one owner."""

    def __init__(
        self, database: Database, store: ArtifactStore, owner: str, now: Callable[[], float]
    ) -> None:
        self._database = database
        self._store = store
        self._owner = owner
        self._now = now

    async def keep(self, chunks: AsyncIterator[bytes], filename: str) -> KeptFile:
        """Keep what comes, whole or not at all, with no more than a piece of it in memory."""
        stored = await self._store.keep_stream(chunks, media_type=LINES, stem=ROLE, metadata={})
        artifact = stored.model_copy(update={"filename": safe_name(filename)})
        now = self._now()
        try:
            await self._database.write(
                lambda c: rows.insert_artifact(c, artifact, owner=self._owner, now=now, role=ROLE)
            )
        except BaseException:
            await self._store.forget(artifact.location)
            raise
        return KeptFile(artifact.bind(self._store), moment(now))

    async def get(self, artifact_id: str) -> KeptFile:
        """One of them. `NotFound` where there is none, it is not yours, or was removed."""
        return self._told(await self._database.read(lambda c: self._row(c, artifact_id)))

    async def list(
        self, *, limit: int, after: str | None = None, oldest_first: bool = False
    ) -> tuple[KeptFile, ...]:
        """A page of them; `after` is the last id of the page before."""

        def work(c: Connection) -> list[RowMapping]:
            at, name = artifacts.c.created_at, artifacts.c.id
            query = select(artifacts).where(
                artifacts.c.owner == self._owner,
                artifacts.c.role == ROLE,
                artifacts.c.purged_at.is_(None),
            )
            if after is not None:
                last = self._row(c, after)
                same = at == last["created_at"]
                older = or_(at < last["created_at"], and_(same, name > last["id"]))
                newer = or_(at > last["created_at"], and_(same, name < last["id"]))
                query = query.where(newer if oldest_first else older)
            order = (at, name.desc()) if oldest_first else (at.desc(), name)
            return list(c.execute(query.order_by(*order).limit(limit)).mappings())

        return tuple(map(self._told, await self._database.read(work)))

    async def pieces(self, file: KeptFile) -> AsyncGenerator[bytes, None]:
        """Its bytes, piece by piece."""
        async for piece in self._store.stream(file.artifact):
            yield piece

    async def remove(self, artifact_id: str) -> None:
        """Remove its bytes; batches that were made of it have lines of their own."""
        now = self._now()

        def work(c: Connection) -> str:
            row = self._row(c, artifact_id)
            rows.set_artifact(c, row["id"], purged_at=now, purged_why="its owner removed it")
            return artifact_of(row).location

        await self._store.forget(await self._database.write(work))

    def _row(self, c: Connection, artifact_id: str) -> RowMapping:
        row = rows.artifact(c, artifact_id)
        if (
            row is None
            or row["owner"] != self._owner
            or row["role"] != ROLE
            or row["purged_at"] is not None
        ):
            raise NotFound(f"there is no file `{artifact_id}`")
        return row

    def _told(self, row: RowMapping) -> KeptFile:
        return KeptFile(artifact_of(row).bind(self._store), moment(row["created_at"]))
