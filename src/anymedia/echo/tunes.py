"""Music and effects, ordered and made into files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import msgspec

from anymedia.echo.chance import seed_for
from anymedia.echo.orders import AudioOrder
from anymedia.echo.refusal import Refusal, invalid, need
from anymedia.echo.script import refuse_forbidden
from anymedia.echo.soundfile import encoded, known

if TYPE_CHECKING:
    from anymedia.echo.tones import Samples

MODEL = "tune-1"
MOST = 4
LONGEST_SECONDS = 180.0
SHORTEST_SECONDS = 0.5
USUAL_SECONDS = {"music": 10.0, "effect": 4.0}
USUAL_RATE = 44_100


class AudioBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    prompt: str
    kind: Literal["music", "effect"] = "music"
    lyrics: str | None = None
    instrumental: bool | None = None
    duration_seconds: float | None = None
    loop: bool | None = None
    format: str = "wav"
    sample_rate: int = USUAL_RATE
    count: int = 1
    seed: int | None = None


def ordered(body: AudioBody) -> AudioOrder:
    """The order that a body stands for."""
    refuse_forbidden(body.prompt, body.lyrics)
    need("sound", "numpy")
    lyrics = None if body.instrumental or body.kind == "effect" else (body.lyrics or "").strip()
    if lyrics:
        need("lyrics", "hibari")
    if not 1 <= body.count <= MOST:
        raise invalid(f"`count` is {body.count} and should be from 1 to {MOST}")
    seconds = body.duration_seconds
    seconds = USUAL_SECONDS[body.kind] if seconds is None else seconds
    if not SHORTEST_SECONDS <= seconds <= LONGEST_SECONDS:
        raise invalid(
            f"`duration_seconds` is {seconds:g} and should be from {SHORTEST_SECONDS:g} to "
            f"{LONGEST_SECONDS:g}"
        )
    if not 8000 <= body.sample_rate <= 96_000:
        raise invalid(f"`sample_rate` is {body.sample_rate} and should be from 8000 to 96000")
    return AudioOrder(
        prompt=body.prompt,
        seed=seed_for(body.seed, body.prompt),
        count=body.count,
        seconds=seconds,
        rate=body.sample_rate,
        effect=body.kind == "effect",
        loop=bool(body.loop),
        lyrics=lyrics or None,
        format=known(body.format),
    )


def rendered(order: AudioOrder, number: int) -> bytes:
    """The sound's file."""
    from anymedia.echo.effects import effect
    from anymedia.echo.music import music

    make = effect if order.effect else music
    sound = make(order.prompt, order.seed + number, order.seconds, order.rate, loop=order.loop)
    if order.lyrics:
        sound = recited(sound, order)
    return encoded(sound, order.rate, order.format)


def recited(sound: Samples, order: AudioOrder) -> Samples:
    """The lyrics spoken over the music, which steps back for them."""
    import numpy as np

    from anymedia.echo.tones import levelled
    from anymedia.echo.voice import RATE, VOICES, resampled, said

    assert order.lyrics is not None
    begin = min(2.0, order.seconds * 0.15)
    at = round(begin * order.rate)
    voice = np.zeros(sound.shape[1], np.float32)
    for line in filter(None, (one.strip() for one in order.lyrics.splitlines())):
        try:
            spoken = resampled(said(line, VOICES["calm"], 1.0, order.seed)[0], RATE / order.rate)
        except Refusal:  # a line without words that can be said
            continue
        piece = spoken[: max(0, sound.shape[1] - at)]
        voice[at : at + len(piece)] += piece
        at += len(spoken) + round(0.35 * order.rate)
        if at >= sound.shape[1]:
            break
    # How much is spoken around each moment: a running mean over a quarter of a second.
    around = order.rate // 4
    heard = np.cumsum(
        np.pad((np.abs(voice) > 0.01).astype(np.float32), (around, 0)), dtype=np.float64
    )
    speaking = (heard[around:] - heard[:-around]) / around
    quieter = 1 - 0.55 * np.clip(speaking * 2, 0, 1)
    return levelled((sound * quieter + voice * 0.8).astype(np.float32))
