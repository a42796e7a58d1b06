"""Video: from words, from frames, from references, or from another video."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from anymedia.contracts.media import Media, Medium
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaResult

VideoTask: TypeAlias = Literal[
    "text_to_video",
    "image_to_video",
    "first_last_frame",
    "reference_to_video",
    "video_to_video",
    "extend",
]


class VideoResult(MediaResult):
    """Generated clips."""


class VideoRequest(MediaRequest[VideoResult]):
    """Clips wanted."""

    medium: ClassVar[Medium] = "video"
    result_type = VideoResult

    prompt: str = ""
    negative_prompt: str | None = None
    first_frame: Media | None = None
    last_frame: Media | None = None
    references: tuple[Media, ...] = ()
    """People, things or styles to keep to; not frames."""
    video: Media | None = None
    """A clip to change or to go on from."""
    mode: Literal["edit", "extend"] | None = None
    """What happens to `video`; `edit` unless said."""
    aspect_ratio: str | None = Field(default=None, pattern=r"^\d{1,4}:\d{1,4}$")
    resolution: str | None = None
    """`480p`, `720p`, `1080p`, `4k`, or exact pixels such as `1280x720`."""
    duration_seconds: float | None = Field(default=None, gt=0, le=3600)
    fps: float | None = Field(default=None, gt=0, le=240)
    audio: bool | None = None
    """Whether the clip should have sound; `None` leaves it to the model."""

    @model_validator(mode="after")
    def _has_something_to_go_by(self) -> VideoRequest:
        given = (self.first_frame, self.last_frame, self.video)
        if not self.prompt.strip() and not self.references and not any(given):
            raise ValueError("`prompt` is empty and there is no frame, reference or video")
        if self.mode and self.video is None:
            raise ValueError(f"`mode={self.mode}` needs a `video`")
        return self

    @property
    def task(self) -> VideoTask:
        """Which kind of video work this is."""
        if self.video is not None:
            return "extend" if self.mode == "extend" else "video_to_video"
        if self.last_frame is not None:
            return "first_last_frame"
        if self.references:
            return "reference_to_video"
        return "image_to_video" if self.first_frame is not None else "text_to_video"
