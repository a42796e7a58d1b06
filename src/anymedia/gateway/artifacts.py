"""Handing out what is kept: streamed from the store, in ranges, and harmless in a browser."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import FileResponse, Response

from anymedia.contracts.media import StoredArtifact
from anymedia.store.artifacts import ArtifactStore

SHOWN = ("image/", "video/", "audio/")
"""What browsers may show; everything else is a download."""
SCRIPTED = frozenset({"image/svg+xml"})
"""Pictures that can run programs."""


def handed_out(request: HttpRequest, artifact: StoredArtifact) -> Response:
    """The response with an artifact's bytes; `NotFound` where they are gone."""
    source = artifact._source  # noqa: SLF001  the store that `bind` gave it
    assert isinstance(source, ArtifactStore)
    path = source.path(artifact)
    tag = f'"{artifact.sha256}"'
    headers = {
        "etag": tag,
        "cache-control": "private, max-age=31536000, immutable",
        "content-security-policy": "default-src 'none'; sandbox",
        "accept-ranges": "bytes",
    }
    if held(request.headers.get("if-none-match", ""), tag):
        return Response(status_code=304, headers=headers)
    kind = artifact.media_type
    shown = kind.startswith(SHOWN) and kind not in SCRIPTED
    return FileResponse(
        path,
        headers=headers,
        media_type=kind,
        filename=artifact.filename,
        content_disposition_type="inline" if shown else "attachment",
    )


def held(said: str, tag: str) -> bool:
    """Whether the caller has these bytes already."""
    return any(one.strip().removeprefix("W/") in {tag, "*"} for one in said.split(","))
