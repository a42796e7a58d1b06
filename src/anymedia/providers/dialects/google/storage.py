"""Where results lie in a bucket: `gs://` names as addresses that can be fetched."""

from __future__ import annotations

from urllib.parse import quote

HOST = "storage.googleapis.com"


def address(uri: str) -> str:
    """A whole URL; the bucket's owner fetches it with the same token."""
    bucket, slash, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not slash:
        return uri
    place = f"{quote(bucket, safe='')}/o/{quote(name, safe='')}"
    return f"https://{HOST}/storage/v1/b/{place}?alt=media"
