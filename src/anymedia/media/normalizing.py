"""Making a file what is wanted: pictures, clips and sound, each in its own module.

`wanted` are the fields of `Normalization` that are said.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from anymedia.media import audio, image, video
from anymedia.media.examining import described, examined
from anymedia.media.reading import opened

TYPES = {
    "png": "image/png",
    "jpeg": "image/jpeg",
    "webp": "image/webp",
    "avif": "image/avif",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "wav": "audio/wav",
    "mp3": "audio/mpeg",
    "flac": "audio/flac",
    "ogg": "audio/ogg",
    "opus": "audio/ogg",
}


def normalized(
    source: Path,
    target: Path,
    media_type: str,
    wanted: dict[str, Any],
    progress: Callable[[float], None],
) -> dict[str, Any]:
    """Write `target`; what it is, as facts, findings and media type."""
    if media_type.startswith("image/"):
        form = image.written(source, target, wanted)
    else:
        with opened(source) as container:
            facts = described(container)
        if "width" in facts:
            form = video.written(source, target, wanted, facts, progress)
        else:
            form = audio.written(source, target, wanted, facts, progress)
    made = TYPES[form]
    return {"media_type": made, **examined(target, made)}
