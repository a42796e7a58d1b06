"""Effects: rain, thunder, footsteps, bells and the like, made of shaped noise and tones."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from anymedia.echo.chance import noise
from anymedia.echo.instruments import kick, piano
from anymedia.echo.tones import (
    Samples,
    drift,
    echoed,
    envelope,
    faded,
    hiss,
    levelled,
    looped,
    sine,
    swept,
    times,
)

Maker: TypeAlias = Callable[[int, int, np.random.Generator], Samples]
"""Samples wanted, rate and chance, to a stereo sound."""


def both(make: Callable[[], Samples]) -> Samples:
    """Two channels that are alike but not the same."""
    return np.stack((make(), make()))


def scattered(
    count: int, rate: int, rng: np.random.Generator, often: float, one: Callable[[], Samples]
) -> Samples:
    """A sound again and again, at random times, somewhere between left and right."""
    whole = np.zeros((2, count), np.float32)
    for at in rng.uniform(0, count, max(1, int(often * count / rate))).astype(int):
        piece = one()[: count - at]
        side = rng.uniform(0.1, 0.9)
        whole[0, at : at + len(piece)] += piece * np.float32(1 - side)
        whole[1, at : at + len(piece)] += piece * np.float32(side)
    return whole


def repeated(count: int, rate: int, every: float, one: Callable[[int], Samples]) -> Samples:
    """A sound in even time, in the middle."""
    whole = np.zeros((2, count), np.float32)
    for number, start in enumerate(np.arange(0, count / rate, every)):
        at = int(start * rate)
        piece = one(number)[: count - at]
        whole[:, at : at + len(piece)] += piece
    return whole


def rain(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A steady fall, and single drops close by."""
    fall = both(
        lambda: hiss(count, rate, 900, 9000, rng) * (0.82 + 0.18 * drift(count, rate, 1.2, rng))
    )

    def drop() -> Samples:
        t = times(0.03, rate)
        return (sine(rng.uniform(1500, 5200), t) * np.exp(-t * 190) * rng.uniform(0.4, 2.0)).astype(
            np.float32
        )

    low = both(lambda: hiss(count, rate, 120, 700, rng)) * np.float32(0.22)
    return fall * np.float32(0.5) + low + scattered(count, rate, rng, 55, drop)


def wind(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Gusts that come and go."""

    def gusts() -> Samples:
        low = hiss(count, rate, 90, 420, rng) * drift(count, rate, 0.5, rng)
        whistle = hiss(count, rate, 480, 900, rng) * drift(count, rate, 0.8, rng) ** 2
        return (low + 0.55 * whistle).astype(np.float32)

    return both(gusts)


def waves(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Breakers on a beach, one every six seconds or so."""
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    swell = 0.5 - 0.5 * np.cos(2 * np.pi * (t / 6.2 + 0.25 * drift(count, rate, 0.15, rng)))
    rise = (swell**2.2).astype(np.float32)

    def water() -> Samples:
        return hiss(count, rate, 90, 900, rng) * (0.25 + rise) + hiss(
            count, rate, 1500, 8000, rng
        ) * rise**2 * np.float32(0.55)

    return both(water)


def thunder(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A crack and a long roll."""
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    roll = both(lambda: hiss(count, rate, 28, 190, rng) * drift(count, rate, 5, rng))
    roll *= (np.clip(t / 0.25, 0, 1) * np.exp(-t / max(1.0, count / rate * 0.36))).astype(
        np.float32
    )
    crack = both(lambda: hiss(count, rate, 300, 6000, rng)) * (
        np.exp(-t * 7) * drift(count, rate, 40, rng)
    ).astype(np.float32)
    return roll * np.float32(1.3) + crack * np.float32(0.7)


def explosion(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A blast, its pressure, and what falls down after it."""
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    blast = both(lambda: hiss(count, rate, 60, 3200, rng)) * np.exp(-t * 3.2)
    boom = swept((34 + 70 * np.exp(-t * 9)).astype(np.float32), rate) * np.exp(-t * 1.9)
    debris = both(lambda: hiss(count, rate, 700, 5200, rng) * drift(count, rate, 18, rng) ** 3)
    debris *= (np.clip((t - 0.25) * 4, 0, 1) * np.exp(-t * 1.5)).astype(np.float32)
    return np.tanh((blast + 1.5 * boom + 0.6 * debris) * 1.3).astype(np.float32)


def footsteps(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Somebody walks by on gravel."""

    def step(number: int) -> Samples:
        t = times(0.24, rate)
        crunch = hiss(len(t), rate, 700, 5200, rng) * drift(len(t), rate, 90, rng) * np.exp(-t * 17)
        heel = sine(86 + 8 * (number % 2), t) * np.exp(-t * 34)
        return ((crunch * 0.55 + heel * 0.8) * rng.uniform(0.8, 1.0)).astype(np.float32)

    return repeated(count, rate, 0.52, step)


def bell(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A church bell, struck every three seconds."""

    def stroke(_: int) -> Samples:
        t = times(5.0, rate)
        partials = (
            (0.5, 0.7, 0.5),
            (1.0, 1.0, 0.8),
            (1.19, 0.6, 1.1),
            (1.5, 0.4, 1.4),
            (2.0, 0.7, 1.8),
            (2.66, 0.3, 2.6),
            (4.1, 0.2, 4.0),
        )
        return sum(
            (sine(262 * m, t) * np.exp(-t * d) * np.float32(a) for m, a, d in partials),
            np.zeros_like(t),
        )

    return repeated(count, rate, 3.0, stroke)


def beep(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A clean signal, twice a second."""
    return repeated(
        count,
        rate,
        0.5,
        lambda _: sine(880, times(0.2, rate)) * envelope(times(0.2, rate), 0.004, 9, 0.17, 0.02),
    )


def alarm(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Two tones, in turn."""
    t = np.arange(count, dtype=np.float32) / np.float32(rate)
    pitch = np.where(np.mod(t, 0.9) < 0.45, 760.0, 960.0).astype(np.float32)
    tone = np.tanh(swept(pitch, rate) * 2.2).astype(np.float32)
    return np.stack((tone, tone))


def fire(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A hearth: a low roar and crackling wood."""
    roar = both(
        lambda: hiss(count, rate, 60, 420, rng) * (0.6 + 0.4 * drift(count, rate, 3, rng))
    ) * np.float32(0.5)

    def crack() -> Samples:
        t = times(0.02, rate)
        return (
            hiss(len(t), rate, 1800, 9000, rng) * np.exp(-t * 380) * rng.uniform(0.3, 2.2)
        ).astype(np.float32)

    return roar + scattered(count, rate, rng, 14, crack)


def birds(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Songs from several branches."""

    def song() -> Samples:
        t = times(rng.uniform(0.3, 0.8), rate)
        base, depth, beat = rng.uniform(2200, 4600), rng.uniform(200, 900), rng.uniform(6, 16)
        pitch = (base + depth * np.sin(2 * np.pi * beat * t)).astype(np.float32)
        chirps = np.clip(np.sin(2 * np.pi * beat * 0.5 * t), 0, 1) ** 0.5
        return (swept(pitch, rate) * chirps * rng.uniform(0.2, 0.7)).astype(np.float32)

    air = both(lambda: hiss(count, rate, 200, 2500, rng)) * np.float32(0.012)
    return scattered(count, rate, rng, 1.3, song) + air


def heartbeat(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Two dull strokes, seventy times a minute."""

    def pair(_: int) -> Samples:
        t = times(0.6, rate)
        first = sine(52, t) * np.exp(-t * 16)
        late = np.maximum(t - 0.28, 0)
        return (first + 0.7 * np.where(t >= 0.28, sine(60, late) * np.exp(-late * 20), 0)).astype(
            np.float32
        )

    return repeated(count, rate, 60 / 70, pair)


def laser(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Science fiction."""

    def shot(_: int) -> Samples:
        t = times(0.35, rate)
        return (
            np.tanh(swept((240 + 2600 * np.exp(-t * 13)).astype(np.float32), rate) * 2)
            * np.exp(-t * 8)
        ).astype(np.float32)

    return repeated(count, rate, 0.6, shot)


def engine(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A motor under way."""
    turning = (46 + 12 * drift(count, rate, 0.4, rng)).astype(np.float32)
    hum = sum(
        (swept(turning * k, rate) * np.float32(k**-0.8) for k in (1, 2, 3, 4, 6)),
        np.zeros(count, np.float32),
    )
    return np.stack((hum, hum)) + both(lambda: hiss(count, rate, 200, 1400, rng)) * np.float32(0.3)


def knock(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Three times on a wooden door."""

    def one(number: int) -> Samples:
        t = times(0.2, rate)
        wood = (sine(168, t) + 0.6 * sine(342, t) + 0.3 * sine(610, t)) * np.exp(-t * 40)
        return np.zeros(1, np.float32) if number % 6 > 2 else wood.astype(np.float32)

    return repeated(count, rate, 0.28, one)


def chime(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Success: four notes upwards."""
    whole = np.zeros((2, count), np.float32)
    for number, note in enumerate((72, 76, 79, 84)):
        at = int(number * 0.11 * rate)
        piece = piano(note, 1.6, rate)[: max(0, count - at)]
        whole[:, at : at + len(piece)] += piece
    return whole


def drum_roll(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """A drum that gets going."""
    return repeated(
        count,
        rate,
        0.25,
        lambda number: kick(rate, rng) * np.float32(0.5 + 0.5 * (number % 4 == 0)),
    )


def whoosh(count: int, rate: int, rng: np.random.Generator) -> Samples:
    """Something goes by fast."""
    t = np.linspace(0, 1, count, dtype=np.float32)
    loud = np.exp(-(((t - 0.45) / 0.20) ** 2)).astype(np.float32)
    low, high = hiss(count, rate, 160, 900, rng), hiss(count, rate, 1100, 6000, rng)
    air = (low * (1 - 0.5 * loud) + high * loud) * loud
    return np.stack((air * (1 - t), air * t)) * np.float32(1.4)


EFFECTS: tuple[tuple[str, Maker], ...] = (
    (r"thunder|lightning|storm", thunder),
    (r"explo\w+|blast|boom|bomb", explosion),
    (r"rain\w*|drizzle|shower|downpour", rain),
    (r"wave|ocean|sea\b|beach|surf|shore", waves),
    (r"wind\w*|breeze|gust|blizzard|snow", wind),
    (r"foot\s?steps?|walk\w*|steps\b|running", footsteps),
    (r"bell|church|gong", bell),
    (r"alarm|siren|emergency", alarm),
    (r"beep|signal|notification|click|ui\b", beep),
    (r"fire\w*|campfire|hearth|crackl\w+", fire),
    (r"bird\w*|forest|morning|chirp\w*|garden", birds),
    (r"heart\s?beat|heart|pulse", heartbeat),
    (r"laser|zap|sci-?fi|blaster", laser),
    (r"engine|motor|car\b|truck|driv\w+", engine),
    (r"knock\w*|door", knock),
    (r"success|chime|win\b|level up|magic", chime),
    (r"drum\w*", drum_roll),
)
TEXTURES = (rain, waves, wind, fire, birds)
"""What can lie under music, or go with a picture."""


def matching(prompt: str) -> list[Maker]:
    """The effects that a prompt names."""
    lower = prompt.lower()[:20_000]
    return [maker for words, maker in EFFECTS if re.search(rf"\b(?:{words})", lower)]


def effect(prompt: str, seed: int, seconds: float, rate: int, *, loop: bool = False) -> Samples:
    """The effects that a prompt names, together; a whoosh if it names none."""
    makers = matching(prompt)[:3] or [whoosh]
    count = round(seconds * rate)
    over = min(count // 2, rate) if loop else 0
    whole = np.zeros((2, count + over), np.float32)
    for number, maker in enumerate(makers):
        sound = maker(count + over, rate, noise("effect", seed, prompt, number))
        whole += sound / np.float32(max(float(np.sqrt(np.mean(sound**2))), 1e-9)) * np.float32(0.2)
    wet = echoed(whole, 0.9, rate, noise("effect room"))[:, : count + over]
    whole += wet * np.float32(0.16)
    if loop:
        return levelled(looped(whole, count))
    return levelled(faded(whole, rate, 0.004, min(0.4, seconds * 0.2)))


def ambience(
    prompt: str, seed: int, count: int, rate: int, *, loop: bool = False
) -> Samples | None:
    """The textures that a prompt names, for behind something else."""
    makers = [maker for maker in matching(prompt) if maker in TEXTURES][:2]
    if not makers:
        return None
    over = min(count // 2, rate) if loop else 0
    whole = np.zeros((2, count + over), np.float32)
    for number, maker in enumerate(makers):
        sound = maker(count + over, rate, noise("ambience", seed, prompt, number))
        whole += sound / np.float32(max(float(np.sqrt(np.mean(sound**2))), 1e-9)) * np.float32(0.16)
    return looped(whole, count) if loop else whole
