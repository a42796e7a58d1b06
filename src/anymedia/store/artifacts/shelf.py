"""What the store needs of a place that keeps bytes, whichever it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from anymedia.contracts.media import StoredArtifact

SCRIPTED = frozenset({"image/svg+xml"})
"""Pictures that can run programs: a browser must not show them as a page."""
SHOWN = ("image/", "video/", "audio/")
"""What browsers may show; everything else is a download."""
LOCATION = re.compile(r"^[0-9a-f]{2}/art_[0-9a-f]{32}\.[a-z0-9]{1,8}$")
"""What the key of an artifact looks like; nothing else on a shelf is ours to touch."""
MARKS = "installations"
"""The folder on a shelf in which every installation that uses it has left its name."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One thing on a shelf."""

    location: str
    size_bytes: int
    modified_at: float


class Shelf(Protocol):
    """Keeps bytes under keys. Whatever has its key is whole.

    Methods block and may be called from any thread. They raise `FileNotFoundError` for what is
    not there and `StorageFailed` for everything that should be tried again.
    """

    name: str
    """How people call it, without its secrets."""

    def put(self, part: Path, artifact: StoredArtifact) -> None:
        """Take a part file over, under the artifact's location; whole or not at all."""

    def size(self, location: str) -> int | None:
        """How many bytes lie there; `None` when nothing does."""

    def pieces(self, location: str, start: int, end: int) -> Iterator[bytes]:
        """The bytes from `start` up to `end`, in pieces that are small against the memory."""

    def file(self, location: str) -> Path | None:
        """The local file that they are in, where there is one."""

    def remove(self, location: str) -> None:
        """Forget it; nothing happens when it is not there."""

    def kept(self) -> Iterator[Kept]:
        """Everything that has the key of an artifact."""

    def link(self, location: str, seconds: int) -> str | None:
        """A URL at which anybody can fetch it for a while; `None` where it has none of its own."""

    def mark(self, installation: str) -> None:
        """Leave a name that says who uses it."""

    def marks(self) -> set[str]:
        """Who uses it."""


def disposition(artifact: StoredArtifact) -> str:
    """Whether a browser shows it or saves it, and under which name."""
    from urllib.parse import quote

    name = safe_name(artifact.filename)
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    kind = "inline" if may_be_shown(artifact.media_type) else "attachment"
    said = f'{kind}; filename="{plain}"'
    return said if plain == name else f"{said}; filename*=UTF-8''{quote(name)}"


def may_be_shown(media_type: str) -> bool:
    """Whether a browser may show it in a page's place."""
    kind = media_type.partition(";")[0].strip().lower()
    return kind.startswith(SHOWN) and kind not in SCRIPTED


def safe_name(name: str) -> str:
    """A file name that stays in its folder and in its header, whatever it was made of."""
    last = re.split(r"[/\\]", name)[-1]
    kept = "".join(c for c in last if c.isprintable() and c not in '"<>|:*?').strip(" .")
    return kept[-150:].strip(" .") or "artifact"
