"""Looking at what was fetched: whether it is a medium, and whole, and what it really is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import ExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import msgspec
from sqlalchemy import Connection, RowMapping

from anymedia.contracts.errors import NotFound, UnreadableResponse
from anymedia.contracts.job import Failed
from anymedia.contracts.media import StoredArtifact, extension
from anymedia.contracts.notice import Notice
from anymedia.jobs import rows
from anymedia.jobs.desk import Desk
from anymedia.jobs.pace import SOON
from anymedia.jobs.telling import artifact_of
from anymedia.jobs.watching import failed
from anymedia.media.instead import HEAD_BYTES, document_in
from anymedia.media.studio import MediaFailed, StudioClosed

CLOSING_SECONDS = 1.0
EXAMINED = ("image/", "video/", "audio/")
UNREAD = frozenset({"image/svg+xml", "audio/pcm", "audio/l16", "audio/basic"})
"""Types that no decoder opens: drawings, and samples without a header."""
ALIKE = ({"mp4", "m4a", "mov"}, {"ogg", "opus"}, {"wav", "pcm"}, {"aac", "m4a"})
"""Endings of types whose bytes begin alike."""


async def look(desk: Desk, job: RowMapping, attempt: RowMapping, row: RowMapping) -> float | None:
    """Look at one artifact and write down what was found. A document fails the job."""
    artifact = artifact_of(row)
    try:
        async with at_hand(desk, artifact) as path:
            instead = await asyncio.to_thread(document_at, path)
            if instead is not None and "svg" not in artifact.media_type:
                problem = no_medium(instead, job["medium"]).problem()
                return await failed(desk, job, attempt, Failed(problem=problem, charged=True))
            facts, found = await examined(desk, artifact, path)
    except NotFound as error:
        facts, found = {}, [damaged(error.message)]
    except StudioClosed:
        return CLOSING_SECONDS
    known = StoredArtifact.model_fields
    better = artifact.model_copy(update={k: v for k, v in facts.items() if k in known})

    def work(c: Connection) -> None:
        rows.set_artifact(
            c,
            artifact.id,
            facts=better.model_dump_json(exclude_none=True),
            findings=as_column(found),
        )
        for one in found:
            rows.note(c, job["id"], desk.now(), one.code, artifact=artifact.id, found=one.message)

    await desk.change(job["id"], work)
    return SOON


async def examined(
    desk: Desk, artifact: StoredArtifact, path: Path
) -> tuple[dict[str, Any], list[Notice]]:
    """Facts and findings, from decoding it where that is possible."""
    kind = artifact.media_type.partition(";")[0]
    if (
        not desk.settings.check_results
        or not desk.studio.available
        or not kind.startswith(EXAMINED)
        or kind in UNREAD
    ):
        return {}, []
    if artifact.codec is None and artifact.has_audio is None and artifact.width is None:
        # Reading its head has shown already that nobody can.
        return {}, [damaged(f"what came as {kind} cannot be read as such")]
    try:
        seen = await desk.studio.examine(str(path), kind)
    except MediaFailed as error:
        message = f"nobody knows whether what came is whole, for looking at it failed: {error}"
        return {}, [Notice(code="delivered-unchecked", message=message)]
    return seen["facts"], [Notice.model_validate(one) for one in seen["findings"]]


@asynccontextmanager
async def at_hand(desk: Desk, artifact: StoredArtifact) -> AsyncIterator[Path]:
    """A local file with an artifact's bytes, which may have to be fetched from afar first."""
    with ExitStack() as stack:
        yield await asyncio.to_thread(stack.enter_context, desk.store.at_hand(artifact))


def document_at(path: Path) -> str | None:
    """What kind of document a file is, if it is one."""
    with path.open("rb") as file:
        return document_in(file.read(HEAD_BYTES))


def no_medium(instead: str, medium: str) -> UnreadableResponse:
    """The failure where something else was delivered."""
    return UnreadableResponse(
        f"{instead} was delivered instead of {medium}",
        accepted="yes",
        retryable=True,
        details={"instead": instead},
    )


async def media_only(chunks: AsyncIterator[bytes], medium: str) -> AsyncIterator[bytes]:
    """The same chunks. Raises `UnreadableResponse` when they turn out to be a document."""
    head: bytes | None = b""
    async for chunk in chunks:
        if head is not None:
            head += chunk[:HEAD_BYTES]
            if len(head) >= HEAD_BYTES:
                refuse(head, medium)
                head = None
        yield chunk
    if head:
        refuse(head, medium)


def refuse(head: bytes, medium: str) -> None:
    """Raise when this begins a document."""
    if (instead := document_in(head)) is not None:
        raise no_medium(instead, medium)


def mislabelled(declared: str | None, artifact: StoredArtifact) -> Notice | None:
    """A warning where the provider called it something that its bytes are not."""
    said = (declared or "").partition(";")[0].strip().lower()
    if not said.startswith(EXAMINED):
        return None
    one, other = extension(said), extension(artifact.media_type)
    if one in {other, "bin"} or other == "bin" or any({one, other} <= alike for alike in ALIKE):
        return None
    if said.partition("/")[2] == artifact.media_type.partition("/")[2]:
        return None  # audio/webm is video/webm without pictures
    return Notice(
        code="delivered-differs",
        message=f"it was delivered as {said} and is {artifact.media_type}",
        option="media_type",
        asked=said,
        given=artifact.media_type,
    )


def damaged(message: str) -> Notice:
    """Something is wrong with the file itself."""
    return Notice(code="delivered-damaged", message=message)


def as_column(found: Iterable[Notice]) -> str:
    """Findings as an artifact's row has them; an empty list says that it was looked at."""
    told = [one.model_dump(mode="json", exclude_none=True) for one in found]
    return msgspec.json.encode(told).decode()


def findings_of(row: RowMapping) -> tuple[Notice, ...]:
    """What looking at an artifact found."""
    told = cast("list[dict[str, Any]]", msgspec.json.decode(row["findings"] or "[]"))
    return tuple(Notice.model_validate(one) for one in told)
