"""Batches of Anthropic's, and the counting of tokens, as OpenAPI has them."""

from __future__ import annotations

from typing import Any

from anymedia.gateway.anthropic import batch_lines, batches, tokens
from anymedia.gateway.shared.batched import besides
from anymedia.gateway.shared.described import (
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
    query,
    ref,
)

WHOLE: Schema = {"type": "integer"}
TIME: Schema = {"type": "string", "format": "date-time"}
COUNTS = ("processing", "succeeded", "errored", "canceled", "expired")
BETAS = header("anthropic-beta", STRING, "Passed on to models that speak this language.")
ASKED = {"model": "echo/hello", "messages": [{"role": "user", "content": "Say hello."}]}


def schemas(asked: Schema) -> Schemas:
    """Everything that the routes refer to; `asked` is the body of one message."""
    counted: dict[str, Any] = {
        **asked,
        "title": "AnthropicCountRequest",
        "required": [one for one in asked["required"] if one != "max_tokens"],
        "properties": {
            name: one
            for name, one in asked["properties"].items()
            if name not in tokens.ABOUT_ANSWERS
        },
    }
    return {
        "AnthropicCountRequest": counted,
        "AnthropicTokens": an_object(
            {"input_tokens": WHOLE},
            {
                "estimated": {
                    "const": True,
                    "description": "Nobody has counted: it is an estimate by the words' length.",
                },
                "warnings": a_list(an_object({"code": STRING, "message": STRING})),
            },
        ),
        "AnthropicBatchRequest": {
            "type": "object",
            "required": ["requests"],
            "properties": {
                "requests": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "type": "object",
                        "required": ["custom_id", "params"],
                        "properties": {
                            "custom_id": {
                                "type": "string",
                                "pattern": f"^{batch_lines.CUSTOM_ID.pattern}$",
                            },
                            "params": {
                                "description": "An `AnthropicRequest`; what is wrong with it is "
                                "told among the results.",
                            },
                        },
                        "additionalProperties": False,
                    },
                },
                "anymedia": besides(),
            },
            "additionalProperties": False,
        },
        "AnthropicBatch": an_object(
            {
                "id": STRING,
                "type": {"const": "message_batch"},
                "processing_status": {"enum": ["in_progress", "canceling", "ended"]},
                "request_counts": an_object(dict.fromkeys(COUNTS, WHOLE)),
                "created_at": TIME,
                "expires_at": TIME,
                "ended_at": maybe(TIME),
                "cancel_initiated_at": maybe(TIME),
                "archived_at": {"type": "null"},
                "results_url": maybe(STRING),
                "cost": maybe({"type": "number", "description": "US dollars, so far."}),
            }
        ),
        "AnthropicBatches": an_object(
            {
                "data": a_list(ref("AnthropicBatch")),
                "has_more": {"type": "boolean"},
                "first_id": maybe(STRING),
                "last_id": maybe(STRING),
            }
        ),
        "AnthropicBatchDeleted": an_object(
            {"id": STRING, "type": {"const": "message_batch_deleted"}}
        ),
    }


DESCRIBED: dict[tuple[str, str], Described] = {
    ("POST", tokens.PATH): Described(
        summary="How many tokens a message has",
        asks={JSON: ref("AnthropicCountRequest")},
        examples={JSON: ASKED},
        parameters=(BETAS,),
        answers={JSON: ref("AnthropicTokens")},
    ),
    ("POST", batches.PATH): Described(
        summary="Take many messages on as one batch",
        asks={JSON: ref("AnthropicBatchRequest")},
        examples={
            JSON: {"requests": [{"custom_id": "first", "params": {**ASKED, "max_tokens": 100}}]}
        },
        parameters=(BETAS, IDEMPOTENCY),
        answers={JSON: ref("AnthropicBatch")},
    ),
    ("GET", batches.PATH): Described(
        summary="Your batches, the newest first",
        parameters=(
            query(
                "limit",
                {"type": "integer", "minimum": 1, "maximum": batches.MOST_LISTED},
                "How many.",
            ),
            query("after_id", STRING, "The id that they follow."),
            query("before_id", STRING, "The id that they stand before."),
        ),
        answers={JSON: ref("AnthropicBatches")},
    ),
    ("GET", batches.PATH + "/{id}"): Described(
        summary="How a batch stands", answers={JSON: ref("AnthropicBatch")}
    ),
    ("DELETE", batches.PATH + "/{id}"): Described(
        summary="Remove a batch that has ended, with its results",
        answers={JSON: ref("AnthropicBatchDeleted")},
    ),
    ("GET", batches.PATH + "/{id}/results"): Described(
        summary="What became of each message, a line each, once the batch has ended",
        answers={batches.LINES: STRING},
    ),
    ("POST", batches.PATH + "/{id}/cancel"): Described(
        summary="Begin nothing more of it, and stop what can be stopped",
        answers={JSON: ref("AnthropicBatch")},
    ),
}
