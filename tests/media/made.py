"""Small real media, made here: pictures, clips and sound."""

from __future__ import annotations

import math
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image


def picture(path: Path, size: tuple[int, int] = (64, 48), form: str = "PNG") -> Path:
    """Stripes from black to red to yellow."""
    image = Image.new("RGB", size)
    image.putdata(
        [
            (x * 255 // size[0], y * 255 // size[1], 40)
            for y in range(size[1])
            for x in range(size[0])
        ]
    )
    image.save(path, form)
    return path


def clip(
    path: Path,
    *,
    size: tuple[int, int] = (160, 90),
    fps: int = 10,
    seconds: float = 2.0,
    black_seconds: float = 0.0,
    sound: bool = True,
    form: str = "mp4",
    codec: str = "libx264",
) -> Path:
    """A bright bar that moves across, and a tone."""
    options = {"movflags": "+faststart"} if form == "mp4" else {}
    with av.open(str(path), "w", format=form, options=options) as container:
        video: Any = container.add_stream(codec, rate=fps)
        video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio: Any = (
            container.add_stream("libopus" if form == "webm" else "aac", rate=48_000, layout="mono")
            if sound
            else None
        )
        for number in range(round(seconds * fps)):
            shade = np.zeros((size[1], size[0], 3), np.uint8)
            if number >= black_seconds * fps:
                left = number * 8 % size[0]
                shade[:, left : left + 24] = (250, 180, 20)
                shade[: size[1] // 3] += 60
            container.mux(video.encode(av.VideoFrame.from_ndarray(shade, format="rgb24")))
        container.mux(video.encode(None))
        if audio is not None:
            for piece in tone(seconds):
                container.mux(audio.encode(piece))
            container.mux(audio.encode(None))
    return path


def tone(seconds: float, *, loud: float = 0.2, rate: int = 48_000) -> list[Any]:
    """A tone of 440 Hz, in pieces."""
    found = []
    for start in range(0, round(seconds * rate), 4800):
        times = np.arange(start, min(start + 4800, round(seconds * rate))) / rate
        samples = (np.sin(times * 440 * 2 * math.pi) * loud).astype(np.float32)
        piece = av.AudioFrame.from_ndarray(samples.reshape(1, -1), format="fltp", layout="mono")
        piece.sample_rate, piece.pts, piece.time_base = rate, start, Fraction(1, rate)
        found.append(piece)
    return found


def sound(path: Path, *, seconds: float = 2.0, loud: float = 0.2, form: str = "wav") -> Path:
    """A tone in a file."""
    codec = {"wav": "pcm_s16le", "mp3": "libmp3lame", "flac": "flac"}[form]
    with av.open(str(path), "w", format=form) as container:
        track: Any = container.add_stream(codec, rate=48_000, layout="mono")
        for piece in tone(seconds, loud=loud):
            container.mux(track.encode(piece))
        container.mux(track.encode(None))
    return path


def cut(path: Path, share: float) -> Path:
    """The beginning of a file."""
    data = path.read_bytes()
    shorter = path.with_name(f"cut-{path.name}")
    shorter.write_bytes(data[: int(len(data) * share)])
    return shorter
