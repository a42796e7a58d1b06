"""The artifact store: bytes written once, whole or not at all, and read in pieces."""

from __future__ import annotations

import asyncio
import functools
import os
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, TypeVar

from anymedia.contracts.errors import (
    InvalidConfiguration,
    NotFound,
    StorageFailed,
    UnreadableResponse,
)
from anymedia.contracts.media import StoredArtifact, extension, sniffed
from anymedia.store.artifacts.links import KEY_FILE, Links, allowed
from anymedia.store.artifacts.local import LocalShelf
from anymedia.store.artifacts.part import Part, too_large
from anymedia.store.artifacts.shelf import Shelf, safe_name
from anymedia.store.journal import unwritable
from anymedia.store.probe import probed

T = TypeVar("T")
GATHERED_BYTES = 1024 * 1024
AT_ONCE = 8
"""Exchanges with an object store at one time; each holds a few parts in memory."""
DONE = object()


class ArtifactStore:
    """Artifacts on a shelf: by default the folder `artifacts` of the data directory.

    With `url` new ones go to another shelf; those that are in the folder already are found there
    as before.
    """

    def __init__(
        self,
        directory: Path,
        *,
        limit_bytes: int,
        flush: Callable[[int], None] = os.fsync,
        url: str | None = None,
        public_url: str | None = None,
        now: Callable[[], float] = time.time,
    ) -> None:
        self._flush = flush
        self._limit_bytes = limit_bytes
        self._public_url = public_url
        self._now = now
        home = LocalShelf(directory / "artifacts", flush=flush)
        self._shelves: tuple[Shelf, ...] = (home,)
        self._parts = directory / "parts"
        self.links = Links(directory / KEY_FILE)
        if url is not None:
            from anymedia.store.artifacts.address import shelf_at

            shelf = shelf_at(url, flush=flush)
            self._shelves = (shelf, home)
            if isinstance(shelf, LocalShelf):
                # A part becomes an artifact by a rename, which does not lead from disk to disk.
                self._parts = shelf.root / "parts"
                self.links = Links(shelf.root / KEY_FILE)
        self._pool: ThreadPoolExecutor | None = None

    @property
    def shelf(self) -> Shelf:
        """Where new artifacts go."""
        return self._shelves[0]

    @property
    def shelves(self) -> tuple[Shelf, ...]:
        """Everywhere that artifacts may be, the shelf for new ones first."""
        return self._shelves

    # --- keeping --------------------------------------------------------------------------

    async def keep_bytes(
        self, data: bytes, *, media_type: str | None, stem: str, metadata: dict[str, Any]
    ) -> StoredArtifact:
        """Keep what is in memory."""
        with self._part() as part:
            await asyncio.to_thread(part.write, data)
            return await self._placed(part, media_type, stem, metadata)

    async def keep_file(
        self, path: Path, *, media_type: str | None, stem: str, metadata: dict[str, Any]
    ) -> StoredArtifact:
        """Keep a copy of a local file, such as a picture made of a clip; the file stays."""

        def copy() -> None:
            with path.open("rb") as file:
                while chunk := file.read(GATHERED_BYTES):
                    part.write(chunk)

        with self._part() as part:
            await asyncio.to_thread(copy)
            return await self._placed(part, media_type, stem, metadata)

    async def keep_stream(
        self,
        chunks: AsyncIterator[bytes],
        *,
        media_type: str | None,
        stem: str,
        metadata: dict[str, Any],
        expected_bytes: int | None = None,
    ) -> StoredArtifact:
        """Keep what comes, holding no more than a chunk of it in memory."""
        if expected_bytes is not None and expected_bytes > self._limit_bytes:
            raise too_large(self._limit_bytes)
        with self._part() as part:
            pending: list[bytes] = []
            waiting = 0
            async for chunk in chunks:
                pending.append(chunk)
                waiting += len(chunk)
                if waiting >= GATHERED_BYTES:
                    await asyncio.to_thread(part.write_all, pending)
                    pending, waiting = [], 0
                if expected_bytes is not None and part.size > expected_bytes:
                    break  # it lies about its length; where it ends, nobody knows
            await asyncio.to_thread(part.write_all, pending)
            if expected_bytes is not None and part.size != expected_bytes:
                raise UnreadableResponse(
                    f"the download ended after {part.size:,} of {expected_bytes:,} bytes",
                    accepted="yes",
                    retryable=True,
                )
            if part.size == 0:
                raise UnreadableResponse("the download was empty", accepted="yes", retryable=True)
            return await self._placed(part, media_type, stem, metadata)

    @contextmanager
    def _part(self) -> Iterator[Part]:
        try:
            self._parts.mkdir(parents=True, exist_ok=True)
            path = self._parts / secrets.token_hex(16)
            with path.open("xb") as file:
                yield Part(file, path, self._limit_bytes, self._flush)
        except OSError as error:
            raise unwritable(self._parts.parent, error) from None
        finally:
            with suppress(OSError, UnboundLocalError):
                path.unlink()

    async def _placed(
        self, part: Part, media_type: str | None, stem: str, metadata: dict[str, Any]
    ) -> StoredArtifact:
        artifact = await asyncio.to_thread(looked_at, part, media_type, stem, metadata)
        await self._run(self.shelf.put, part.path, artifact)
        return artifact

    # --- reading --------------------------------------------------------------------------

    def path(self, artifact: StoredArtifact) -> Path:
        """The local file that it is in. `NotFound` where there is none."""
        refuse_removed(artifact)
        for shelf in self._shelves:
            with suppress(FileNotFoundError):
                path = shelf.file(artifact.location)
                if path is not None:
                    return path
        raise self._gone(artifact)

    @contextmanager
    def at_hand(self, artifact: StoredArtifact) -> Iterator[Path]:
        """A local file with its bytes, for as long as the block runs; not to be changed."""
        try:
            found = self.path(artifact)
        except NotFound:
            refuse_removed(artifact)
        else:
            yield found
            return
        copy = self._parts / secrets.token_hex(16)
        try:
            self.save(artifact, copy)
            yield copy
        finally:
            with suppress(OSError):
                copy.unlink()

    def size(self, artifact: StoredArtifact) -> int | None:
        """How many bytes of it are here; `None` when there is nothing."""
        holder = self._holder(artifact)
        return None if holder is None else holder.size(artifact.location)

    def holds(self, artifact: StoredArtifact) -> bool:
        """Whether its bytes are still here."""
        return artifact.removed_at is None and self._holder(artifact) is not None

    def read(self, artifact: StoredArtifact) -> bytes:
        """All its bytes."""
        return b"".join(self.pieces(artifact))

    def pieces(
        self, artifact: StoredArtifact, start: int = 0, end: int | None = None
    ) -> Iterator[bytes]:
        """Its bytes from `start` up to `end`, in pieces. `NotFound` where they are gone."""
        refuse_removed(artifact)
        end = artifact.size_bytes if end is None else end
        for shelf in self._shelves:
            reading = shelf.pieces(artifact.location, start, end)
            try:
                first = next(reading, b"")
            except FileNotFoundError:
                continue
            except OSError as error:
                raise unwritable(self._parts.parent, error) from None
            yield first
            yield from reading
            return
        raise self._gone(artifact)

    async def stream(
        self, artifact: StoredArtifact, start: int = 0, end: int | None = None
    ) -> AsyncGenerator[bytes, None]:
        """The same, awaited."""
        reading = self.pieces(artifact, start, end)
        try:
            while (piece := await self._run(next, reading, DONE)) is not DONE:
                yield piece
        finally:
            with suppress(ValueError):  # a reader that hung up while a piece was on its way
                reading.close()  # type: ignore[attr-defined]  # it is a generator

    def save(self, artifact: StoredArtifact, path: Path) -> None:
        """Copy its bytes to a file, whole or not at all."""
        reading = self.pieces(artifact)
        first = next(reading, b"")  # what is gone is told as such, not as a disk that failed
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("xb") as file:
                file.write(first)
                for piece in reading:
                    file.write(piece)
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise StorageFailed(
                f"`{path}` cannot be written: {error.strerror or error}. The artifact is safe: "
                f"`{self._whereabouts(artifact)}`"
            ) from None
        except BaseException:
            with suppress(OSError):
                part.unlink()
            raise

    def link(self, artifact: StoredArtifact, expires_seconds: float = 3600) -> str:
        """A URL at which anybody can fetch it for a while, without a key."""
        seconds = allowed(expires_seconds)
        own = self.store_link(artifact, seconds)
        if own is not None:
            return own
        if self._public_url is None:
            raise InvalidConfiguration(
                "artifacts in a folder are handed out by the gateway: set `gateway.public_url` to "
                "its address and run `anymedia serve`, or keep artifacts in an object store"
            )
        return self._signed(artifact, seconds, self._public_url)

    def link_at(self, artifact: StoredArtifact, seconds: int, base_url: str) -> str:
        """The same, by way of the gateway at `base_url` where the shelf makes no links itself."""
        return self.store_link(artifact, seconds) or self._signed(artifact, seconds, base_url)

    def _signed(self, artifact: StoredArtifact, seconds: int, base_url: str) -> str:
        path = self.links.path(artifact.id, int(self._now()) + seconds)
        return base_url.rstrip("/") + path

    def store_link(self, artifact: StoredArtifact, seconds: int) -> str | None:
        """A link of the object store's own, where it makes any. `NotFound` for what is gone."""
        holder = self._holder(artifact)
        if holder is None:
            refuse_removed(artifact)
            raise self._gone(artifact)
        return holder.link(artifact.location, seconds)

    # --- forgetting -----------------------------------------------------------------------

    def remove(self, location: str) -> None:
        """Forget bytes that nothing refers to."""
        for shelf in self._shelves:
            shelf.remove(location)

    async def forget(self, location: str) -> None:
        """The same, awaited; what cannot be forgotten now is found by the next collection."""
        with suppress(StorageFailed):
            await self._run(self.remove, location)

    def old_parts(self, before: float) -> Iterator[Path]:
        """Half-made parts that nobody has written to since a time."""
        with suppress(OSError):
            for path in sorted(self._parts.iterdir()):
                with suppress(OSError):
                    if path.is_file() and path.stat().st_mtime < before:
                        yield path

    # --- within ---------------------------------------------------------------------------

    async def blocking(self, work: Callable[..., T], *arguments: Any) -> T:
        """Something that a shelf does, without blocking the loop."""
        return await self._run(work, *arguments)

    async def _run(self, work: Callable[..., T], *arguments: Any) -> T:
        """Block in a thread: in one of few where that waits for a network."""
        if isinstance(self.shelf, LocalShelf):
            return await asyncio.to_thread(work, *arguments)
        if self._pool is None:
            self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="anymedia-artifacts")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._pool, functools.partial(work, *arguments))

    def _holder(self, artifact: StoredArtifact) -> Shelf | None:
        for shelf in self._shelves:
            with suppress(FileNotFoundError):
                if shelf.size(artifact.location) is not None:
                    return shelf
        return None

    def _whereabouts(self, artifact: StoredArtifact) -> str:
        with suppress(NotFound):
            return str(self.path(artifact))
        return f"{self.shelf.name}/{artifact.location}"

    def _gone(self, artifact: StoredArtifact) -> NotFound:
        folder = artifact.location.rpartition("/")[0]
        return NotFound(
            f"the bytes of artifact `{artifact.id}` are gone from `{self.shelf.name}/{folder}`"
        )


def looked_at(
    part: Part, media_type: str | None, stem: str, metadata: dict[str, Any]
) -> StoredArtifact:
    """What a part file is, once it is whole; under a new id and a key of its own."""
    digest = part.finish()
    found = sniffed(part.head)
    if found == "application/octet-stream":
        found = media_type or found
    artifact_id = f"art_{secrets.token_hex(16)}"
    ending = extension(found)
    return StoredArtifact(
        id=artifact_id,
        media_type=found,
        size_bytes=part.size,
        sha256=digest,
        filename=safe_name(f"{stem}.{ending}"),
        location=f"{artifact_id[4:6]}/{artifact_id}.{ending}",
        metadata=metadata,
        **probed(part.path, found),
    )


def refuse_removed(artifact: StoredArtifact) -> None:
    """`NotFound` for what was removed on purpose, with when and why."""
    if artifact.removed_at is not None:
        why = f" ({artifact.removed_why})" if artifact.removed_why else ""
        raise NotFound(
            f"artifact `{artifact.id}` was removed on {artifact.removed_at:%Y-%m-%d %H:%M}Z{why}; "
            f"what is known of it stays: `anymedia artifacts show {artifact.id}`"
        )
