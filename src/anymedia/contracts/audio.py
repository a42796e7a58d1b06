"""Audio that is not speech: music and effects."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.media import Media, Medium
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaResult

AudioTask: TypeAlias = Literal["music", "effect"]
AudioFormat: TypeAlias = Literal["wav", "mp3", "flac", "opus", "aac", "pcm"]


class AudioResult(MediaResult):
    """Generated sound."""


class AudioRequest(MediaRequest[AudioResult]):
    """Music or an effect wanted."""

    medium: ClassVar[Medium] = "audio"
    result_type = AudioResult

    prompt: str = Field(min_length=1)
    kind: AudioTask = "music"
    lyrics: str | None = None
    instrumental: bool | None = None
    duration_seconds: float | None = Field(default=None, gt=0, le=3600)
    loop: bool | None = None
    """Whether the end should join the beginning."""
    format: AudioFormat | None = None
    references: tuple[Media, ...] = ()

    @property
    def task(self) -> AudioTask:
        """Which kind of audio work this is."""
        return self.kind
