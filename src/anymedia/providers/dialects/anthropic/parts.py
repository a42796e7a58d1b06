"""What the user shows: text, pictures and documents, as blocks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.media import MediaUrl, as_base64
from anymedia.contracts.notice import Notice, dropped
from anymedia.contracts.text import (
    AudioPart,
    FilePart,
    ImagePart,
    Part,
    TextPart,
    TextRequest,
    UserMessage,
    VideoPart,
)
from anymedia.providers.inputs import AnyMedia, held

PDF = "application/pdf"
WRITTEN = ("text/", "application/json", "application/xml")
"""Documents that are sent as plain text."""


def shown(part: Part) -> dict[str, Any] | None:
    """One part as a block; none for empty text, which the API refuses."""
    match part:
        case TextPart():
            return {"type": "text", "text": part.text} if part.text else None
        case ImagePart():
            return {"type": "image", "source": source(part.image)}
        case FilePart():
            return document(part)
        case AudioPart() | VideoPart():
            raise UnsupportedOption(
                f"this dialect takes pictures and documents, and no {part.type}"
            )


def source(media: AnyMedia) -> dict[str, str]:
    """Where a block's content is: behind a URL, or here."""
    if isinstance(media, MediaUrl):
        return {"type": "url", "url": media.url}
    given = held(media)
    return {
        "type": "base64",
        "media_type": given.media_type.partition(";")[0].strip().lower(),
        "data": as_base64(given.data),
    }


def document(part: FilePart) -> dict[str, Any]:
    """A PDF, or a text."""
    block: dict[str, Any] = {"type": "document"}
    if isinstance(part.file, MediaUrl):
        block["source"] = source(part.file)
        name = part.filename
    else:
        given = held(part.file)
        name = part.filename or given.filename
        block["source"] = read_as(given.media_type) or source(given)
        if block["source"]["type"] == "text":
            block["source"]["data"] = given.data.decode("utf-8", "replace")
    if name is not None:
        block["title"] = name
    return block


def read_as(media_type: str) -> dict[str, str] | None:
    """The beginning of a text source; `None` for a PDF; refuses what is neither."""
    kind = media_type.partition(";")[0].strip().lower()
    if kind == PDF:
        return None
    if kind.startswith(WRITTEN):
        return {"type": "text", "media_type": "text/plain"}
    raise UnsupportedOption(f"a document must be a PDF or text, and this one is `{kind}`")


def unseen(request: TextRequest) -> Iterable[Notice]:
    """What is said about the user's parts and does not go with them."""
    users = [message for message in request.messages if isinstance(message, UserMessage)]
    if any(message.name is not None for message in users):
        yield dropped("messages.name", "the API does not have it")
    details = {
        part.detail
        for message in users
        for part in message.parts()
        if isinstance(part, ImagePart) and part.detail not in {None, "auto"}
    }
    if details:
        asked = ", ".join(sorted(str(one) for one in details))
        yield dropped("messages.detail", "the API does not have it", asked=asked)
