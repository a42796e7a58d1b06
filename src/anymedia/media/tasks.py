"""What can be done in the room, by name; whatever goes in and out is plain JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Progress: TypeAlias = Callable[[float], None]


def done(task: str, given: dict[str, Any], progress: Progress) -> dict[str, Any]:
    """Do it; what came of it."""
    match task:
        case "examine":
            from anymedia.media.examining import examined

            return examined(Path(given["source"]), given["media_type"])
        case "normalize":
            from anymedia.media.normalizing import normalized

            return normalized(
                Path(given["source"]),
                Path(given["target"]),
                given["media_type"],
                given["wanted"],
                progress,
            )
        case "preview":
            from anymedia.media.preview import preview

            return preview(Path(given["source"]), Path(given["target"]), given["media_type"])
        case _:
            raise ValueError(f"nobody here can do `{task}`")
