"""What a file really is: size, length, frames, sound, read from its bytes and not from its name.

Needs the extra `anymedia[media]` for pictures and clips; WAV is read without it. What cannot be
read stays unknown: a probe never fails a job that was paid for.
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
            return {
                "seconds": round(file.getnframes() / file.getframerate(), 3),
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
            }
    return {}


def moving(path: Path) -> dict[str, Any]:
    """Anything that FFmpeg's libraries read."""
    with contextlib.suppress(ImportError):
        import av

        with contextlib.suppress(av.FFmpegError, *DAMAGED), av.open(path) as container:
            facts: dict[str, Any] = {"has_audio": bool(container.streams.audio)}
            if container.duration:
                facts["seconds"] = round(container.duration / 1_000_000, 3)
            if container.streams.video:
                video = container.streams.video[0]
                rate = video.average_rate
                facts["fps"] = round(float(rate), 3) if rate else None
                # A codec that this build does not know has no context.
                if video.codec_context is not None:
                    facts |= {
                        "width": video.width,
                        "height": video.height,
                        "codec": video.codec_context.name,
                    }
            elif container.streams.audio:
                sound = container.streams.audio[0]
                if sound.codec_context is not None:
                    facts |= {"codec": sound.codec_context.name, "sample_rate": sound.rate}
            return facts
    return {}
