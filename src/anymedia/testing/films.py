"""Media of the size that was asked for, for doubles to answer with: cheap to make, and kept.

A clip is one encoded picture and one that repeats it, as often as its length and pace want. What
it shows does not matter here; width, height, seconds, frames a second and sound do. Where there is
no encoder (PyAV comes with the extra `media`) every clip is the small one of `samples`.
"""

from __future__ import annotations

import io
import re
from fractions import Fraction
from functools import lru_cache
from importlib.util import find_spec
from typing import Any

from anymedia.testing.samples import mp4

FPS = 24
TIERS = {"hd": 720, "fhd": 1080, "1k": 1024, "2k": 1440, "4k": 2160}
"""The shorter side of clips, where the word does not say it."""
SAMPLE_RATE = 44_100
SAMPLES_PER_PACKET = 1024
ACROSS = 16
"""Sides of pictures are multiples of this."""


def sides(resolution: str, ratio: str = "16:9") -> tuple[int, int]:
    """Width and height of a clip: `720p` is its shorter side; a pair of pixels is itself."""
    if pair := re.fullmatch(r"(\d{3,})[x:*](\d{3,})", resolution):
        return int(pair[1]), int(pair[2])
    written = re.fullmatch(r"(\d+)[pP]?", resolution)
    short = int(written[1]) if written else TIERS.get(resolution.lower(), 720)
    across, down = parts(ratio)
    if across >= down:
        return even(short * across / down), short
    return short, even(short * down / across)


def area(side: float, ratio: str = "1:1") -> tuple[int, int]:
    """Width and height of a picture with as many pixels as a square of that side."""
    across, down = parts(ratio)
    scale = side / (across * down) ** 0.5
    return (
        max(1, round(across * scale / ACROSS)) * ACROSS,
        max(1, round(down * scale / ACROSS)) * ACROSS,
    )


def parts(ratio: str) -> tuple[int, int]:
    """A ratio's two numbers, `16:9` or `16x9`; a square where it is none."""
    found = re.fullmatch(r"(\d{1,2})[:x](\d{1,2})", ratio)
    return (int(found[1]), int(found[2])) if found and int(found[2]) else (1, 1)


def even(side: float) -> int:
    """The nearest even number of pixels: encoders take no others."""
    return round(side / 2) * 2


@lru_cache(maxsize=64)
def film(
    width: int = 1280,
    height: int = 720,
    seconds: float = 5,
    *,
    fps: int = FPS,
    sound: bool = False,
) -> bytes:
    """A clip of that size and length."""
    if find_spec("av") is None:
        return mp4()
    import av

    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        video = container.add_stream("libx264", rate=fps)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        video.options = {"preset": "ultrafast", "crf": "51", "bf": "0", "g": "100000"}
        audio: Any = container.add_stream("aac", rate=SAMPLE_RATE) if sound else None
        first, again = pictures(video, width, height)
        for number in range(max(2, round(seconds * fps))):
            packet = av.Packet(first if number == 0 else again)
            packet.stream, packet.time_base = video, Fraction(1, fps)
            packet.pts = packet.dts = number
            packet.duration = 1
            packet.is_keyframe = number == 0
            container.mux(packet)
        if audio is not None:
            heard(container, audio, seconds)
    return buffer.getvalue()


def pictures(video: Any, width: int, height: int) -> tuple[bytes, bytes]:
    """A picture with a light corner, and what says that it stays as it is."""
    import av

    frame = av.VideoFrame(width, height, "yuv420p")
    for number, plane in enumerate(frame.planes):
        shade = 96 if number == 0 else 128
        half = plane.buffer_size // 2
        plane.update(bytes([shade]) * half + bytes([shade + 64]) * (plane.buffer_size - half))
    encoded = []
    for number in range(2):
        frame.pts = number
        encoded += [bytes(packet) for packet in video.encode(frame)]
    encoded += [bytes(packet) for packet in video.encode(None)]
    return encoded[0], encoded[1]


def heard(container: Any, audio: Any, seconds: float) -> None:
    """A low hum, encoded as it is."""
    import av

    wave = bytearray()
    for place in range(SAMPLES_PER_PACKET):
        wave += int(8000 * ((place % 128) / 64 - 1)).to_bytes(2, "little", signed=True)
    for number in range(max(1, round(seconds * SAMPLE_RATE / SAMPLES_PER_PACKET))):
        frame = av.AudioFrame("s16", "mono", SAMPLES_PER_PACKET)
        frame.sample_rate, frame.pts = SAMPLE_RATE, number * SAMPLES_PER_PACKET
        frame.planes[0].update(bytes(wave))
        container.mux(audio.encode(frame))
    container.mux(audio.encode(None))
