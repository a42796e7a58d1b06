"""OpenAI's responses as OpenAPI has them."""

from __future__ import annotations

from anymedia.contracts.text import TextRequest
from anymedia.gateway.openai import responses
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
    maybe,
    read_by,
    ref,
)

WHOLE: Schema = {"type": "integer"}
OPEN: Schema = {"type": ["object", "null"], "additionalProperties": True}
NEVER: Schema = {
    "type": ["boolean", "null"],
    "enum": [False, None],
    "description": "Nothing is kept here.",
}
NOT_KEPT: Schema = {"type": "null", "description": "Nothing is kept here: send the whole input."}
ITEM: Schema = {
    "type": "object",
    "additionalProperties": True,
    "description": "As OpenAI has it: messages (`role`, `content` as words or as `input_text`, "
    "`input_image`, `input_file`), `function_call`, `function_call_output`, `reasoning`; items of "
    "earlier answers as they came. Whatever else there is goes to OpenAI alone.",
}
RESPONSE: Schema = an_object(
    {
        "id": STRING,
        "object": {"const": "response"},
        "created_at": WHOLE,
        "completed_at": maybe(WHOLE),
        "status": {"enum": ["completed", "incomplete", "failed"]},
        "model": STRING,
        "output": a_list({"type": "object", "required": ["type"], "additionalProperties": True}),
        "error": OPEN,
        "incomplete_details": OPEN,
        "usage": maybe(
            an_object(
                {
                    "input_tokens": WHOLE,
                    "input_tokens_details": an_object(
                        {"cached_tokens": WHOLE, "cache_write_tokens": WHOLE}
                    ),
                    "output_tokens": WHOLE,
                    "output_tokens_details": an_object({"reasoning_tokens": WHOLE}),
                    "total_tokens": WHOLE,
                },
                {"cost": {"type": "number", "description": "US dollars."}},
            )
        ),
        "store": {"const": False},
    },
    {"warnings": a_list(an_object({"code": STRING, "message": STRING}))},
)
SCHEMAS: Schemas = {
    **read_by(
        "OpenAIResponseRequest",
        responses.Body,
        becomes=TextRequest,
        fields={
            "input": {
                "anyOf": [
                    {"type": "string", "minLength": 1},
                    {"type": "array", "minItems": 1, "items": ITEM},
                ]
            },
            "tools": {
                "type": ["array", "null"],
                "items": {
                    "type": "object",
                    "required": ["type"],
                    "properties": {"type": STRING},
                    "additionalProperties": True,
                },
            },
            "tool_choice": {
                "anyOf": [{"enum": ["none", "auto", "required", None]}, {"type": "object"}]
            },
            "text": OPEN,
            "reasoning": OPEN,
            "stream_options": OPEN,
            "store": NEVER,
            "background": NEVER,
            "previous_response_id": NOT_KEPT,
            "conversation": NOT_KEPT,
            "anymedia": {**OPEN, "description": "As for `/v1/chat/completions`."},
        },
    ),
    "OpenAIResponse": RESPONSE,
}
DESCRIBED: dict[tuple[str, str], Described] = {
    ("POST", "/v1/responses"): Described(
        summary="A response, whole or as it comes; nothing of it is kept",
        asks={JSON: ref("OpenAIResponseRequest")},
        examples={JSON: {"model": "echo/hello", "input": "Say hello."}},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIResponse"), EVENTS: STRING},
    ),
    ("GET", "/v1/responses/{id}"): Described(
        summary="Never found: no response is kept",
        status=404,
        answers={JSON: ref("OpenAIError")},
    ),
    ("DELETE", "/v1/responses/{id}"): Described(
        summary="Never found: no response is kept",
        status=404,
        answers={JSON: ref("OpenAIError")},
    ),
}
"""By method and path."""
