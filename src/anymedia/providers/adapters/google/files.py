"""Files: for inputs that are too large to go inside a request. They are kept for two days.

https://ai.google.dev/gemini-api/docs/files (read 2026-11-21)
"""

from __future__ import annotations

from urllib.parse import quote

from anymedia.contracts.errors import ProviderUnavailable, RequestRejected, UnreadableResponse
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.providers.dialects.google.parts import bare
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

MOST_LOOKS = 20
"""Only clips take a while until they can be used, and each look takes a while itself."""


class File(Shape, rename="camel"):
    """A file that Google keeps."""

    name: str | None = None
    uri: str | None = None
    mime_type: str | None = None
    state: str | None = None


class Uploaded(Shape):
    """The answer to the bytes."""

    file: File


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Ask for an address, send the bytes there, and see the file through."""
    media_type = bare(media.media_type)
    response = yield post(
        "/upload/v1beta/files",
        json={"file": {"displayName": media.filename or "input"}},
        headers={
            "X-Goog-Upload-Protocol": "resumable",
            "X-Goog-Upload-Command": "start",
            "X-Goog-Upload-Header-Content-Length": str(len(media.data)),
            "X-Goog-Upload-Header-Content-Type": media_type,
        },
    )
    address = response.headers.get("x-goog-upload-url")
    if not address:
        raise UnreadableResponse("the answer names no address to upload to")
    response = yield post(
        address,
        content=media.data,
        content_type=media_type,
        headers={"X-Goog-Upload-Command": "upload, finalize", "X-Goog-Upload-Offset": "0"},
        authorize=False,  # the address itself is the permission
    )
    file = response.read(Uploaded).file
    looks = 0
    while file.state == "PROCESSING" and file.name and looks < MOST_LOOKS:
        looks += 1
        file = (yield get(f"/v1beta/{quote(file.name, safe='/')}")).read(File)
    return usable(file, media_type)


def usable(file: File, media_type: str) -> MediaUrl:
    """Where a file lies that can be used now."""
    if file.state == "FAILED":
        raise RequestRejected("Google could not read the uploaded file")
    if file.state == "PROCESSING":
        raise ProviderUnavailable("Google is still reading the uploaded file; try again later")
    if not file.uri:
        raise UnreadableResponse("the uploaded file has no `uri`")
    return MediaUrl(url=file.uri, media_type=file.mime_type or media_type)
