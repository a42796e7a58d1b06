"""Files of the current service: for inputs that are too large to go inside a request."""

from __future__ import annotations

from collections.abc import Mapping

from anymedia.contracts.errors import RequestRejected, UnreadableResponse
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, get, post
from anymedia.wire.shape import Shape


class Slot(Shape):
    """Where the bytes go; the address itself is the permission."""

    url: str
    method: str | None = None
    headers: Mapping[str, str] | None = None


class Made(Shape):
    """A file that waits for its bytes, or has them."""

    id: str
    state: str | None = None
    failure_reason: str | None = None
    upload: Slot | None = None


def upload(media: MediaBytes) -> Exchange[MediaUrl]:
    """Ask for a slot, fill it, close it. Costs nothing."""
    body = {"mime_type": media.media_type, "size_bytes": len(media.data), "purpose": "input"}
    if media.filename:
        body["filename"] = media.filename
    response = yield post("/files", json=body)
    made = response.read(Made)
    if made.upload is None:
        raise UnreadableResponse("Luma made a file without saying where its bytes go")
    yield HttpRequest(
        method="POST" if (made.upload.method or "").upper() == "POST" else "PUT",
        path=made.upload.url,
        headers=dict(made.upload.headers or {}),
        content=media.data,
        content_type=media.media_type,
        authorize=False,
    )
    closed = (yield post(f"/files/{made.id}/complete")).read(Made)
    if closed.state == "failed":
        raise RequestRejected(f"Luma refused the file: {closed.failure_reason or 'no reason'}")
    return MediaUrl(url=f"luma://file/{made.id}", media_type=media.media_type)


class Page(Shape):
    """A list of files."""


def check() -> Exchange[Account]:
    """A page of files: free, and only for those with a key."""
    response = yield get("/files", query={"limit": 1})
    response.read(Page)
    return Account()
