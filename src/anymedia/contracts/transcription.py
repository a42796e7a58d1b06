"""Transcription: speech in, words out; in its own language, or in English."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Media, Medium
from anymedia.contracts.request import Request
from anymedia.contracts.result import Answer, Result


class Segment(Contract):
    """A stretch of speech."""

    text: str
    start_seconds: float
    end_seconds: float
    speaker: str | None = None


class TranscriptAnswer(Answer):
    """Words heard by one provider."""

    text: str
    language: str | None = None
    duration_seconds: float | None = None
    segments: tuple[Segment, ...] = ()
    words: tuple[Segment, ...] = ()


class TranscriptionResult(Result):
    """Words heard."""

    text: str
    language: str | None = None
    duration_seconds: float | None = None
    segments: tuple[Segment, ...] = ()
    words: tuple[Segment, ...] = ()


class TranscriptionRequest(Request[TranscriptionResult]):
    """Words wanted from speech."""

    medium: ClassVar[Medium] = "transcription"
    result_type = TranscriptionResult

    audio: Media
    language: str | None = None
    prompt: str | None = None
    """Names and words to expect."""
    timestamps: Literal["none", "segment", "word"] = "none"
    speakers: bool = False
    """Tell speakers apart."""
    translate: bool = False
    """Written down in English, whatever is spoken."""
    temperature: float | None = Field(default=None, ge=0, le=1)

    @property
    def task(self) -> str:
        """Whether the words are to be in English."""
        return "translation" if self.translate else "transcription"
