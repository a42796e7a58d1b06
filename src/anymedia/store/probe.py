"""What a file really is: size, length, frames, sound, read from its bytes and not from its name.

Only heads are read here, at once and in this process; `anymedia.media.examining` decodes, in one
of its own. Needs the extra `anymedia[media]` for pictures and clips; WAV is read without it. What
cannot be read stays unknown: a probe never fails a job that was paid for.
"""

from __future__ import annotations

import contextlib
import struct
import wave
from pathlib import Path
from typing import Any

DAMAGED = (OSError, ValueError, SyntaxError, IndexError, TypeError, struct.error, Warning)
"""What readers raise over damaged files, format by format; warnings where they are errors."""


def probed(path: Path, media_type: str) -> dict[str, Any]:
    """Facts for `StoredArtifact`, by its field names; nothing where nothing can be read."""
    kind = media_type.partition("/")[0]
    if media_type in {"audio/wav", "audio/x-wav"}:
        return wav(path) or moving(path)
    if kind == "image":
        return picture(path)
    if kind in {"video", "audio"}:
        return moving(path)
    return {}


def wav(path: Path) -> dict[str, Any]:
    """PCM WAV."""
    try:
        with wave.open(str(path), "rb") as file:
            # One that was made on the fly does not know its length and says something enormous.
            frames = min(
                file.getnframes(),
                path.stat().st_size // max(1, file.getsampwidth() * file.getnchannels()),
            )
            return {
                "seconds": round(frames / file.getframerate(), 3),
                "channels": file.getnchannels(),
                "container": "wav",
                "sample_rate": file.getframerate(),
                "codec": f"pcm_s{8 * file.getsampwidth()}le",
                "has_audio": True,
            }
    except (wave.Error, EOFError, ZeroDivisionError, RuntimeError):
        return {}


def picture(path: Path) -> dict[str, Any]:
    """Anything that Pillow reads; only the header is looked at."""
    with contextlib.suppress(ImportError):
        from PIL import Image

        with (
            contextlib.suppress(*DAMAGED, Image.DecompressionBombError),
            Image.open(path) as image,
        ):
            return {
                "width": image.width,
                "height": image.height,
                "codec": (image.format or "").lower() or None,
                "container": (image.format or "").lower() or None,
                "pixel_format": image.mode,
            }
    return {}


def moving(path: Path) -> dict[str, Any]:
    """Anything that FFmpeg's libraries read."""
    with contextlib.suppress(ImportError):
        import av

        from anymedia.media.examining import described
        from anymedia.media.reading import opened

        with contextlib.suppress(av.FFmpegError, *DAMAGED), opened(path) as container:
            return described(container)
    return {}
