"""What models on Replicate put out: one URL, a list, or an object with files somewhere in it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.media import (
    GeneratedArtifact,
    InlineArtifact,
    MediaBytes,
    Medium,
    RemoteArtifact,
    as_media,
)
from anymedia.contracts.usage import Usage

API_HOST = "api.replicate.com"
"""Files there want the key; those on replicate.delivery are public."""
DEEPEST = 6


def artifacts(output: Any, *, expires_at: datetime | None = None) -> tuple[GeneratedArtifact, ...]:
    """Every file, in the order of the output."""
    return tuple(artifact(url, expires_at) for url in urls(output, DEEPEST))


def urls(output: Any, depth: int) -> Iterable[str]:
    """Whatever looks like a file; other words are not media."""
    match output:
        case str() if output.startswith(("https://", "http://", "data:")):
            yield output
        case list() if depth:
            for one in output:
                yield from urls(one, depth - 1)
        case dict() if depth:
            for one in output.values():
                yield from urls(one, depth - 1)
        case _:
            pass


def artifact(url: str, expires_at: datetime | None) -> GeneratedArtifact:
    """One file where it is; an answer that was waited for holds it inside."""
    if not url.startswith("data:"):
        try:
            needs_key = urlsplit(url).hostname == API_HOST
        except ValueError:
            raise UnreadableResponse("a file's address is no URL", accepted="yes") from None
        return RemoteArtifact(url=url, expires_at=expires_at, needs_key=needs_key)
    try:
        held = as_media(url)
    except ValueError:
        raise UnreadableResponse("a file inside the answer is not base64", accepted="yes") from None
    assert isinstance(held, MediaBytes)
    return InlineArtifact(data=held.data, media_type=held.media_type)


def used(metrics: Any, files: int, medium: Medium) -> Usage:
    """What it consumed: time on the machine, and what some models count themselves."""
    raw = metrics if isinstance(metrics, dict) else {}
    return Usage(
        requests=1,
        images=files if files and medium == "image" else None,
        gpu_seconds=amount(raw.get("predict_time")),
        seconds=amount(raw.get("video_output_duration_seconds")),
        raw=raw,
    )


def amount(value: Any) -> Decimal | None:
    """A number, if it is one."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return Decimal(str(value)) if math.isfinite(value) and 0 <= value < 1e9 else None
