"""What OpenAI's routes answer with, as schemas; beyond OpenAI's fields are those we add."""

from __future__ import annotations

from anymedia.gateway.shared.described import STRING, Schema, Schemas, a_list, an_object, maybe, ref

WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
LOGICAL: Schema = {"type": "boolean"}
OPEN: Schema = {"type": "object", "additionalProperties": True}
WARNINGS = a_list(an_object({"code": STRING, "message": STRING}))
COST: Schema = {"type": "number", "description": "US dollars."}


def constant(word: str) -> Schema:
    """A word that is always the same."""
    return {"const": word}


def listed(item: str) -> Schema:
    """A list as OpenAI has it."""
    return an_object({"object": constant("list"), "data": a_list(ref(item))})


TOKENS = {"input_tokens": WHOLE, "output_tokens": WHOLE, "total_tokens": WHOLE}
ANSWERS: Schemas = {
    "OpenAIError": an_object(
        {
            "error": an_object(
                {
                    "message": STRING,
                    "type": STRING,
                    "param": maybe(STRING),
                    "code": maybe(STRING),
                },
                {"provider": STRING},
            )
        }
    ),
    "OpenAIChatCompletion": an_object(
        {
            "id": STRING,
            "object": constant("chat.completion"),
            "created": WHOLE,
            "model": STRING,
            "choices": a_list(
                an_object(
                    {
                        "index": WHOLE,
                        "message": an_object(
                            {"role": constant("assistant")},
                            {
                                "content": maybe(STRING),
                                "refusal": maybe(STRING),
                                "reasoning_content": STRING,
                                "tool_calls": a_list(OPEN),
                                "provider_state": OPEN,
                            },
                        ),
                        "finish_reason": maybe(STRING),
                    }
                )
            ),
        },
        {
            "usage": maybe(
                an_object(
                    {"prompt_tokens": WHOLE, "completion_tokens": WHOLE, "total_tokens": WHOLE},
                    {"cost": COST},
                )
            ),
            "warnings": WARNINGS,
        },
    ),
    "OpenAIEmbeddings": an_object(
        {
            "object": constant("list"),
            "data": a_list(
                an_object(
                    {
                        "object": constant("embedding"),
                        "index": WHOLE,
                        "embedding": {"anyOf": [a_list(NUMBER), STRING]},
                    }
                )
            ),
            "model": STRING,
            "usage": an_object({"prompt_tokens": WHOLE, "total_tokens": WHOLE}, {"cost": COST}),
        },
        {"warnings": WARNINGS},
    ),
    "OpenAIImages": an_object(
        {
            "created": WHOLE,
            "data": a_list(
                {
                    "type": "object",
                    "properties": {"b64_json": STRING, "url": STRING, "revised_prompt": STRING},
                    "anyOf": [{"required": ["b64_json"]}, {"required": ["url"]}],
                }
            ),
            "usage": maybe(an_object(TOKENS, {"cost": COST})),
            "model": STRING,
            "job": STRING,
        },
        {
            "background": STRING,
            "quality": STRING,
            "output_format": STRING,
            "size": STRING,
            "warnings": WARNINGS,
        },
    ),
    "OpenAITranscription": an_object(
        {"text": STRING, "model": STRING},
        {"usage": maybe(OPEN), "segments": a_list(OPEN), "words": a_list(OPEN)},
    ),
    "OpenAIVideo": an_object(
        {
            "id": STRING,
            "object": constant("video"),
            "model": maybe(STRING),
            "status": {"enum": ["queued", "in_progress", "completed", "failed"]},
            "progress": {"type": "integer", "minimum": 0, "maximum": 100},
            "created_at": WHOLE,
            "completed_at": maybe(WHOLE),
            "expires_at": maybe(WHOLE),
            "prompt": maybe(STRING),
            "seconds": maybe(STRING),
            "size": maybe(STRING),
            "error": maybe(an_object({"code": STRING, "message": STRING})),
        },
        {"usage": an_object({"cost": COST}), "warnings": WARNINGS},
    ),
    "OpenAIVideos": an_object(
        {
            "object": constant("list"),
            "data": a_list(ref("OpenAIVideo")),
            "has_more": LOGICAL,
            "first_id": maybe(STRING),
            "last_id": maybe(STRING),
        }
    ),
    "OpenAIVideoDeleted": an_object(
        {"id": STRING, "object": constant("video.deleted"), "deleted": LOGICAL}
    ),
    "OpenAIModel": an_object(
        {"id": STRING, "object": constant("model"), "created": WHOLE, "owned_by": STRING},
        {"media": STRING, "tasks": a_list(STRING), "features": a_list(STRING)},
    ),
    "OpenAIModels": listed("OpenAIModel"),
}
"""By name."""
