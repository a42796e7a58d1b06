"""Examples for the description: requests that work as they stand, and what a refusal looks like."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

JSON = "application/json"
FOX = "a fox in snow"

PARAMETERS: dict[str, str] = {
    "job_id": "job_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "artifact_id": "art_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "batch_id": "batch_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "key_id": "key_5c1f0e6f2d9b4a7f",
    "message_id": "msg_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "name": "echo",
    "provider": "echo",
    "token": "a-token-that-the-attempt-was-given",
    "/v1/videos/{id}:id": "job_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/videos/{id}/content:id": "job_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/models/{id}:id": "echo/hello",
    "/v1/files/{id}:id": "file-5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/files/{id}/content:id": "file-5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/batches/{id}:id": "batch_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/batches/{id}/cancel:id": "batch_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/messages/batches/{id}:id": "msgbatch_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/messages/batches/{id}/results:id": "msgbatch_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
    "/v1/messages/batches/{id}/cancel:id": "msgbatch_5c1f0e6f2d9b4a7f8f6f0c1f2a3b4c5d",
}
"""By name; of dialects by path and name."""

ENVELOPE = {"schema_version": "2.0", "media_type": "image", "provider": "echo", "prompt": FOX}
BODIES: dict[tuple[str, str], dict[str, Any]] = {
    ("POST", "/api/generate"): {JSON: ENVELOPE},
    ("POST", "/api/estimate"): {JSON: ENVELOPE},
    ("POST", "/api/ai/text"): {JSON: {"prompt": "Say hello.", "model": "echo/hello"}},
    ("POST", "/api/ai/image"): {JSON: {"prompt": FOX, "aspect_ratio": "1:1", "quality": "draft"}},
    ("POST", "/api/ai/video"): {JSON: {"prompt": FOX, "duration_seconds": 2, "quality": "draft"}},
    ("POST", "/api/ai/audio"): {JSON: {"prompt": "lofi beat with rain", "duration_seconds": 2}},
    ("POST", "/api/ai/speech"): {JSON: {"text": "Good morning."}},
    ("POST", "/api/batches"): {
        JSON: {
            "media_type": "text",
            "requests": [
                {"custom_id": "one", "prompt": "Say hello."},
                {"custom_id": "two", "prompt": "Say goodbye."},
            ],
        },
        **dict.fromkeys(
            ("application/jsonl", "application/x-ndjson", "application/x-jsonlines"),
            '{"custom_id": "one", "media_type": "text", "prompt": "Say hello."}\n',
        ),
    },
    ("POST", "/api/jobs/{job_id}/resolve"): {JSON: {"outcome": "not_accepted"}},
    ("POST", "/api/keys"): {
        JSON: {"name": "team-a", "scopes": ["generate", "costs"], "models": ["echo/*"]}
    },
    ("PATCH", "/api/keys/{key_id}"): {JSON: {"name": "team-b"}},
    ("POST", "/api/keys/{key_id}/rotate"): {JSON: {"overlap_seconds": 3600}},
    ("POST", "/api/webhooks/secret/rotate"): {JSON: {"overlap_seconds": 3600}},
    ("PUT", "/api/providers/{name}"): {JSON: {"priority": 5}},
    ("PATCH", "/api/providers/{name}"): {JSON: {"weight": 2}},
    ("POST", "/webhooks/{provider}"): {JSON: {"id": "task_1", "status": "SUCCEEDED"}},
    ("POST", "/webhooks/{provider}/{token}"): {JSON: {"id": "task_1", "status": "SUCCEEDED"}},
}
"""Of our own paths, by method and path, then by media type."""
CODES = {401: "AUTHENTICATION_FAILED", 403: "AUTHENTICATION_FAILED", 404: "NOT_FOUND"}
AGAIN = frozenset({429, 503, 504})


def problem(status: int, detail: str) -> dict[str, Any]:
    """A refusal in our own form."""
    code = CODES.get(status, "INVALID_REQUEST" if status < 500 else "PROVIDER_ERROR")
    said: dict[str, Any] = {
        "type": f"urn:anymedia:problem:{code.lower().replace('_', '-')}",
        "title": HTTPStatus(status).phrase if status != 529 else "Error",
        "status": status,
        "detail": detail,
        "code": code,
        "retryable": status in AGAIN,
        "request_id": "req_0123456789abcdef01234567",
    }
    if status in {429, 503}:
        said["retry_after"] = 1.0
    return said
