"""Small pictures of what is kept, made when somebody first asks for them, and kept too."""

from __future__ import annotations

import secrets

from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import NotFound
from anymedia.contracts.media import StoredArtifact
from anymedia.jobs import rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.looking import at_hand
from anymedia.jobs.normalizing import room_for
from anymedia.jobs.telling import artifact_of
from anymedia.media.studio import MediaFailed, StudioClosed

SHOWN = ("image/", "video/", "audio/")


async def preview(desk: Desk, row: RowMapping) -> StoredArtifact:
    """The preview of an artifact. `NotFound` where none can be made."""
    found = await desk.database.read(lambda c: rows.preview_of(c, row["id"]))
    if found is not None:
        return artifact_of(found)
    artifact = artifact_of(row)
    if row["role"] == "preview" or not artifact.media_type.startswith(SHOWN):
        raise NotFound(f"`{artifact.id}` is {artifact.media_type}, of which there are no previews")
    if not desk.studio.available:
        raise NotFound("previews need the extra `anymedia[media]`; install it")
    try:
        with room_for(desk, f"{artifact.id}-{secrets.token_hex(4)}") as target:
            async with at_hand(desk, artifact) as source:
                made = await desk.studio.preview(str(source), str(target), artifact.media_type)
            stored = await desk.store.keep_file(
                target, media_type=made["media_type"], stem="preview", metadata={}
            )
    except MediaFailed as error:
        raise NotFound(f"no preview of `{artifact.id}` can be made: {error}") from None
    except StudioClosed:
        raise NotFound("this process ends; ask another one") from None
    return await kept_once(desk, row, stored)


async def kept_once(desk: Desk, row: RowMapping, stored: StoredArtifact) -> StoredArtifact:
    """Keep a preview, unless somebody else has made one meanwhile."""

    def work(c: Connection) -> StoredArtifact:
        earlier = rows.preview_of(c, row["id"])
        if earlier is not None:
            return artifact_of(earlier)
        rows.insert_artifact(
            c,
            stored,
            owner=row["owner"],
            now=desk.now(),
            role="preview",
            job_id=row["job_id"],
            source_id=row["id"],
        )
        return stored

    try:
        kept = await desk.database.write(work)
    except BaseException:
        await desk.store.forget(stored.location)
        raise
    if kept.id != stored.id:
        await desk.store.forget(stored.location)
    return kept
