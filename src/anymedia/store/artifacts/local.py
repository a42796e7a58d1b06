"""Artifacts in a folder: a part file is flushed, renamed, and the folder is flushed too."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from anymedia.contracts.media import StoredArtifact
from anymedia.store.artifacts.shelf import LOCATION, MARKS, Kept
from anymedia.store.journal import unwritable

PIECE_BYTES = 256 * 1024


class LocalShelf:
    """A folder of this machine, or one that it has mounted."""

    def __init__(self, root: Path, *, flush: Callable[[int], None] = os.fsync) -> None:
        self.root = root
        self.name = str(root)
        self._flush = flush

    def put(self, part: Path, artifact: StoredArtifact) -> None:
        """By a rename, so the part has to lie on the same disk."""
        target = self._place(artifact.location)
        new = not target.parent.is_dir()
        target.parent.mkdir(parents=True, exist_ok=True)
        part.replace(target)
        self._flush_directory(target.parent)
        if new:
            self._flush_directory(self.root)

    def size(self, location: str) -> int | None:
        try:
            found = self._place(location).stat()
        except OSError:
            return None
        return found.st_size

    def pieces(self, location: str, start: int, end: int) -> Iterator[bytes]:
        with self._place(location).open("rb") as file:
            file.seek(start)
            while start < end and (piece := file.read(min(PIECE_BYTES, end - start))):
                start += len(piece)
                yield piece

    def file(self, location: str) -> Path | None:
        path = self._place(location)
        return path if path.is_file() else None

    def remove(self, location: str) -> None:
        with suppress(OSError):
            self._place(location).unlink()

    def kept(self) -> Iterator[Kept]:
        for folder in sorted(self.root.glob("[0-9a-f][0-9a-f]")):
            for path in sorted(folder.iterdir()):
                location = f"{folder.name}/{path.name}"
                if LOCATION.match(location):
                    with suppress(OSError):  # removed by somebody else meanwhile
                        found = path.stat()
                        yield Kept(location, found.st_size, found.st_mtime)

    def link(self, location: str, seconds: int) -> str | None:
        return None

    def mark(self, installation: str) -> None:
        folder = self.root / MARKS
        try:
            folder.mkdir(parents=True, exist_ok=True)
            (folder / installation).touch()
        except OSError as error:
            raise unwritable(self.root, error) from None

    def marks(self) -> set[str]:
        with suppress(OSError):
            return {path.name for path in (self.root / MARKS).iterdir()}
        return set()

    def _place(self, location: str) -> Path:
        """Where a key lies; a key that leads out of the folder lies nowhere."""
        if location.startswith("/") or ".." in Path(location).parts:
            raise FileNotFoundError(location)
        return self.root / location

    def _flush_directory(self, directory: Path) -> None:
        """Make a rename survive a power cut."""
        descriptor = os.open(directory, os.O_RDONLY)
        try:
            self._flush(descriptor)
        finally:
            os.close(descriptor)
