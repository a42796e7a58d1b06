"""Instruments and drums: one note or stroke each, mono, as loud as one."""

from __future__ import annotations

import numpy as np

from anymedia.echo.tones import Samples, envelope, hiss, sine, swept, times, turned


def hertz(note: float) -> float:
    """The frequency of a MIDI note."""
    return float(440.0 * 2 ** ((note - 69) / 12))


def electric_piano(note: float, seconds: float, rate: int) -> Samples:
    """A struck tine: bright for a moment, then round."""
    f = hertz(note)
    t = times(seconds + 0.35, rate)
    bite = (1.5 * np.exp(-t * 5)).astype(np.float32)
    turns = np.mod(t.astype(np.float64) * f, 1.0) * 2 * np.pi
    body = np.sin(turns + bite * np.sin(turns)).astype(np.float32)
    tine = sine(min(f * 7.0, rate * 0.4), t) * np.exp(-t * 14) * np.float32(0.13)
    tremble = 1 - 0.14 * (0.5 + 0.5 * sine(4.6, t))
    return ((body + tine) * tremble * envelope(t, 0.004, 1.5, seconds, 0.30)).astype(np.float32)


def piano(note: float, seconds: float, rate: int) -> Samples:
    """A felt piano: partials that die away the faster the higher they are."""
    f = hertz(note)
    t = times(seconds + 0.5, rate)
    sound = np.zeros_like(t)
    for k in range(1, 9):
        partial = f * k * (1 + 0.0004 * k * k) ** 0.5
        if partial < rate * 0.45:
            fade = np.exp(-t * (0.7 + 0.55 * k) * (f / 262) ** 0.4)
            sound += (
                sine(partial, t, 0.13 * k)
                * fade
                * np.float32(0.8 ** (k * 1.3) * (1.0 if k < 6 else 0.5))
            )
    return (sound * 0.62 * envelope(t, 0.003, 9.0, seconds, 0.45)).astype(np.float32)


def strings(note: float, seconds: float, rate: int, attack: float = 0.22) -> Samples:
    """A section: three players, none exactly in tune."""
    t = times(seconds + 0.4, rate)
    sound = np.zeros_like(t)
    for player, cents in enumerate((-6.0, 0.0, 7.0)):
        f = hertz(note + cents / 100)
        waver = 1 + 0.0028 * sine(4.9 + 0.4 * player, t, 0.3 * player) * np.clip(t * 1.4, 0, 1)
        turns = np.cumsum(f * waver, dtype=np.float64) / rate
        for k in range(1, 11):
            if f * k < min(rate * 0.45, 6000):
                sound += turned(turns * k) * np.float32(k**-1.35)
    return (sound * 0.22 * envelope(t, attack, 60.0, seconds, 0.38)).astype(np.float32)


def short_strings(note: float, seconds: float, rate: int) -> Samples:
    """Bows that bounce."""
    return strings(note, min(seconds, 0.16), rate, attack=0.015) * np.float32(1.1)


def pad(note: float, seconds: float, rate: int) -> Samples:
    """A soft surface that opens and closes slowly."""
    t = times(seconds + 1.2, rate)
    opening = 0.5 + 0.5 * sine(0.11, t, 0.7)
    sound = np.zeros_like(t)
    for cents in (-8.0, 8.0):
        f = hertz(note + cents / 100)
        for k in range(1, 7):
            if f * k < rate * 0.45:
                sound += sine(f * k, t, 0.17 * k) * (
                    np.float32(k**-1.9) * (1 if k < 3 else opening)
                )
    return (sound * 0.36 * envelope(t, min(0.7, seconds * 0.4), 60.0, seconds, 1.1)).astype(
        np.float32
    )


def brass(note: float, seconds: float, rate: int) -> Samples:
    """Horns: they brighten as they swell."""
    f = hertz(note)
    t = times(seconds + 0.25, rate)
    swell = np.clip(t / 0.14, 0, 1) * (0.8 + 0.2 * np.clip(t / max(seconds, 0.2), 0, 1))
    sound = np.zeros_like(t)
    for k in range(1, 10):
        if f * k < rate * 0.45:
            sound += (
                sine(f * k, t)
                * (swell ** (0.6 + 0.35 * k)).astype(np.float32)
                * np.float32(k**-1.05)
            )
    return (sound * 0.32 * envelope(t, 0.05, 30.0, seconds, 0.22)).astype(np.float32)


def pluck(note: float, seconds: float, rate: int) -> Samples:
    """A plucked string."""
    f = hertz(note)
    t = times(min(seconds, 1.2) + 0.3, rate)
    sound = np.zeros_like(t)
    for k in range(1, 12):
        if f * k < rate * 0.45:
            loud = abs(np.sin(np.pi * k * 0.19)) / k
            sound += (
                sine(f * k, t, 0.1 * k) * np.exp(-t * (2.2 + 1.15 * k)) * np.float32(loud * 1.7)
            )
    return (sound * envelope(t, 0.002, 9.0, min(seconds, 1.2), 0.25)).astype(np.float32)


def vibraphone(note: float, seconds: float, rate: int) -> Samples:
    """Metal bars that tremble."""
    f = hertz(note)
    t = times(seconds + 1.0, rate)
    sound = sine(f, t) * np.exp(-t * 1.7) + 0.32 * sine(min(f * 3.98, rate * 0.4), t) * np.exp(
        -t * 5
    )
    tremble = 1 - 0.22 * (0.5 + 0.5 * sine(5.2, t))
    return (sound * tremble * 0.8 * envelope(t, 0.002, 9.0, seconds, 0.9)).astype(np.float32)


def lead(note: float, seconds: float, rate: int) -> Samples:
    """A bright voice with a little vibrato."""
    f = hertz(note)
    t = times(seconds + 0.12, rate)
    waver = 1 + 0.005 * sine(5.4, t) * np.clip((t - 0.15) * 4, 0, 1)
    turns = np.cumsum(f * waver, dtype=np.float64) / rate
    sound = np.zeros_like(t)
    for k in range(1, 10, 2):
        if f * k < rate * 0.45:
            sound += turned(turns * k) * np.float32(k**-1.5)
    return (sound * 0.62 * envelope(t, 0.012, 2.4, seconds, 0.10)).astype(np.float32)


def bass(note: float, seconds: float, rate: int) -> Samples:
    """A round bass that small speakers can be heard on as well."""
    f = hertz(note)
    t = times(seconds + 0.08, rate)
    sound = (
        sine(f, t) + 0.42 * sine(2 * f, t) * np.exp(-t * 3) + 0.16 * sine(3 * f, t) * np.exp(-t * 6)
    )
    return (np.tanh(sound * 1.2) * 0.8 * envelope(t, 0.006, 1.8, seconds, 0.07)).astype(np.float32)


def saw_bass(note: float, seconds: float, rate: int) -> Samples:
    """A bass for dancing."""
    f = hertz(note)
    t = times(seconds + 0.05, rate)
    sound = np.zeros_like(t)
    for k in range(1, 15):
        if f * k < rate * 0.45:
            sound += sine(f * k, t) * np.exp(-t * 0.9 * k) * np.float32(1 / k)
    return (sound * 0.62 * envelope(t, 0.004, 1.2, seconds, 0.04)).astype(np.float32)


# --- drums ----------------------------------------------------------------------------------


def kick(rate: int, rng: np.random.Generator) -> Samples:
    """The big drum at the foot."""
    t = times(0.42, rate)
    tone = swept((46 + 92 * np.exp(-t * 34)).astype(np.float32), rate) * np.exp(-t * 8.5)
    click = hiss(len(t), rate, 900, 5000, rng) * np.exp(-t * 320) * np.float32(0.16)
    return np.tanh((tone + click) * 1.5).astype(np.float32)


def snare(rate: int, rng: np.random.Generator) -> Samples:
    """Wires under a skin."""
    t = times(0.30, rate)
    wires = hiss(len(t), rate, 1100, 8500, rng) * np.exp(-t * 17) * np.float32(0.34)
    skin = (sine(188, t) + 0.6 * sine(287, t)) * np.exp(-t * 26) * np.float32(0.5)
    return (wires + skin).astype(np.float32)


def rim(rate: int, rng: np.random.Generator) -> Samples:
    """A stick on the edge."""
    t = times(0.12, rate)
    wood = (sine(820, t) + 0.7 * sine(1710, t)) * np.exp(-t * 75)
    return (wood * 0.55 + hiss(len(t), rate, 1500, 6000, rng) * np.exp(-t * 130) * 0.18).astype(
        np.float32
    )


def clap(rate: int, rng: np.random.Generator) -> Samples:
    """Several hands, not quite together."""
    t = times(0.28, rate)
    bursts = sum(np.where(t >= d, np.exp(-(t - d) * 90), 0) for d in (0.0, 0.011, 0.021))
    tail = np.where(t >= 0.03, np.exp(-(t - 0.03) * 20), 0)
    return (hiss(len(t), rate, 900, 5200, rng) * (bursts * 0.26 + tail * 0.28)).astype(np.float32)


def hat(rate: int, rng: np.random.Generator) -> Samples:
    """Closed cymbals."""
    t = times(0.09, rate)
    return (hiss(len(t), rate, 6800, 15000, rng) * np.exp(-t * 62) * 0.30).astype(np.float32)


def open_hat(rate: int, rng: np.random.Generator) -> Samples:
    """Open cymbals."""
    t = times(0.34, rate)
    return (hiss(len(t), rate, 6200, 15000, rng) * np.exp(-t * 11) * 0.24).astype(np.float32)


def ride(rate: int, rng: np.random.Generator) -> Samples:
    """A cymbal that rings."""
    t = times(0.8, rate)
    ring = sum(sine(f, t) for f in (3170, 4210, 5330, 6740)) * np.float32(0.05)
    return ((ring + hiss(len(t), rate, 5000, 14000, rng) * 0.10) * np.exp(-t * 5.5)).astype(
        np.float32
    )


def taiko(rate: int, rng: np.random.Generator) -> Samples:
    """A drum as large as its player."""
    t = times(1.0, rate)
    skin = swept((58 + 44 * np.exp(-t * 22)).astype(np.float32), rate) * np.exp(-t * 4.2)
    slap = hiss(len(t), rate, 150, 1600, rng) * np.exp(-t * 38) * np.float32(0.26)
    return np.tanh((skin + slap) * 1.4).astype(np.float32)


def crash(rate: int, rng: np.random.Generator) -> Samples:
    """A cymbal for great moments."""
    t = times(2.2, rate)
    return (hiss(len(t), rate, 3200, 14000, rng) * np.exp(-t * 2.2) * 0.30).astype(np.float32)
