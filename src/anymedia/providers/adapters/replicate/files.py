"""Files: where inputs go that are too large to travel inside a request. They last for a day."""

from __future__ import annotations

from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.providers.inputs import file_part
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape


class Addresses(Shape):
    """Where a file is."""

    get: str


class Uploaded(Shape):
    """A file that Replicate keeps."""

    urls: Addresses


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Put a file where models can fetch it."""
    response = yield post("/files", parts=(file_part("content", media),))
    return MediaUrl(url=response.read(Uploaded).urls.get, media_type=media.media_type)
