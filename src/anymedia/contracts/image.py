"""Images: from words, from other images, or both."""

from __future__ import annotations

from typing import ClassVar, Literal, TypeAlias

from pydantic import Field, model_validator

from anymedia.contracts.media import Media, Medium
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.result import MediaResult

ImageTask: TypeAlias = Literal["text_to_image", "edit", "inpaint", "variation"]


class ImageResult(MediaResult):
    """Generated images."""


class ImageRequest(MediaRequest[ImageResult]):
    """Images wanted."""

    medium: ClassVar[Medium] = "image"
    result_type = ImageResult

    prompt: str = ""
    negative_prompt: str | None = None
    images: tuple[Media, ...] = ()
    """Pictures to edit, or to go by."""
    mask: Media | None = None
    """Transparent where the first image may change; one without transparency is white there."""
    mode: Literal["edit", "variation"] | None = None
    """What `images` are for: changed, or only gone by. With a prompt they are edited, without
    one they are varied, unless this says otherwise."""
    aspect_ratio: str | None = Field(default=None, pattern=r"^\d{1,4}:\d{1,4}$")
    resolution: str | None = None
    """`1k`, `2k`, `4k`, or exact pixels such as `1536x1024`."""
    background: Literal["auto", "opaque", "transparent"] | None = None
    format: Literal["png", "jpeg", "webp"] | None = None
    style: str | None = None

    @model_validator(mode="after")
    def _has_something_to_go_by(self) -> ImageRequest:
        if not self.prompt.strip() and not self.images:
            raise ValueError("`prompt` is empty and there are no `images` to vary")
        if self.mask is not None and not self.images:
            raise ValueError("`mask` needs the image it belongs to in `images`")
        if self.mode is not None and not self.images:
            raise ValueError(f"`mode={self.mode}` needs `images`")
        return self

    @property
    def task(self) -> ImageTask:
        """Which kind of image work this is."""
        if self.mask is not None:
            return "inpaint"
        if not self.images:
            return "text_to_image"
        return self.mode or ("edit" if self.prompt.strip() else "variation")
