"""fal's storage: where inputs go that are too large to travel inside a request.

https://docs.fal.ai/model-apis/model-endpoints/storage-and-files (read 2026-11-21): ask for a slot,
put the bytes there, use the URL.
"""

from __future__ import annotations

from anymedia.contracts.media import MediaBytes, MediaUrl, extension
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post, put
from anymedia.wire.shape import Shape

HOST = "rest.fal.ai"


class UploadSlot(Shape):
    """Where to put the bytes, and where they will be found."""

    upload_url: str
    file_url: str


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Put a file where models can fetch it."""
    name = media.filename or f"input.{extension(media.media_type)}"
    response = yield post(
        f"https://{HOST}/storage/upload/initiate",
        query={"storage_type": "fal-cdn-v3"},
        json={"content_type": media.media_type, "file_name": name},
    )
    slot = response.read(UploadSlot)
    # The slot's URL is its own proof; the key stays here.
    yield put(slot.upload_url, content=media.data, content_type=media.media_type, authorize=False)
    return MediaUrl(url=slot.file_url, media_type=media.media_type)
