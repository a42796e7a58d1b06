"""Speech: words read aloud."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from anymedia.contracts.audio import AudioFormat
from anymedia.contracts.media import Medium
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaResult


class SpeechResult(MediaResult):
    """Spoken words."""


class SpeechRequest(MediaRequest[SpeechResult]):
    """Words to be read aloud."""

    medium: ClassVar[Medium] = "speech"
    result_type = SpeechResult

    text: str = Field(min_length=1)
    voice: str | None = None
    """A provider's voice, or one that means something everywhere, such as `narrator`."""
    language: str | None = Field(default=None, pattern=r"^[a-zA-Z]{2,3}(-[a-zA-Z0-9]{2,8})*$")
    instructions: str | None = None
    """How to say it."""
    speed: float | None = Field(default=None, gt=0, le=4)
    format: AudioFormat | None = None
