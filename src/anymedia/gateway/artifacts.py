"""Handing out what is kept: streamed from the store, in ranges, and harmless in a browser."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import aclosing

from starlette.requests import Request as HttpRequest
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from anymedia.contracts.media import StoredArtifact
from anymedia.gateway.spec import Refused
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.artifacts.shelf import disposition, may_be_shown

STRICT = "default-src 'none'; sandbox"
SHOWING = (
    "default-src 'none'; img-src *; media-src *; style-src 'unsafe-inline'; "
    "sandbox allow-same-origin"
)
"""For what a browser shows on a page that it makes itself: it may load it, and run nothing. In a
sandbox of an origin of its own, Chromium shows no clip."""
MOST_RANGES = 8
"""A request for more pieces than that gets the whole."""


class Streamed(StreamingResponse):
    """Pieces of an artifact. The first is at hand before anything is said of success."""

    def __init__(self, pieces: AsyncIterator[bytes], status: int, headers: dict[str, str]) -> None:
        self._pieces = pieces
        super().__init__(self._all(), status_code=status, headers=headers)
        self._first = b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Raises what is wrong with the artifact while that can still be told."""
        self._first = await anext(self._pieces, b"")
        await super().__call__(scope, receive, send)

    async def _all(self) -> AsyncIterator[bytes]:
        yield self._first
        async for piece in self._pieces:
            yield piece


def handed_out(request: HttpRequest, artifact: StoredArtifact) -> Response:
    """The response with an artifact's bytes; `NotFound` or 410 where they are gone."""
    source = artifact._source  # noqa: SLF001  the store that `bind` gave it
    assert isinstance(source, ArtifactStore)
    if artifact.removed_at is not None:
        why = f" ({artifact.removed_why})" if artifact.removed_why else ""
        raise Refused(
            f"this artifact was removed on {artifact.removed_at:%Y-%m-%d %H:%M}Z{why}; what is "
            f"known of it stays: `/api/artifacts/{artifact.id}/manifest`",
            status=410,
            code="NOT_FOUND",
        )
    tag, size = f'"{artifact.sha256}"', artifact.size_bytes
    headers = {
        "etag": tag,
        "cache-control": "private, max-age=31536000, immutable",
        "content-security-policy": SHOWING if may_be_shown(artifact.media_type) else STRICT,
        "accept-ranges": "bytes",
    }
    if held(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    headers |= {
        "content-type": artifact.media_type,
        "content-disposition": disposition(artifact),
    }
    ranges = wanted(request, tag, size)
    if ranges == []:
        return Response(status_code=416, headers={"content-range": f"bytes */{size}"})
    if ranges is not None and len(ranges) > 1:
        return in_parts(request, source, artifact, ranges, headers)
    start, end = ranges[0] if ranges else (0, size)
    status = 206 if ranges else 200
    headers["content-length"] = str(end - start)
    if ranges:
        headers["content-range"] = f"bytes {start}-{end - 1}/{size}"
    if request.method == "HEAD":
        return Response(status_code=status, headers=headers)
    return Streamed(source.stream(artifact, start, end), status, headers)


def in_parts(
    request: HttpRequest,
    source: ArtifactStore,
    artifact: StoredArtifact,
    ranges: list[tuple[int, int]],
    headers: dict[str, str],
) -> Response:
    """Several ranges at once, each with a head of its own."""
    boundary = secrets.token_hex(12)
    heads = [
        (
            f"\r\n--{boundary}\r\ncontent-type: {artifact.media_type}\r\n"
            f"content-range: bytes {start}-{end - 1}/{artifact.size_bytes}\r\n\r\n"
        ).encode()
        for start, end in ranges
    ]
    last = f"\r\n--{boundary}--\r\n".encode()
    length = sum(map(len, heads)) + sum(end - start for start, end in ranges) + len(last)
    headers["content-length"] = str(length)
    headers["content-type"] = f"multipart/byteranges; boundary={boundary}"
    if request.method == "HEAD":
        return Response(status_code=206, headers=headers)

    async def parts() -> AsyncIterator[bytes]:
        for head, (start, end) in zip(heads, ranges, strict=True):
            async with aclosing(source.stream(artifact, start, end)) as pieces:
                first = await anext(pieces, b"")
                yield head + first
                async for piece in pieces:
                    yield piece
        yield last

    return Streamed(parts(), 206, headers)


def wanted(request: HttpRequest, tag: str, size: int) -> list[tuple[int, int]] | None:
    """The ranges that are asked for; none of them can be had if empty; `None` for the whole.

    What is not a range of bytes is no reason to fail: RFC 9110 lets it be ignored.
    """
    said = request.headers.get("range", "").strip()
    unit, _, listed = said.partition("=")
    if unit.strip().lower() != "bytes" or request.headers.get("if-range", tag) != tag:
        return None
    found: list[tuple[int, int]] = []
    for one in listed.split(","):
        first, dash, last = (part.strip() for part in one.partition("-"))
        digits = all(not part or (part.isascii() and part.isdecimal()) for part in (first, last))
        if not dash or not digits or not (first or last) or len(first + last) > 36:
            return None
        if not first:
            start, end = max(0, size - int(last)), size
        else:
            start, end = int(first), min(size, int(last) + 1 if last else size)
            if last and int(last) < start:
                return None
        if start < end:
            found.append((start, end))
    if len(found) > MOST_RANGES or sum(end - start for start, end in found) > size:
        return None
    return found


def held(said: str, tag: str) -> bool:
    """Whether the caller has these bytes already."""
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in said.split(","))
