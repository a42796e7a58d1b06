"""Media going in: from a path, URL or artifact to the form that a provider takes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Protocol, TypeAlias, TypeVar
from urllib.parse import urlsplit

from anymedia.contracts.base import Contract
from anymedia.contracts.errors import GenerationError, UnreadableInput
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import (
    MediaArtifact,
    MediaBytes,
    MediaFile,
    MediaUrl,
    sniffed,
)
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.engine.connection import Connection
from anymedia.engine.download import Downloads, origin
from anymedia.engine.masks import marked
from anymedia.engine.pictures import converted, shrunk

AnyMedia: TypeAlias = MediaUrl | MediaBytes | MediaFile | MediaArtifact
RequestT = TypeVar("RequestT", bound=Request[Any])
UNKNOWN_TYPE = "application/octet-stream"
PAGES = {b"<html", b"<!doc"}
DOWNLOAD_SECONDS = 3600.0
MEDIA = (MediaUrl, MediaBytes, MediaFile, MediaArtifact)
UPLOAD_SECONDS = 600.0


def unhurried(at_most: float) -> float:
    """As long as it may take."""
    return at_most


class Kept(Protocol):
    """Where inputs and earlier results are kept."""

    async def read_input(self, artifact_id: str) -> MediaBytes:
        """The bytes of something kept; `NotFound` if it is not there."""
        ...


class Inputs:
    """Prepares a request's media for a provider."""

    def __init__(self, downloads: Downloads, kept: Kept | None, *, limit_bytes: int) -> None:
        self._downloads = downloads
        self._kept = kept
        self._limit_bytes = limit_bytes

    async def prepared(
        self,
        request: RequestT,
        connection: Connection,
        *,
        left: Callable[[float], float] = unhurried,
    ) -> tuple[RequestT, list[Notice]]:
        """The request with every medium as this provider takes it, and what was converted.

        `left` tells how many seconds of at most so many there are for the next transfer.
        """
        notices: list[Notice] = []

        # A picture that is made smaller would no longer lie under its mask.
        masked = isinstance(request, ImageRequest) and request.mask is not None

        async def prepare(media: AnyMedia) -> AnyMedia:
            return await self._prepare(media, connection, notices, left, whole=masked)

        if isinstance(request, ImageRequest) and request.mask is not None:
            mask = request.mask
            how = connection.provider.inputs.mask
            drawn = await asyncio.to_thread(marked, await self.held(mask), how, notices)
            request = request.model_copy(update={"mask": drawn})
        if not takes_media(request):
            return request, notices
        return await replaced(request, prepare), notices

    async def _prepare(
        self,
        media: AnyMedia,
        connection: Connection,
        notices: list[Notice],
        left: Callable[[float], float],
        *,
        whole: bool,
    ) -> AnyMedia:
        takes = connection.provider.inputs
        if isinstance(media, MediaUrl) and origin(media.url)[0] in takes.schemes:
            return media
        held = await self.held(media, left=left)
        if held.media_type.startswith("image/") and held.media_type not in takes.image_types:
            held = await asyncio.to_thread(converted, held, takes.image_types[0], notices)
        if len(held.data) <= takes.inline_bytes:
            return held
        if takes.upload is None or len(held.data) > takes.upload_bytes:
            most = takes.upload_bytes if takes.upload else takes.inline_bytes
            if held.media_type.startswith("image/") and most and not whole:
                small = await asyncio.to_thread(shrunk, held, most, takes.image_types, notices)
                if small is not None:
                    return small
            raise UnreadableInput(
                f"the input has {len(held.data):,} bytes; `{connection.name}` takes at most "
                f"{most:,}. Make it smaller, or give a public URL"
            )
        try:
            return await connection.converse(
                takes.upload(held), timeout_seconds=left(UPLOAD_SECONDS)
            )
        except GenerationError as error:
            error.accepted = "no"  # an upload buys nothing, and what it was for was not sent
            raise

    async def held(
        self, media: AnyMedia, *, left: Callable[[float], float] = unhurried
    ) -> MediaBytes:
        """The bytes, wherever they are."""
        match media:
            case MediaBytes(data=b""):
                raise UnreadableInput("the input is empty")
            case MediaBytes():
                return media if len(media.data) <= self._limit_bytes else self._too_large()
            case MediaFile():
                return await asyncio.to_thread(read_file, media.path, self._limit_bytes)
            case MediaArtifact():
                if self._kept is None:
                    raise UnreadableInput(f"artifact `{media.artifact_id}` cannot be read here")
                return await self._kept.read_input(media.artifact_id)
            case MediaUrl():
                return await self._fetched(media, left(DOWNLOAD_SECONDS))

    async def _fetched(self, media: MediaUrl, total_seconds: float) -> MediaBytes:
        parts: list[bytes] = []
        size = 0
        try:
            async with self._downloads.open(media.url, total_seconds=total_seconds) as incoming:
                async for chunk in incoming.chunks:
                    size += len(chunk)
                    if size > self._limit_bytes:
                        self._too_large()
                    parts.append(chunk)
        except UnreadableInput:
            raise
        except GenerationError as error:
            raise UnreadableInput(f"the input URL could not be read: {error.message}") from None
        data = b"".join(parts)
        if not data:
            raise UnreadableInput("the input URL leads to nothing: the answer was empty")
        name = Path(urlsplit(media.url).path).name or None
        declared = incoming.head.media_type() or ""
        found = sniffed(data)
        if found == UNKNOWN_TYPE:
            # A page that asks for a password has the name of the picture behind it.
            if declared.startswith("text/html") or data[:64].lstrip()[:5].lower() in PAGES:
                raise UnreadableInput("the input URL leads to a web page, not to media")
            told = media.media_type or declared
            found = told if told not in {"", UNKNOWN_TYPE} else sniffed(data, name)
        return MediaBytes(data=data, media_type=found, filename=name)

    def _too_large(self) -> MediaBytes:
        raise UnreadableInput(
            f"the input is larger than {self._limit_bytes:,} bytes (`max_input_bytes`)"
        )


def read_file(path: Path, limit_bytes: int) -> MediaBytes:
    """A local file. `UnreadableInput` says what is wrong with it."""
    try:
        with path.open("rb") as file:  # a pipe has no size: it is read no further than allowed
            data = file.read(limit_bytes + 1)
    except OSError as error:
        raise UnreadableInput(f"`{path}` cannot be read: {error.strerror or error}") from None
    except ValueError as error:  # a NUL byte in the name
        raise UnreadableInput(f"this path cannot be read: {error}") from None
    if not data:
        raise UnreadableInput(f"`{path}` is empty")
    if len(data) > limit_bytes:
        raise UnreadableInput(
            f"`{path}` has more than the {limit_bytes:,} bytes that are read (`max_input_bytes`)"
        )
    return MediaBytes(data=data, media_type=sniffed(data, path.name), filename=path.name)


def takes_media(request: Request[Any]) -> bool:
    """Whether a request has media in it that a provider has to be handed."""
    return any(map(holds_media, request.__dict__.values()))


def holds_media(value: Any) -> bool:
    """Whether there is a medium anywhere in it. Most requests are words alone, and many."""
    if isinstance(value, tuple):
        return any(map(holds_media, value))
    if isinstance(value, Contract):
        return isinstance(value, MEDIA) or any(map(holds_media, value.__dict__.values()))
    return False


async def replaced(value: Any, change: Callable[[AnyMedia], Awaitable[AnyMedia]]) -> Any:
    """The same value with every medium in it changed, however deep; itself if there is none."""
    if isinstance(value, MEDIA):
        return await change(value)
    if isinstance(value, tuple):
        items = [await replaced(item, change) for item in value]
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else tuple(items)
    if isinstance(value, Contract):
        changes = {}
        for name, old in value:
            if isinstance(old, tuple | Contract):
                new = await replaced(old, change)
                if new is not old:
                    changes[name] = new
        return value.model_copy(update=changes) if changes else value
    return value


def artifact_ids(value: Any) -> tuple[str, ...]:
    """The ids of everything kept that a request refers to, however deep."""
    if isinstance(value, MediaArtifact):
        return (value.artifact_id,)
    if isinstance(value, tuple):
        return tuple(found for item in value for found in artifact_ids(item))
    if isinstance(value, Contract):
        return tuple(
            found
            for _, item in value
            if isinstance(item, tuple | Contract)
            for found in artifact_ids(item)
        )
    return ()
