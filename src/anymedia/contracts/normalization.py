"""What every result should be like, whoever made it: container, size, frames, loudness.

Providers deliver the same clip as H.264 or VP9, at 24 or 30 frames, at 1280x720 or 1264x704.
Normalised ones are interchangeable: they can be joined, compared and played by one player.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias, get_args

from pydantic import BeforeValidator, Field, model_validator

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium

ImageFormat: TypeAlias = Literal["png", "jpeg", "webp", "avif"]
VideoFormat: TypeAlias = Literal["mp4", "webm"]
SoundFormat: TypeAlias = Literal["wav", "mp3", "flac", "ogg", "opus"]
Codec: TypeAlias = Literal["h264", "h265", "vp9", "av1", "opus", "flac", "pcm_s16le", "pcm_s24le"]
Fit: TypeAlias = Literal["contain", "cover", "stretch"]

CODECS: dict[str, tuple[Codec, ...]] = {
    "mp4": ("h264", "h265", "av1"),
    "webm": ("vp9", "av1"),
    "wav": ("pcm_s16le", "pcm_s24le"),
    "flac": ("flac",),
    "ogg": ("opus", "flac"),
    "opus": ("opus",),
}
"""By container, the usual one first. Clips have AAC sound in MP4 and Opus in WebM."""
FORMATS: dict[str, tuple[str, ...]] = {
    "image": get_args(ImageFormat),
    "video": get_args(VideoFormat),
    "audio": get_args(SoundFormat),
    "speech": get_args(SoundFormat),
}
SIZED = frozenset({"width", "height", "resolution", "aspect_ratio"})
HEARD = frozenset({"sample_rate", "channels", "loudness_lufs"})
FIELDS: dict[str, frozenset[str]] = {
    "image": SIZED | {"format", "quality"},
    "video": SIZED | HEARD | {"format", "codec", "fps"},
    "audio": HEARD | {"format", "codec"},
    "speech": HEARD | {"format", "codec"},
}
"""What can be said about each medium."""


class Normalization(Contract):
    """What a result is made into after it was fetched. What is not said stays as it came.

    An empty one switches off what the configuration says.
    """

    format: ImageFormat | VideoFormat | SoundFormat | None = None
    """The container of a clip or a sound, the format of a picture."""
    codec: Codec | None = None
    """The usual one of the container unless said: H.264, VP9, 16-bit PCM, Opus, FLAC."""
    width: int | None = Field(default=None, ge=16, le=8192)
    height: int | None = Field(default=None, ge=16, le=8192)
    resolution: str | None = Field(default=None, pattern=r"^\d{3,4}p$")
    """The shorter side, such as `720p`; the longer one follows from `aspect_ratio` or the result."""
    aspect_ratio: str | None = Field(default=None, pattern=r"^[1-9]\d{0,3}:[1-9]\d{0,3}$")
    fit: Fit = "contain"
    """How another shape is filled: with bars, by cutting off what stands over, or by distortion."""
    fps: float | None = Field(default=None, ge=1, le=120)
    sample_rate: int | None = Field(default=None, ge=8000, le=192_000)
    channels: Literal[1, 2] | None = None
    loudness_lufs: float | None = Field(default=None, ge=-50, le=-5)
    """Integrated loudness by EBU R 128, such as -16; peaks stay below full scale."""
    quality: int | None = Field(default=None, ge=1, le=100)
    """Of JPEG, WebP and AVIF; 90 unless said."""

    @model_validator(mode="after")
    def _holds_together(self) -> Normalization:
        if self.resolution is not None and (self.width or self.height):
            raise ValueError("`resolution` and `width` or `height` say the same; give one")
        if self.aspect_ratio is not None and self.width and self.height:
            raise ValueError("`aspect_ratio` follows from `width` and `height`; leave it out")
        if self.codec is not None and (
            self.format is None or self.codec not in CODECS.get(self.format, ())
        ):
            with_it = [name for name, codecs in CODECS.items() if self.codec in codecs]
            raise ValueError(f"`codec` {self.codec} needs `format` {' or '.join(with_it)}")
        return self

    @property
    def asks(self) -> frozenset[str]:
        """What is said."""
        return frozenset(self.model_dump(exclude_none=True)) - {"fit"}

    def mistake(self, medium: Medium) -> str | None:
        """What is said and cannot be done to a medium."""
        if medium not in FIELDS:
            return f"only generated media are normalised, not {medium}"
        for name in sorted(self.asks - FIELDS[medium]):
            return f"`normalize.{name}` is not for {medium}"
        if self.format is not None and self.format not in FORMATS[medium]:
            can = ", ".join(FORMATS[medium])
            return f"`normalize.format` {self.format} is not for {medium}, which can be {can}"
        return None


READINGS: tuple[tuple[re.Pattern[str], tuple[str, ...]], ...] = (
    (re.compile(r"(\d{2,4})[x*](\d{2,4})"), ("width", "height")),
    (re.compile(r"(\d{3,4}p)"), ("resolution",)),
    (re.compile(r"(\d{1,4}:\d{1,4})"), ("aspect_ratio",)),
    (re.compile(r"(\d{1,3}(?:\.\d+)?)(?:fps)?"), ("fps",)),
    (re.compile(r"(\d{4,6})hz"), ("sample_rate",)),
    (re.compile(r"(-\d{1,2}(?:\.\d+)?)(?:lufs)?"), ("loudness_lufs",)),
    (re.compile(r"q(\d{1,3})"), ("quality",)),
    (re.compile(r"(contain|cover|stretch)"), ("fit",)),
    (re.compile(f"({'|'.join(get_args(Codec)[:4])}|pcm_s16le|pcm_s24le)"), ("codec",)),
)
"""Words that tell by their looks what they are about."""
WORDS: dict[str, dict[str, Any]] = {
    **{name: {"format": name} for names in FORMATS.values() for name in names},
    "jpg": {"format": "jpeg"},
    "mono": {"channels": 1},
    "stereo": {"channels": 2},
    "as-delivered": {},
}


def as_normalization(value: Any) -> Any:
    """`mp4,1280x720,30` and the like as fields; anything else as it is."""
    if not isinstance(value, str):
        return value
    fields: dict[str, Any] = {}
    for word in filter(None, (one.strip().lower() for one in value.split(","))):
        found = WORDS.get(word)
        for pattern, names in READINGS if found is None else ():
            if match := pattern.fullmatch(word):
                found = dict(zip(names, match.groups(), strict=True))
                break
        if found is None:
            raise ValueError(
                f"`{word[:40]}` is not understood; expected words such as mp4, 1280x720, 720p, "
                f"16:9, 30fps, 48000hz, stereo, -16lufs, q90, cover"
            )
        if twice := fields.keys() & found.keys():
            raise ValueError(f"`{word}` says `{min(twice)}` once more")
        fields |= found
    return fields


Normalizing: TypeAlias = Annotated[
    Normalization, BeforeValidator(as_normalization, json_schema_input_type=Normalization | str)
]
"""A normalisation, or its words: `mp4,1280x720,30fps`, `wav,48000hz,mono,-16lufs`."""
