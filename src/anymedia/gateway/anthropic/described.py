"""Anthropic's routes as OpenAPI has them: what each reads, and what it answers with."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.text import TextRequest
from anymedia.gateway.anthropic import described_batches, question
from anymedia.gateway.shared.described import (
    EVENTS,
    IDEMPOTENCY,
    JSON,
    STRING,
    Described,
    Schema,
    Schemas,
    a_list,
    an_object,
    header,
    maybe,
    read_by,
    ref,
)

WHOLE: Schema = {"type": "integer"}
OPEN: Schema = {"type": ["object", "null"], "additionalProperties": True}
BLOCKS: Schema = {
    "anyOf": [STRING, {"type": "array", "items": {"type": "object", "required": ["type"]}}]
}
TURN = {
    **an_object({"role": {"enum": ["user", "assistant", "system"]}, "content": BLOCKS}),
    "description": "As Anthropic has it: words, or blocks (`text`, `image`, `document`, "
    "`tool_use`, `tool_result`, `thinking`).",
}


def schemas() -> Schemas:
    """Everything that the routes refer to."""
    asked = read_by(
        "AnthropicRequest",
        question.Body,
        becomes=TextRequest,
        names=question.NAMES,
        fields={
            "messages": {"type": "array", "minItems": 1, "items": TURN},
            "system": {"anyOf": [*BLOCKS["anyOf"], {"type": "null"}]},
            "tools": {"type": ["array", "null"], "items": {"type": "object"}},
            "tool_choice": OPEN,
            "thinking": OPEN,
            "output_config": OPEN,
            "anymedia": OPEN,
        },
    )
    return {
        **asked,
        **described_batches.schemas(asked["AnthropicRequest"]),
        "AnthropicMessage": an_object(
            {
                "id": STRING,
                "type": {"const": "message"},
                "role": {"const": "assistant"},
                "model": STRING,
                "content": a_list(
                    {
                        "type": "object",
                        "required": ["type"],
                        "properties": {"type": STRING},
                        "additionalProperties": True,
                    }
                ),
                "stop_reason": maybe(STRING),
                "stop_sequence": maybe(STRING),
                "usage": an_object(
                    {"input_tokens": WHOLE, "output_tokens": WHOLE},
                    {"cost": {"type": "number", "description": "US dollars."}},
                ),
            },
            {"warnings": a_list(an_object({"code": STRING, "message": STRING}))},
        ),
        "AnthropicModel": an_object(
            {"type": {"const": "model"}, "id": STRING, "display_name": STRING, "created_at": STRING}
        ),
        "AnthropicModels": an_object(
            {
                "data": a_list(ref("AnthropicModel")),
                "has_more": {"type": "boolean"},
                "first_id": maybe(STRING),
                "last_id": maybe(STRING),
            }
        ),
        "AnthropicError": an_object(
            {
                "type": {"const": "error"},
                "error": an_object(
                    {"type": STRING, "message": STRING}, {"provider": STRING, "param": STRING}
                ),
                "request_id": STRING,
            }
        ),
    }


DESCRIBED: dict[tuple[str, str], Described] = {
    **described_batches.DESCRIBED,
    ("POST", "/v1/messages"): Described(
        summary="Words, whole or as they come",
        asks={JSON: ref("AnthropicRequest")},
        examples={
            JSON: {
                "model": "echo/hello",
                "max_tokens": 100,
                "messages": [{"role": "user", "content": "Say hello."}],
            }
        },
        parameters=(
            header("anthropic-version", STRING, "Any; clients send it."),
            header("anthropic-beta", STRING, "Passed on to models that speak this language."),
            IDEMPOTENCY,
        ),
        answers={JSON: ref("AnthropicMessage"), EVENTS: STRING},
    ),
}
"""By method and path."""

ERROR: dict[str, Any] = {
    "type": "error",
    "error": {"type": "invalid_request_error", "message": "`max_tokens`: is missing"},
    "request_id": "req_0123456789abcdef01234567",
}
