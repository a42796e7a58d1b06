"""What the user says and shows, as parts: words, bytes inside the request, or files by URI."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from anymedia.contracts.media import EXTENSIONS, MediaUrl, as_base64
from anymedia.contracts.text import AudioPart, FilePart, ImagePart, Part, TextPart, VideoPart
from anymedia.providers.inputs import AnyMedia, held

TYPES = {ending: media_type for media_type, ending in reversed(EXTENSIONS.items())}
"""Media types by file ending, the usual one where several share an ending."""


def shown(part: Part) -> dict[str, Any]:
    """One part of what the user says and shows."""
    match part:
        case TextPart():
            return {"text": part.text}
        case ImagePart():
            return medium(part.image)
        case AudioPart():
            return medium(part.audio)
        case VideoPart():
            return medium(part.video)
        case FilePart():
            return medium(part.file)


def medium(media: AnyMedia) -> dict[str, Any]:
    """Media as a part: the bytes, or where a file lies."""
    if isinstance(media, MediaUrl):
        file = {"fileUri": media.url}
        if (media_type := type_of(media)) is not None:
            file["mimeType"] = media_type
        return {"fileData": file}
    given = held(media)
    return {"inlineData": {"mimeType": bare(given.media_type), "data": as_base64(given.data)}}


def type_of(media: MediaUrl) -> str | None:
    """The type that is said of a URL, else what its ending suggests."""
    if media.media_type:
        return bare(media.media_type)
    return TYPES.get(urlsplit(media.url).path.rpartition(".")[2].lower())


def bare(media_type: str) -> str:
    """A media type without its parameters."""
    return media_type.partition(";")[0].strip().lower()
