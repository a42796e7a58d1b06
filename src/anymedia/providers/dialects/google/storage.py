"""Where results lie: in a bucket, or among Google's files; as addresses that can be fetched."""

from __future__ import annotations

import re
from urllib.parse import quote

HOST = "storage.googleapis.com"
FILE = re.compile(r"(https?://[^/?#]+)/(v\d\w*)/files/([\w-]+)(?::download)?(?:\?[^#]*)?")


def address(uri: str) -> str:
    """A whole URL for a `gs://` name; the bucket's owner fetches it with the same token."""
    bucket, slash, name = uri.removeprefix("gs://").partition("/")
    if not uri.startswith("gs://") or not slash:
        return uri
    place = f"{quote(bucket, safe='')}/o/{quote(name, safe='')}"
    return f"https://{HOST}/storage/v1/b/{place}?alt=media"


def content(uri: str) -> str:
    """Where a result's bytes are.

    A file's own address tells about it, and its `:download` answers with a redirect to this one
    (seen 2026-07). It is asked for at once, as a key must not go along a redirect.
    """
    if file := FILE.fullmatch(uri):
        host, version, name = file.groups()
        return f"{host}/download/{version}/files/{name}:download?alt=media"
    return address(uri)
