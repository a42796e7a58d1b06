"""Media going in and coming out: inputs in four forms, artifacts in three stages."""

from __future__ import annotations

import base64
import binascii
import mimetypes
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Literal, Protocol, TypeAlias
from urllib.parse import unquote, unquote_to_bytes, urlsplit

from pydantic import BeforeValidator, Field, PlainSerializer, PrivateAttr, WithJsonSchema

from anymedia.contracts.base import Contract

Medium: TypeAlias = Literal[
    "text", "image", "video", "audio", "speech", "transcription", "embedding"
]
"""What a request asks for; the last two read media and write text or numbers."""

Quality: TypeAlias = Literal["draft", "standard", "high", "cinematic"]
"""One word for how good and how dear, meaning the same at every provider."""


class MediaUrl(Contract):
    """Media that lies behind a URL, or behind a provider's own reference such as `runway://`."""

    kind: Literal["url"] = "url"
    url: str
    media_type: str | None = None


def as_bytes(value: Any) -> Any:
    """Text where bytes are wanted is base64, as JSON has no bytes; in either alphabet."""
    if not isinstance(value, str):
        return value
    digits = "".join(value.split()).rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(digits + "=" * (-len(digits) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("expected base64") from error


def as_base64(data: bytes) -> str:
    """Bytes as JSON has them."""
    return base64.b64encode(data).decode()


Data: TypeAlias = Annotated[
    bytes,
    BeforeValidator(as_bytes),
    PlainSerializer(as_base64, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "contentEncoding": "base64"}),
]
"""Bytes; base64 in JSON."""


class MediaBytes(Contract):
    """Media held in memory."""

    kind: Literal["bytes"] = "bytes"
    data: Data = Field(repr=False)
    media_type: str = "application/octet-stream"
    filename: str | None = None

    def data_uri(self) -> str:
        """The same bytes as a `data:` URI."""
        return f"data:{self.media_type};base64,{as_base64(self.data)}"


class MediaFile(Contract):
    """Media in a local file, read when the request is accepted."""

    kind: Literal["file"] = "file"
    path: Path


class MediaArtifact(Contract):
    """Media that anymedia already keeps: an earlier result, or an input it took in."""

    kind: Literal["artifact"] = "artifact"
    artifact_id: str
    media_type: str | None = None
    filename: str | None = None


def as_media(value: Any) -> Any:
    """Turn what people pass for media (path, URL, data URI, bytes, artifact) into its contract."""
    match value:
        case bytes() | bytearray():
            return MediaBytes(data=bytes(value), media_type=sniffed(bytes(value)))
        case Path():
            return MediaFile(path=value)
        case StoredArtifact():
            return MediaArtifact(artifact_id=value.id, media_type=value.media_type)
        case str() if value[:5].lower() == "data:":
            return from_data_uri(value)
        case str() if value.startswith("artifact:"):
            return MediaArtifact(artifact_id=value.removeprefix("artifact:"))
        case str() if value.startswith("file://"):
            return MediaFile(path=Path(unquote(urlsplit(value).path)))
        case str() if "://" in value[:24]:
            return MediaUrl(url=value)
        case str():
            return MediaFile(path=in_home(value))
        case _:
            return value


def in_home(path: str) -> Path:
    """A local path, with `~` as people use it; `ValueError` when it names nothing."""
    if not path.strip():
        raise ValueError("expected a path, a URL, a data URI or an artifact, and got nothing")
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise ValueError("the home directory that `~` stands for is not known") from error


def from_data_uri(uri: str) -> MediaBytes:
    """The bytes inside a `data:` URI; `ValueError` when there are none."""
    head, comma, body = uri[len("data:") :].partition(",")
    if not comma:
        raise ValueError("a data URI needs a comma between its type and its data")
    media_type, *flags = (word.strip().lower() for word in head.split(";"))
    data = unquote_to_bytes(body)
    if "base64" not in flags:
        return MediaBytes(data=data, media_type=media_type or "text/plain")
    try:
        data = as_bytes(data.decode("ascii"))
    except ValueError as error:
        raise ValueError("the data URI is not valid base64") from error
    return MediaBytes(data=data, media_type=media_type or sniffed(data))


SIGNATURES: tuple[tuple[bytes, int, str], ...] = (
    (b"\x89PNG\r\n\x1a\n", 0, "image/png"),
    (b"\xff\xd8\xff", 0, "image/jpeg"),
    (b"GIF8", 0, "image/gif"),
    (b"WEBP", 8, "image/webp"),
    (b"ftypavif", 4, "image/avif"),
    (b"ftypheic", 4, "image/heic"),
    (b"ftypqt  ", 4, "video/quicktime"),
    (b"ftyp", 4, "video/mp4"),
    (b"\x1aE\xdf\xa3", 0, "video/webm"),
    (b"WAVE", 8, "audio/wav"),
    (b"AVI ", 8, "video/x-msvideo"),
    (b"ID3", 0, "audio/mpeg"),
    (b"\xff\xfb", 0, "audio/mpeg"),
    (b"\xff\xf3", 0, "audio/mpeg"),
    (b"\xff\xf1", 0, "audio/aac"),
    (b"OggS", 0, "audio/ogg"),
    (b"fLaC", 0, "audio/flac"),
    (b"%PDF-", 0, "application/pdf"),
)


def sniffed(data: bytes, filename: str | None = None) -> str:
    """The media type that the first bytes show, else what the name suggests."""
    for signature, offset, media_type in SIGNATURES:
        if data[offset : offset + len(signature)] == signature:
            return media_type
    guessed = mimetypes.guess_type(filename)[0] if filename else None
    return guessed or "application/octet-stream"


MediaForm: TypeAlias = Annotated[
    MediaUrl | MediaBytes | MediaFile | MediaArtifact, Field(discriminator="kind")
]
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/gif": "gif",
    "image/avif": "avif",
    "image/svg+xml": "svg",
    "video/mp4": "mp4",
    "video/webm": "webm",
    "video/quicktime": "mov",
    "audio/wav": "wav",
    "audio/x-wav": "wav",
    "audio/mpeg": "mp3",
    "audio/mp3": "mp3",
    "audio/flac": "flac",
    "audio/ogg": "ogg",
    "audio/opus": "opus",
    "audio/aac": "aac",
    "audio/mp4": "m4a",
    "audio/pcm": "pcm",
    "application/pdf": "pdf",
    "text/plain": "txt",
}


def extension(media_type: str) -> str:
    """The usual file name ending for a media type; `bin` for unknown ones."""
    return EXTENSIONS.get(media_type.split(";", maxsplit=1)[0].strip().lower(), "bin")


Media: TypeAlias = Annotated[
    MediaForm, BeforeValidator(as_media, json_schema_input_type=MediaForm | str)
]
"""Media in a request. A path, URL, data URI, `bytes` or an artifact can be given as it is."""


class RemoteArtifact(Contract):
    """Something generated that still lies at the provider, usually not for long."""

    stage: Literal["remote"] = "remote"
    url: str
    media_type: str | None = None
    expires_at: datetime | None = None
    needs_key: bool = False
    """Whether the download wants the provider's credentials; others must never see them."""
    metadata: dict[str, Any] = Field(default_factory=dict)


class InlineArtifact(Contract):
    """Something generated that came inside the answer."""

    stage: Literal["inline"] = "inline"
    data: Data = Field(repr=False)
    media_type: str | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)


GeneratedArtifact: TypeAlias = Annotated[
    RemoteArtifact | InlineArtifact, Field(discriminator="stage")
]
"""What a provider delivers, before anymedia has taken it into its own store."""


class ArtifactSource(Protocol):
    """Where a stored artifact's bytes can be had; faces bind it to what they hand out."""

    def read(self, artifact: StoredArtifact) -> bytes: ...
    def save(self, artifact: StoredArtifact, path: Path) -> None: ...
    def link(self, artifact: StoredArtifact, expires_seconds: float) -> str: ...


class StoredArtifact(Contract):
    """Something generated, copied into our store, hashed and looked at."""

    stage: Literal["stored"] = "stored"
    id: str
    media_type: str
    size_bytes: int
    sha256: str
    filename: str
    width: int | None = None
    height: int | None = None
    seconds: float | None = None
    fps: float | None = None
    codec: str | None = None
    has_audio: bool | None = None
    sample_rate: int | None = None
    container: str | None = None
    """What the bytes are, whatever their name: `mp4`, `webm`, `wav`, `png`."""
    pixel_format: str | None = None
    """As FFmpeg or Pillow call it, such as `yuv420p` or `RGBA`."""
    transparent: bool | None = None
    """Whether any of a picture can be seen through."""
    audio_codec: str | None = None
    channels: int | None = None
    loudness_lufs: float | None = None
    """Integrated loudness by EBU R 128, of the first minutes."""
    peak_dbfs: float | None = None
    """The loudest sample; 0 is full scale."""
    silent: bool | None = None
    """Whether the sound that there is cannot be heard."""
    blank: bool | None = None
    """Whether a picture is of one colour, or a clip shows nothing."""
    original_id: str | None = None
    """What this was normalised from, as the provider delivered it."""
    location: str
    """Key in the artifact store."""
    source_expires_at: datetime | None = None
    metadata: dict[str, Any] = Field(default_factory=dict)
    """What the provider said about it, such as `revised_prompt` or `seed`."""
    removed_at: datetime | None = None
    """When its bytes were removed by a retention rule; everything else about it stays."""
    removed_why: str | None = None
    """By which rule."""
    _source: ArtifactSource | None = PrivateAttr(default=None)

    def bind(self, source: ArtifactSource) -> StoredArtifact:
        """The same artifact, able to read its bytes from `source`."""
        self._source = source
        return self

    def read(self) -> bytes:
        """All bytes. For large ones prefer `save`."""
        return self._bound().read(self)

    def save(self, path: str | Path) -> Path:
        """Copy the bytes to `path` (a directory takes the artifact's own name)."""
        target = Path(path)
        if target.is_dir():
            target /= self.filename
        self._bound().save(self, target)
        return target

    def link(self, expires_seconds: float = 3600) -> str:
        """A URL at which anybody can fetch it without a key, for so long (7 days at most)."""
        return self._bound().link(self, expires_seconds)

    def _bound(self) -> ArtifactSource:
        if self._source is None:
            raise RuntimeError(
                f"artifact `{self.id}` is a description without its store; "
                f"fetch it with `client.jobs.get(...)`"
            )
        return self._source


Artifact: TypeAlias = StoredArtifact
"""What callers see: always the stored stage."""

Binder: TypeAlias = Callable[[StoredArtifact], StoredArtifact]
