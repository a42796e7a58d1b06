"""The artifact store: bytes written once, whole or not at all.

Bytes go to a part file while their hash is taken; then they are flushed to the disk, renamed to
their place, and the directory is flushed too. What has its name is whole.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from anymedia.contracts.errors import NotFound, StorageFailed, UnreadableResponse
from anymedia.contracts.media import StoredArtifact, extension, sniffed
from anymedia.store.journal import unwritable
from anymedia.store.probe import probed


class Part:
    """Bytes on their way into the store."""

    def __init__(
        self, file: IO[bytes], path: Path, limit_bytes: int, flush: Callable[[int], None]
    ) -> None:
        self._file = file
        self._flush = flush
        self._limit_bytes = limit_bytes
        self._hash = hashlib.sha256()
        self.path = path
        self.size = 0
        self.head = b""

    def write(self, chunk: bytes) -> None:
        """More bytes. `UnreadableResponse` beyond the limit."""
        self.size += len(chunk)
        if self.size > self._limit_bytes:
            raise UnreadableResponse(
                f"the artifact is larger than {self._limit_bytes:,} bytes (`max_artifact_bytes`)",
                accepted="yes",
            )
        if len(self.head) < 64:
            self.head += chunk[:64]
        self._hash.update(chunk)
        self._file.write(chunk)

    def finish(self) -> str:
        """Flush to the disk; the hash of all bytes."""
        self._file.flush()
        self._flush(self._file.fileno())
        return self._hash.hexdigest()


class ArtifactStore:
    """Artifacts in a local directory, `artifacts/ab/abcdef...`."""

    def __init__(
        self, directory: Path, *, limit_bytes: int, flush: Callable[[int], None] = os.fsync
    ) -> None:
        self._flush = flush
        self._root = directory / "artifacts"
        self._parts = directory / "parts"
        self._limit_bytes = limit_bytes

    async def keep_bytes(
        self, data: bytes, *, media_type: str | None, stem: str, metadata: dict[str, Any]
    ) -> StoredArtifact:
        """Keep what is in memory."""
        return await asyncio.to_thread(self._keep_bytes, data, media_type, stem, metadata)

    def _keep_bytes(
        self, data: bytes, media_type: str | None, stem: str, metadata: dict[str, Any]
    ) -> StoredArtifact:
        with self._part() as part:
            part.write(data)
            return self._placed(part, media_type, stem, metadata)

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
        with self._part() as part:
            pending: list[bytes] = []
            waiting = 0
            async for chunk in chunks:
                pending.append(chunk)
                waiting += len(chunk)
                if waiting >= 1024 * 1024:
                    await asyncio.to_thread(write_all, part, pending)
                    pending, waiting = [], 0
            await asyncio.to_thread(write_all, part, pending)
            if expected_bytes is not None and part.size != expected_bytes:
                raise UnreadableResponse(
                    f"the download ended after {part.size:,} of {expected_bytes:,} bytes",
                    accepted="yes",
                    retryable=True,
                )
            if part.size == 0:
                raise UnreadableResponse("the download was empty", accepted="yes", retryable=True)
            return await asyncio.to_thread(self._placed, part, media_type, stem, metadata)

    def path(self, artifact: StoredArtifact) -> Path:
        """Where its bytes lie. `NotFound` if they do not."""
        path = self._root / artifact.location
        if not path.is_file():
            raise NotFound(f"the bytes of artifact `{artifact.id}` are gone from `{path.parent}`")
        return path

    def holds(self, artifact: StoredArtifact) -> bool:
        """Whether its bytes are still here."""
        return (self._root / artifact.location).is_file()

    def read(self, artifact: StoredArtifact) -> bytes:
        """All its bytes."""
        return self.path(artifact).read_bytes()

    def save(self, artifact: StoredArtifact, path: Path) -> None:
        """Copy its bytes to a file, whole or not at all."""
        source = self.path(artifact)
        part = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, part)
            part.replace(path)
        except OSError as error:
            with suppress(OSError):
                part.unlink()
            raise StorageFailed(
                f"`{path}` cannot be written: {error.strerror or error}. The artifact is safe: "
                f"`{source}`"
            ) from None

    def remove(self, location: str) -> None:
        """Forget bytes that nothing refers to."""
        with suppress(OSError):
            (self._root / location).unlink()

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

    def _placed(
        self, part: Part, media_type: str | None, stem: str, metadata: dict[str, Any]
    ) -> StoredArtifact:
        digest = part.finish()
        found = sniffed(part.head)
        if found == "application/octet-stream":
            found = media_type or found
        artifact_id = f"art_{secrets.token_hex(16)}"
        name = f"{stem}.{extension(found)}"
        location = f"{artifact_id[4:6]}/{artifact_id}.{extension(found)}"
        target = self._root / location
        facts = probed(part.path, found)
        new = not target.parent.is_dir()
        target.parent.mkdir(parents=True, exist_ok=True)
        part.path.replace(target)
        self._flush_directory(target.parent)
        if new:
            self._flush_directory(self._root)
        return StoredArtifact(
            id=artifact_id,
            media_type=found,
            size_bytes=part.size,
            sha256=digest,
            filename=name,
            location=location,
            metadata=metadata,
            **facts,
        )

    def _flush_directory(self, directory: Path) -> None:
        """Make a rename survive a power cut."""
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            self._flush(descriptor)
        finally:
            os.close(descriptor)


def write_all(part: Part, chunks: list[bytes]) -> None:
    """Write what has gathered."""
    for chunk in chunks:
        part.write(chunk)
