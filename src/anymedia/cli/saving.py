"""Where results go: to the file that was named, else into the directory under a readable name."""

from __future__ import annotations

import re
import shutil
import tempfile
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from anymedia.cli.session import DASH
from anymedia.contracts.errors import InvalidRequest, StorageFailed
from anymedia.contracts.media import StoredArtifact, sniffed

if TYPE_CHECKING:
    from anymedia.cli.session import Session

LONGEST_NAME = 40


class Destination:
    """Where results are to go, found to be possible before anything is spent."""

    def __init__(self, session: Session, output: str | None) -> None:
        self._session = session
        self.to_stdout = output == DASH
        self._given = None if output is None or self.to_stdout else session.directory / output
        if self.to_stdout and session.stdout.isatty():
            raise InvalidRequest("stdout is a terminal; name a file, or pipe it into something")
        if not self.to_stdout:
            self._refuse_impossible(output)

    def _refuse_impossible(self, output: str | None) -> None:
        if self._given is not None and is_special(self._given):
            return
        directory = self._session.directory
        if self._given is not None:
            named_directory = str(output).endswith("/") or self._given.is_dir()
            directory = self._given if named_directory else self._given.parent
        if not directory.is_dir():
            raise InvalidRequest(f"there is no directory `{directory}` to save into; make it first")
        try:
            with tempfile.TemporaryFile(dir=directory):
                pass
        except OSError as error:
            raise InvalidRequest(
                f"nothing can be saved in `{directory}`: {error.strerror}. Name another place with "
                f"`-o`"
            ) from None

    def save(self, artifacts: Sequence[StoredArtifact], subject: str) -> list[Path]:
        """Put all of them there; where they are."""
        if self.to_stdout:
            for artifact in artifacts:
                self._stream(artifact)
            return []
        paths = self._paths(artifacts, subject)
        for artifact, path in zip(artifacts, paths, strict=True):
            if is_special(path):
                copy_into(artifact, path)
            else:
                artifact.save(path)
            self._doubt(path, artifact)
        return paths

    def write(self, text: str) -> None:
        """Put a text there, which is not an artifact."""
        assert self._given is not None
        try:
            self._given.write_text(text + "\n", "utf-8", errors="replace")
        except OSError as error:
            raise StorageFailed(f"`{self._given}` cannot be written: {error.strerror}") from None

    def _paths(self, artifacts: Sequence[StoredArtifact], subject: str) -> list[Path]:
        several = len(artifacts) > 1
        given = self._given
        if given is not None and not given.is_dir():
            if not several:
                return [given]
            return [
                given.with_name(f"{given.stem}-{number}{given.suffix}")
                for number in range(1, len(artifacts) + 1)
            ]
        directory = given or self._session.directory
        paths: list[Path] = []
        for number, artifact in enumerate(artifacts, 1):
            name = f"{readable(subject)}-{number}" if several else readable(subject)
            paths.append(free(directory / (name + Path(artifact.filename).suffix), paths))
        return paths

    def _stream(self, artifact: StoredArtifact) -> None:
        self._session.stdout.flush()
        with tempfile.TemporaryDirectory() as directory:
            # A large clip is never held in memory.
            path = artifact.save(Path(directory) / "artifact")
            with path.open("rb") as file:
                shutil.copyfileobj(file, self._session.stdout.buffer, 1024 * 1024)

    def _doubt(self, path: Path, artifact: StoredArtifact) -> None:
        expected = sniffed(b"", path.name)
        kind = expected.partition("/")[0]
        if kind in {"image", "video", "audio"} and not same(expected, artifact.media_type):
            self._session.tell(f"warning: `{path.name}` holds {artifact.media_type}")


def is_special(path: Path) -> bool:
    """Whether it is there and neither file nor directory: a device, or a named pipe."""
    return path.exists() and not path.is_file() and not path.is_dir()


def copy_into(artifact: StoredArtifact, path: Path) -> None:
    """Write into what is there instead of replacing it."""
    try:
        path.write_bytes(artifact.read())
    except OSError as error:
        raise StorageFailed(f"`{path}` cannot be written: {error.strerror}") from None


def same(one: str, other: str) -> bool:
    """Whether two media types name the same, whatever prefixes they carry."""
    alike = {"x-wav": "wav", "mp3": "mpeg", "jpg": "jpeg", "x-m4a": "mp4", "opus": "ogg"}
    first, second = (
        alike.get(name.rpartition("/")[2], name.rpartition("/")[2]) for name in (one, other)
    )
    return first == second


def readable(subject: str) -> str:
    """A file name out of a prompt: its first words, without accents and signs."""
    plain = unicodedata.normalize("NFKD", subject).encode("ascii", "ignore").decode().lower()
    words = re.findall(r"[a-z0-9]+", plain)
    name = ""
    for word in words:
        if name and len(name) + 1 + len(word) > LONGEST_NAME:
            break
        name = f"{name}-{word}".strip("-")[:LONGEST_NAME]
    return name or "result"


def free(path: Path, taken: Sequence[Path]) -> Path:
    """The path, or the first numbered one beside it that nothing has yet."""
    candidate, number = path, 1
    while candidate.exists() or candidate in taken:
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    return candidate
