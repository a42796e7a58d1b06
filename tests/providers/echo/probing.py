"""Opens what echo made with the libraries that everyone opens such files with."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import av
import numpy as np
import numpy.typing as npt
from PIL import Image

Samples = npt.NDArray[np.float64]
Pixels = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Clip:
    """A clip, decoded."""

    video_codec: str
    audio_codec: str | None
    size: tuple[int, int]
    fps: float
    frames: list[Pixels]
    sound: Samples
    rate: int

    @property
    def seconds(self) -> float:
        """How long the pictures last."""
        return len(self.frames) / self.fps


def opened(data: bytes) -> Any:
    """A picture."""
    return Image.open(BytesIO(data))


def pixels(data: bytes) -> Pixels:
    """A picture as numbers: rows, columns, colours."""
    return np.asarray(opened(data).convert("RGB"), float)


def clip(data: bytes) -> Clip:
    """Every picture and sample of a clip."""
    samples, sound_rate = sound(data)
    with av.open(BytesIO(data), "r") as container:
        video = container.streams.video[0]
        rate = video.average_rate
        assert rate is not None
        frames = [
            np.asarray(frame.to_ndarray(format="rgb24"), float) for frame in container.decode(video)
        ]
        return Clip(
            video_codec=video.codec_context.name,
            audio_codec=next((s.codec_context.name for s in container.streams.audio), None),
            size=(video.codec_context.width, video.codec_context.height),
            fps=float(rate),
            frames=frames,
            sound=samples,
            rate=sound_rate,
        )


def sound(data: bytes) -> tuple[Samples, int]:
    """The samples of a file, mixed to one channel, and how many are a second."""
    with av.open(BytesIO(data), "r") as container:
        if not container.streams.audio:
            return np.zeros(0), 1
        rate = container.streams.audio[0].rate
        resampler = av.AudioResampler(format="flt", layout="mono", rate=rate)
        heard = [
            piece.to_ndarray().ravel()
            for frame in container.decode(audio=0)
            for piece in resampler.resample(frame)
        ]
    return np.concatenate(heard).astype(float), rate


def loudness(samples: Samples, rate: int, window_seconds: float = 0.05) -> Samples:
    """The root mean square of every window."""
    size = max(1, int(rate * window_seconds))
    whole = samples[: len(samples) // size * size].reshape(-1, size)
    found: Samples = np.sqrt((whole**2).mean(axis=1))
    return found


def pitches(samples: Samples, rate: int) -> set[int]:
    """The strongest note of every tenth of a second, as MIDI counts them."""
    size = rate // 10
    found = set()
    for start in range(0, len(samples) - size, size):
        piece = samples[start : start + size] * np.hanning(size)
        spectrum = np.abs(np.fft.rfft(piece, 4 * size))
        frequencies = np.fft.rfftfreq(4 * size, 1 / rate)
        heard = (frequencies > 60) & (frequencies < 2000)
        if spectrum[heard].max() > 1:
            strongest = float(frequencies[heard][spectrum[heard].argmax()])
            found.add(round(69 + 12 * float(np.log2(strongest / 440))))
    return found


def difference(one: Pixels, other: Pixels) -> float:
    """How far apart two pictures are on average, of 255."""
    return float(np.abs(one - other).mean())
