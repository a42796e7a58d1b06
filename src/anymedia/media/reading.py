"""Opening what strangers made: only the file itself, only formats that hold media, never for long.

FFmpeg follows playlists to other files and addresses if it is let. Here it is not: a "clip" that
is a playlist is not opened.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer

DEMUXERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,avi,flv,mpegts,mpeg,asf,ogg,wav,w64,aiff,au,caf,"
    "mp3,aac,ac3,eac3,flac,amr,gif,apng,ivf,obu,h264,hevc,m4v,mpegvideo"
)
MOST_PIXELS = 64 * 1024 * 1024
"""Of one picture: 8K is half of it."""
LONGEST_SECONDS = 20.0
"""For opening, and for each read."""


def opened(path: Path) -> InputContainer:
    """A file as FFmpeg reads it. Raises `av.FFmpegError` for what it cannot read."""
    import av

    return av.open(
        str(path),
        container_options={
            "protocol_whitelist": "file",
            "format_whitelist": DEMUXERS,
            "analyzeduration": "20000000",
            "probesize": "20000000",
            "max_streams": "64",
        },
        options={"max_pixels": str(MOST_PIXELS)},
        timeout=LONGEST_SECONDS,
        metadata_errors="replace",  # titles come in any alphabet; the clip is fine all the same
    )
