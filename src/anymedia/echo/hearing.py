"""Transcription: echo cannot hear, but it knows its own voice.

Speech made by echo carries its words in the file; anything else is refused, plainly.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Literal

import msgspec

from anymedia.echo import waves
from anymedia.echo.inputs import media
from anymedia.echo.refusal import Refusal
from anymedia.echo.script import Script

MODEL = "ears-1"


class TranscriptionBody(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked."""

    audio: str
    language: str | None = None
    timestamps: Literal["none", "segment", "word"] = "none"


class Stretch(msgspec.Struct, frozen=True, kw_only=True):
    """Words and when they are said."""

    text: str
    start_seconds: float
    end_seconds: float


class Usage(msgspec.Struct, frozen=True, kw_only=True):
    """What was listened to."""

    seconds: str


class Transcript(msgspec.Struct, frozen=True, kw_only=True):
    """The whole answer."""

    id: str
    text: str
    duration_seconds: float
    usage: Usage
    language: str = "en"
    segments: tuple[Stretch, ...] = ()
    words: tuple[Stretch, ...] = ()
    model: str = MODEL
    cost: str | None = None


class Heard(msgspec.Struct, frozen=True, kw_only=True):
    """What echo's own speech says."""

    text: str
    seconds: float


def transcript(data: bytes) -> Heard:
    """The words that a sound carries; a `Refusal` when it carries none."""
    file = waves.read(data)
    if file is None or file.software != waves.SOFTWARE or not file.comment:
        raise Refusal(
            422,
            "no_transcript",
            "echo cannot hear: it only knows WAV files of its own speech, which carry their words. "
            "Send one of those, or use another provider for real transcription.",
        )
    return Heard(text=file.comment, seconds=file.seconds)


def answer(body: TranscriptionBody, script: Script, id_: str) -> Transcript:
    """What was said, and about when."""
    heard = transcript(media(body.audio, "audio").data)
    sentences = re.split(r"(?<=[.!?…])\s+", heard.text)
    return Transcript(
        id=id_,
        text=heard.text,
        duration_seconds=round(heard.seconds, 3),
        usage=Usage(seconds=f"{heard.seconds:.3f}"),
        segments=timed(sentences, heard.seconds) if body.timestamps != "none" else (),
        words=timed(heard.text.split(), heard.seconds) if body.timestamps == "word" else (),
        cost=script.reported,
    )


def timed(pieces: list[str], seconds: float) -> tuple[Stretch, ...]:
    """When each piece is said, going by its length."""
    lengths = [len(piece) + 1 for piece in pieces]
    whole = sum(lengths)
    ends = [0.0]
    for length in lengths:
        ends.append(ends[-1] + seconds * length / whole)
    return tuple(
        Stretch(text=piece, start_seconds=round(start, 3), end_seconds=round(end, 3))
        for piece, (start, end) in zip(pieces, pairwise(ends), strict=True)
    )
