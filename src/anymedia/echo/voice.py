"""Speech: hibari's voice, at other speeds and pitches, with the words kept in the file."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import msgspec

from anymedia.echo.chance import seed_for
from anymedia.echo.refusal import Refusal, invalid, need
from anymedia.echo.script import Script, refuse_forbidden
from anymedia.echo.soundfile import TYPES, encoded, known

if TYPE_CHECKING:
    from anymedia.echo.tones import Samples

MODEL = "voice-1"
RATE = 24_000
MOST_CHARACTERS = 10_000
LONGEST_PIECE = 260
"""Characters said in one breath: the synthesiser's memory grows with the square of it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """One speaker made into several."""

    pitch: float = 1.0
    pace: float = 1.0


VOICES: dict[str, Voice] = {
    "heart": Voice(),
    "narrator": Voice(pitch=0.93, pace=0.92),
    "bright": Voice(pitch=1.12, pace=1.06),
    "deep": Voice(pitch=0.80, pace=0.95),
    "calm": Voice(pitch=0.97, pace=0.82),
    "brisk": Voice(pitch=1.02, pace=1.2),
}


class SpeechBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    text: str
    voice: str = "heart"
    speed: float | None = None
    language: str | None = None
    format: str = "wav"
    count: int = 1
    seed: int | None = None


class Spoken(msgspec.Struct, frozen=True, kw_only=True):
    """One sound in an answer."""

    b64: str
    media_type: str
    seconds: float
    seed: int


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was said."""

    characters: int
    seconds: str


class Speech(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    id: str
    audio: tuple[Spoken, ...]
    usage: Usage
    model: str = MODEL
    cost: str | None = None


def answer(body: SpeechBody, script: Script, id_: str) -> Speech:
    """The text, read aloud."""
    refuse_forbidden(body.text)
    need("speech", "numpy", "hibari")
    kind = known(body.format)
    if len(body.text) > MOST_CHARACTERS:
        raise invalid(f"`text` has {len(body.text):,} characters; at most {MOST_CHARACTERS:,}")
    if body.voice not in VOICES:
        raise invalid(f"`voice` is {body.voice!r} and should be one of {', '.join(VOICES)}")
    if body.language and body.language.partition("-")[0].lower() != "en":
        raise invalid(f"`language` is {body.language!r}; echo speaks English only")
    speed = 1.0 if body.speed is None else body.speed
    if not 0.25 <= speed <= 4:
        raise invalid(f"`speed` is {speed:g} and should be from 0.25 to 4")
    if not 1 <= body.count <= 4:
        raise invalid(f"`count` is {body.count} and should be from 1 to 4")
    first = seed_for(body.seed, body.text)
    made = []
    for seed in range(first, first + body.count):
        sound = said(body.text, VOICES[body.voice], speed, seed)
        file = encoded(sound, RATE, kind, comment=body.text.strip())
        made.append(
            Spoken(
                b64=base64.b64encode(file).decode(),
                media_type=TYPES[kind][0],
                seconds=round(sound.shape[1] / RATE, 3),
                seed=seed,
            )
        )
    return Speech(
        id=id_,
        audio=tuple(made),
        usage=Usage(
            characters=len(body.text) * body.count,
            seconds=f"{sum(one.seconds for one in made):.3f}",
        ),
        cost=script.reported,
    )


@cache
def speaker() -> Any:
    """The synthesiser, loaded once."""
    from hibari import Hibari

    return Hibari()


def said(text: str, voice: Voice, speed: float, seed: int) -> Samples:
    """Words as sound, mono, 24 kHz: one row of samples."""
    import numpy as np

    from anymedia.echo.tones import levelled

    # What is played back at another pitch is longer or shorter by as much: say it at that pace.
    pace = speed * voice.pace / voice.pitch
    spoken = min(max(pace, 0.5), 2.0)
    # Of punctuation alone the synthesiser makes a noise that nobody asked for.
    sayable = breaths(text) if re.search(r"\w", text) else []
    pieces = [speaker()(piece, speed=spoken, seed=seed) for piece in sayable]
    pause = np.zeros(int(0.09 * RATE), np.float32)
    parts = [part for piece in pieces if len(piece) for part in (piece, pause)]
    if not parts:
        raise Refusal(
            422,
            "nothing_to_say",
            "there are no words in `text` that echo can say; it speaks English",
        )
    sound = np.concatenate(parts)
    sound = resampled(stretched(sound, spoken / pace), voice.pitch)
    return levelled(sound.astype(np.float32), 0.85)[None, :]


def breaths(text: str) -> list[str]:
    """The text in pieces of bearable length, cut after sentences, clauses or words."""
    pieces: list[str] = []
    rest = " ".join(text.split())
    while len(rest) > LONGEST_PIECE:
        window = rest[:LONGEST_PIECE]
        cuts = [
            [found.end() for found in re.finditer(mark, window)]
            for mark in (r"[.!?…]+\s", r"[,;:—]\s", r"\s")
        ]
        cut = next((found[-1] for found in cuts if found and found[-1] > 40), LONGEST_PIECE)
        pieces.append(rest[:cut].strip())
        rest = rest[cut:].strip()
    return [piece for piece in (*pieces, rest) if piece]


def resampled(sound: Samples, pitch: float) -> Samples:
    """The sound played faster and higher, or slower and lower."""
    import numpy as np

    if pitch == 1.0:
        return sound
    at = np.arange(0, len(sound) - 1, pitch)
    return np.interp(at, np.arange(len(sound)), sound).astype(np.float32)


def stretched(sound: Samples, longer: float) -> Samples:
    """The sound made longer or shorter at the same pitch, by overlapping short windows.

    Only for paces that the synthesiser does not have. Each window is taken from where it goes on
    most smoothly from the one before (WSOLA).
    """
    import numpy as np

    if abs(longer - 1) < 0.01:
        return sound
    window, reach = 960, 240
    hop = window // 2
    shape = np.hanning(window + 1)[:-1].astype(np.float32)
    padded = np.concatenate((sound, np.zeros(window + 2 * reach, np.float32)))
    out = np.zeros(int(len(sound) * longer) + 2 * window, np.float32)
    start = 0
    for at in range(0, int(len(sound) * longer), hop):
        wanted = int(at / longer)
        if at:
            following = padded[start + hop : start + hop + hop]
            low = max(0, wanted - reach)
            area = padded[low : low + 2 * reach + hop]
            likeness = (
                np.correlate(area, following, "valid") if len(following) == hop else np.zeros(1)
            )
            wanted = low + int(np.argmax(likeness))
        start = min(wanted, len(padded) - window)
        out[at : at + window] += padded[start : start + window] * shape
    return out[: int(len(sound) * longer)]
