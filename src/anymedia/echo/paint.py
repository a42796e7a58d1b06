"""Ways to put colour on pixels that more than one part of a picture needs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from anymedia.echo.chance import noise
from anymedia.echo.scene import Colour

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats: TypeAlias = NDArray[np.float32]
    Doubles: TypeAlias = NDArray[np.float64]
else:
    Floats: TypeAlias = Any
    Doubles: TypeAlias = Any


def smooth(value: Floats | Doubles) -> Floats:
    """From 0 to 1 without corners."""
    held: Any = np.clip(value, 0, 1)
    result: Floats = (held * held * (3 - 2 * held)).astype(np.float32)
    return result


def gradient(stops: Sequence[Colour], length: int) -> Floats:
    """Colours along a line, in even steps from stop to stop: `length` x 3."""
    at = np.linspace(0, len(stops) - 1, length)
    channels = [np.interp(at, range(len(stops)), [s[c] for s in stops]) for c in range(3)]
    return np.stack(channels, axis=1).astype(np.float32)


def wave(width: int, points: int, *keys: object) -> Floats:
    """A soft random line from -1 to 1 whose end joins its beginning."""
    knots = noise(*keys).uniform(-1, 1, points)
    at = np.arange(width, dtype=np.float32) * (points / width)
    left = at.astype(int) % points
    share = smooth((at % 1).astype(np.float32))
    result: Floats = (knots[left] * (1 - share) + knots[(left + 1) % points] * share).astype(
        np.float32
    )
    return result


def ragged(width: int, points: int, octaves: int, rough: float, *keys: object) -> Floats:
    """A line of waves upon waves, still joining itself."""
    whole = np.zeros(width, np.float32)
    height, total = 1.0, 0.0
    for octave in range(octaves):
        whole += height * wave(width, points * 2**octave, octave, *keys)
        total += height
        height *= rough
    return whole / np.float32(total)


def clouds(width: int, height: int, *keys: object, stretch: float = 3.0) -> Floats:
    """Soft random blotches from 0 to 1, joining themselves from side to side."""
    spectrum = np.fft.rfft2(noise(*keys).standard_normal((height, width)))
    down = np.fft.fftfreq(height)[:, None] * height
    along = np.fft.rfftfreq(width)[None, :] * height * stretch / 2
    distance = np.sqrt(down**2 + along**2)
    spectrum /= np.maximum(distance, 1.5) ** 2.1
    found = np.fft.irfft2(spectrum, s=(height, width))
    low, high = np.percentile(found, (2, 98))
    return np.clip((found - low) / (high - low), 0, 1).astype(np.float32)


def enlarged(values: Floats, width: int, height: int) -> Floats:
    """Values from 0 to 1 on a coarse grid, on a fine one."""
    image = Image.fromarray((values * 255).astype(np.uint8))
    large = image.resize((width, height), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / np.float32(255)


def as_mask(values: Floats) -> Image.Image:
    """Values from 0 to 1 as an opacity."""
    return Image.fromarray((np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8))


def as_image(values: Floats, *keys: object) -> Image.Image:
    """Colours as a picture; grains of less than one step hide the steps of long gradients."""
    grain = noise("grain", *keys).random(values.shape[:2], np.float32)[..., None] - np.float32(0.5)
    return Image.fromarray(np.clip(values + grain + 0.5, 0, 255).astype(np.uint8))


def halo(size: int) -> Image.Image:
    """A soft round spot as an opacity."""
    at = np.linspace(-1, 1, size, dtype=np.float32)
    distance = np.sqrt(at[:, None] ** 2 + at[None, :] ** 2)
    return as_mask(smooth(1 - distance) ** 2)
