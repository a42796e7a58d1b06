"""Requests as echo takes them: our own fields under our own names, media as data URIs."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.media import MediaArtifact, MediaBytes, MediaFile, MediaUrl
from anymedia.contracts.request import Request
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief

OURS = frozenset(Request.model_fields) | {"quality", "callback_url"}
"""Fields that the engine sees to."""


def body_of(request: Request[Any], brief: Brief) -> dict[str, Any]:
    """Everything that was asked, the caller's options, and our name for the attempt."""
    asked = {
        name: plain(value)
        for name, value in request
        if name not in OURS and value is not None and value != ()
    }
    return {**asked, **request.options, "label": brief.marker or None}


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case MediaUrl() | MediaBytes() | MediaFile() | MediaArtifact():
            return reference(value)
        case tuple():
            return [plain(item) for item in value]
        case _:
            return value
