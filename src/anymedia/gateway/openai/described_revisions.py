"""Clips made of clips as OpenAPI has them."""

from __future__ import annotations

from anymedia.contracts.video import VideoRequest
from anymedia.gateway.openai import revisions
from anymedia.gateway.shared.described import (
    BYTES,
    IDEMPOTENCY,
    JSON,
    STRING,
    Described,
    Schema,
    Schemas,
    read_by,
    ref,
)

FORM = "multipart/form-data"
OPEN: Schema = {
    "type": ["object", "null"],
    "additionalProperties": True,
    "description": "As for `/v1/videos`.",
}
EARLIER: Schema = {
    "type": "object",
    "required": ["id"],
    "properties": {"id": {**STRING, "description": "A finished clip of yours."}},
}
CLIP: Schema = {"anyOf": [BYTES, EARLIER]}
"""In a form it may be a file."""


def read(name: str, kind: type[revisions.Remix], fields: Schemas) -> Schemas:
    """One of the bodies; whatever stands in `fields` has to be there."""
    further = {"anymedia": OPEN, **fields}
    found = read_by(name, kind, becomes=VideoRequest, names=revisions.NAMES, fields=further)
    found[name]["required"] = [*found[name]["required"], *fields]
    return found


SCHEMAS: Schemas = {
    **read("OpenAIVideoRemix", revisions.Remix, {}),
    **read("OpenAIVideoEdit", revisions.Body, {"video": EARLIER}),
    **read("OpenAIVideoEditForm", revisions.Body, {"video": CLIP}),
    **read("OpenAIVideoExtension", revisions.Further, {"video": EARLIER}),
    **read("OpenAIVideoExtensionForm", revisions.Further, {"video": CLIP}),
}
DESCRIBED: dict[tuple[str, str], Described] = {
    ("POST", "/v1/videos/{id}/remix"): Described(
        summary="A clip anew, after another prompt",
        asks={JSON: ref("OpenAIVideoRemix")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIVideo")},
    ),
    ("POST", "/v1/videos/edits"): Described(
        summary="A clip changed after a prompt",
        asks={JSON: ref("OpenAIVideoEdit"), FORM: ref("OpenAIVideoEditForm")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIVideo")},
    ),
    ("POST", "/v1/videos/extensions"): Described(
        summary="A clip gone on with",
        asks={JSON: ref("OpenAIVideoExtension"), FORM: ref("OpenAIVideoExtensionForm")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIVideo")},
    ),
    ("POST", "/v1/videos/characters"): Described(
        summary="Never made: no character is kept",
        status=404,
        answers={JSON: ref("OpenAIError")},
    ),
    ("GET", "/v1/videos/characters/{id}"): Described(
        summary="Never found: no character is kept",
        status=404,
        answers={JSON: ref("OpenAIError")},
    ),
}
"""By method and path."""
