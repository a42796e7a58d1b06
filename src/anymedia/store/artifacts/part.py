"""Bytes on their way into the store: counted, hashed, and flushed before anybody sees them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import IO

from anymedia.contracts.errors import UnreadableResponse

TOO_LARGE = "limit_bytes"
"""Among a failure's details: what came was larger than this."""


class Part:
    """A file that is being written, with what is known of it so far."""

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
            raise too_large(self._limit_bytes)
        if len(self.head) < 64:
            self.head += chunk[:64]
        self._hash.update(chunk)
        self._file.write(chunk)

    def write_all(self, chunks: Iterable[bytes]) -> None:
        """What has gathered."""
        for chunk in chunks:
            self.write(chunk)

    def finish(self) -> str:
        """Flush to the disk; the hash of all bytes."""
        self._file.flush()
        self._flush(self._file.fileno())
        return self._hash.hexdigest()


def too_large(limit_bytes: int) -> UnreadableResponse:
    """More than is kept: fetching it again would not help."""
    return UnreadableResponse(
        f"the artifact is larger than {limit_bytes:,} bytes (`max_artifact_bytes`)",
        accepted="yes",
        details={TOO_LARGE: limit_bytes},
    )
