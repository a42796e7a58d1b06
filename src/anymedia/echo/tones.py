"""Tones and noises: single sounds as arrays of samples, and ways to shape them."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Samples: TypeAlias = NDArray[np.float32]
else:
    Samples: TypeAlias = Any

TAU = 2 * math.pi


def times(seconds: float, rate: int) -> Samples:
    """The time of every sample."""
    return np.arange(max(1, round(seconds * rate)), dtype=np.float32) / np.float32(rate)


def sine(frequency: float, t: Samples, phase: float = 0.0) -> Samples:
    """A pure tone."""
    # Whole turns are taken off in double precision: long tones would drift out of tune else.
    return turned(t.astype(np.float64) * frequency + phase)


def turned(turns: NDArray[np.float64]) -> Samples:
    """The sine of whole and broken turns."""
    turns = turns - np.floor(turns)
    result: Samples = np.sin(turns.astype(np.float32) * np.float32(TAU))
    return result


def swept(frequency: Samples, rate: int) -> Samples:
    """A tone whose frequency changes."""
    return turned(np.cumsum(frequency, dtype=np.float64) / rate)


def envelope(t: Samples, attack: float, decay: float, length: float, release: float) -> Samples:
    """Loudness: up in `attack`, down with time constant `decay`, let go at `length`."""
    up = np.clip(t / max(attack, 1e-4), 0, 1)
    down = np.exp(-np.maximum(t - attack, 0) / decay)
    go = np.clip((length + release - t) / max(release, 1e-4), 0, 1)
    return (up * down * go).astype(np.float32)


def hiss(count: int, rate: int, low: float, high: float, rng: np.random.Generator) -> Samples:
    """Noise between two frequencies, its loudness about one."""
    length = fast_length(count)
    spectrum = np.fft.rfft(rng.standard_normal(length, dtype=np.float32))
    frequency = np.fft.rfftfreq(length, 1 / rate).astype(np.float32)
    band = 1 / (1 + (low / np.maximum(frequency, 1e-3)) ** 4) / (1 + (frequency / high) ** 4)
    sound = np.fft.irfft(spectrum * band, length).astype(np.float32)[:count]
    return sound / np.float32(max(float(np.sqrt(np.mean(sound**2))), 1e-9))


def drift(count: int, rate: int, hertz: float, rng: np.random.Generator) -> Samples:
    """A slow random line from 0 to 1 that changes about so often a second."""
    knots = max(4, math.ceil(count / rate * hertz) + 3)
    values = rng.uniform(0, 1, knots)
    at = np.arange(count, dtype=np.float32) * np.float32(hertz / rate)
    left = np.minimum(at.astype(int), knots - 2)
    share = at - left
    share = share * share * (3 - 2 * share)
    result: Samples = (values[left] * (1 - share) + values[left + 1] * share).astype(np.float32)
    return result


def fast_length(count: int) -> int:
    """A length that transforms quickly, not shorter."""
    length = 1 << max(4, (count - 1).bit_length())
    for candidate in (length * 5 // 8, length * 3 // 4, length * 15 // 16):
        if candidate >= count:
            return candidate
    return length


def echoed(dry: Samples, seconds: float, rate: int, rng: np.random.Generator) -> Samples:
    """The reverberation of a stereo sound in a room, as long again as the room rings."""
    count = int(seconds * rate)
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    tail = np.exp(-t * np.float32(6.9 / seconds)) * np.clip(t / 0.012, 0, 1)
    room = np.stack([hiss(count, rate, 180, 5200, rng) for _ in range(2)]) * tail
    room /= np.sqrt(np.sum(room**2, axis=1, keepdims=True))
    return convolved(dry, room.astype(np.float32))


def convolved(dry: Samples, room: Samples) -> Samples:
    """Fast convolution in blocks, so that long sounds need little memory."""
    block = max(1 << 17, 1 << room.shape[1].bit_length())
    length = fast_length(block + room.shape[1])
    spectrum = np.fft.rfft(room, length, axis=1)
    wet = np.zeros((2, dry.shape[1] + room.shape[1]), np.float32)
    for start in range(0, dry.shape[1], block):
        piece = np.fft.rfft(dry[:, start : start + block], length, axis=1)
        sound = np.fft.irfft(piece * spectrum, length, axis=1)
        end = min(start + length, wet.shape[1])
        wet[:, start:end] += sound[:, : end - start]
    return wet


def faded(sound: Samples, rate: int, into: float, out: float) -> Samples:
    """A sound that begins and ends softly."""
    count = sound.shape[-1]
    rise = min(int(into * rate), count // 2)
    fall = min(int(out * rate), count // 2)
    shaped = sound.copy()
    if rise:
        shaped[..., :rise] *= np.sin(np.linspace(0, math.pi / 2, rise, dtype=np.float32)) ** 2
    if fall:
        shaped[..., -fall:] *= np.cos(np.linspace(0, math.pi / 2, fall, dtype=np.float32)) ** 2
    return shaped


def levelled(sound: Samples, peak: float = 0.89) -> Samples:
    """A sound whose loudest moment is at `peak`, its loud ones pressed together a little."""
    most = float(np.max(np.abs(sound))) if sound.size else 0.0
    if most < 1e-6:
        return sound
    pressed = np.tanh(sound * np.float32(1.6 / most))
    return (pressed * np.float32(peak / float(np.max(np.abs(pressed))))).astype(np.float32)


def looped(sound: Samples, count: int) -> Samples:
    """The first `count` samples, with what comes after them blended into the beginning."""
    over = sound.shape[-1] - count
    whole = sound[..., :count].copy()
    share = np.linspace(0, math.pi / 2, over, dtype=np.float32)
    whole[..., :over] = whole[..., :over] * np.sin(share) + sound[..., count:] * np.cos(share)
    return whole
