"""Requests on their way into a row and out of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import Medium
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.video import VideoRequest

KINDS: dict[Medium, type[MediaRequest[Any]]] = {
    "image": ImageRequest,
    "video": VideoRequest,
    "audio": AudioRequest,
    "speech": SpeechRequest,
}


def as_text(request: MediaRequest[Any]) -> str:
    """A request as JSON. Defaults stay in: they hold the tags that tell its parts apart."""
    return request.model_dump_json(exclude_none=True)


def from_row(job: RowMapping) -> MediaRequest[Any]:
    """The request of a job."""
    return KINDS[job["medium"]].model_validate_json(job["request"])


def digest(request: MediaRequest[Any], hashes: Mapping[str, str]) -> str:
    """The same for the same request, however its fields were ordered.

    `hashes` stand for the inputs that were copied: each copy has an id of its own.
    """
    said = request.model_dump(mode="json", exclude_none=True, exclude={"idempotency_key"})
    text = msgspec.json.encode(said, order="deterministic").decode()
    for artifact_id, content in hashes.items():
        text = text.replace(artifact_id, content)
    return hashlib.sha256(text.encode()).hexdigest()
