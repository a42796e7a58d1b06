"""OpenAI's routes as OpenAPI has them: what each reads, and what it answers with."""

from __future__ import annotations

from typing import Any

from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.gateway.openai import (
    chat,
    described_batches,
    described_responses,
    described_revisions,
    embeddings,
    images,
    speech,
    transcription,
    videos,
)
from anymedia.gateway.openai.answered import ANSWERS
from anymedia.gateway.shared.described import (
    BYTES,
    EVENTS,
    IDEMPOTENCY,
    JSON,
    STRING,
    Described,
    Schema,
    Schemas,
    a_list,
    query,
    read_by,
    ref,
)

FORM = "multipart/form-data"
TEXTS: Schema = {"anyOf": [STRING, {"type": "array", "items": {"type": "object"}}]}
MESSAGE: Schema = {
    "type": "object",
    "required": ["role"],
    "properties": {
        "role": {"enum": ["system", "developer", "user", "assistant", "tool", "function"]},
        "content": {**TEXTS, "anyOf": [*TEXTS["anyOf"], {"type": "null"}]},
    },
    "additionalProperties": True,
    "description": "As OpenAI has it: words, or parts (`text`, `image_url`, `input_audio`, "
    "`video_url`, `file`); an answer that comes back may carry `tool_calls`, `reasoning_content` "
    "and `provider_state`.",
}
OPEN: Schema = {"type": ["object", "null"], "additionalProperties": True}
EXTENSION: Schema = {
    "type": ["object", "null"],
    "additionalProperties": True,
    "description": "What the dialect has no words for: `max_cost`, `tags`, `provider`, `options`, "
    "`session` and the like, as in our own requests.",
}
TOOLS: Schema = {
    "type": ["array", "null"],
    "items": {"type": "object", "required": ["type"], "additionalProperties": True},
}


def opened(schema: Schema, title: str, files: dict[str, Schema], *required: str) -> Schema:
    """The same body as a form, with its files."""
    return {
        **schema,
        "title": title,
        "properties": {**schema["properties"], **files},
        "required": [*schema.get("required", ()), *required],
    }


def schemas() -> Schemas:
    """Everything that the routes refer to."""
    found = bodies()
    picture = found["OpenAIImageRequest"]
    pictures = {"image": {"anyOf": [BYTES, a_list(BYTES)]}, "mask": BYTES}
    said, clip = found["OpenAITranscriptionRequest"], found["OpenAIVideoRequest"]
    english = found["OpenAITranslationRequest"]
    return {
        **found,
        "OpenAIImageEdit": opened(picture, "OpenAIImageEdit", pictures, "image"),
        "OpenAITranscriptionRequest": opened(said, said["title"], {"file": BYTES}, "file"),
        "OpenAITranslationRequest": opened(english, english["title"], {"file": BYTES}, "file"),
        "OpenAIVideoForm": opened(clip, "OpenAIVideoForm", {"input_reference": BYTES}),
        **ANSWERS,
        **described_batches.SCHEMAS,
        **described_responses.SCHEMAS,
        **described_revisions.SCHEMAS,
    }


def bodies() -> Schemas:
    """What the structs say that read the bodies."""
    return {
        **read_by(
            "OpenAIChatRequest",
            chat.Chat,
            becomes=TextRequest,
            names=chat.NAMES,
            fields={
                "messages": {"type": "array", "minItems": 1, "items": MESSAGE},
                "tools": TOOLS,
                "tool_choice": {
                    "anyOf": [{"enum": ["none", "auto", "required", None]}, {"type": "object"}]
                },
                "response_format": OPEN,
                "stream_options": OPEN,
                "n": {"enum": [1, None]},
                "anymedia": EXTENSION,
            },
        ),
        **read_by(
            "OpenAIEmbeddingRequest",
            embeddings.Body,
            becomes=EmbeddingRequest,
            fields={
                "input": {
                    "anyOf": [
                        STRING,
                        {"type": "array", "minItems": 1, "items": STRING},
                        {"type": "array", "minItems": 1, "items": {"type": "integer"}},
                        {
                            "type": "array",
                            "minItems": 1,
                            "items": {
                                "type": "array",
                                "minItems": 1,
                                "items": {"type": "integer"},
                            },
                        },
                    ]
                },
                "anymedia": EXTENSION,
            },
        ),
        **read_by(
            "OpenAIImageRequest",
            images.Body,
            becomes=ImageRequest,
            names=images.NAMES,
            fields={
                "size": {"type": ["string", "null"], "description": "`1024x1024`, or `auto`."},
                "quality": {"enum": [*images.QUALITIES, *OUR_QUALITIES, None]},
                "anymedia": EXTENSION,
            },
        ),
        **read_by(
            "OpenAISpeechRequest",
            speech.Body,
            becomes=SpeechRequest,
            names={"text": "input", "format": "response_format"},
            fields={"anymedia": EXTENSION},
        ),
        **read_by(
            "OpenAITranscriptionRequest",
            transcription.Body,
            becomes=TranscriptionRequest,
        ),
        **read_by(
            "OpenAITranslationRequest",
            transcription.Translation,
            becomes=TranscriptionRequest,
        ),
        **read_by(
            "OpenAIVideoRequest",
            videos.Body,
            becomes=VideoRequest,
            names=videos.NAMES,
            fields={
                "quality": {"enum": [*images.QUALITIES, *OUR_QUALITIES, None]},
                "input_reference": {
                    "anyOf": [{"type": "object"}, {"type": "null"}],
                    "description": '`{"image_url": ...}`: a URL or a data URI.',
                },
                "anymedia": EXTENSION,
            },
        ),
    }


OUR_QUALITIES = ("draft", "standard", "high", "cinematic")
HELLO = {"model": "echo/hello", "messages": [{"role": "user", "content": "Say hello."}]}
FOX = "a fox in snow"

DESCRIBED: dict[tuple[str, str], Described] = {
    **described_batches.DESCRIBED,
    **described_responses.DESCRIBED,
    **described_revisions.DESCRIBED,
    ("POST", "/v1/chat/completions"): Described(
        summary="Words, whole or as they come",
        asks={JSON: ref("OpenAIChatRequest")},
        examples={JSON: HELLO},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIChatCompletion"), EVENTS: STRING},
    ),
    ("POST", "/v1/embeddings"): Described(
        summary="Texts as vectors",
        asks={JSON: ref("OpenAIEmbeddingRequest")},
        examples={JSON: {"model": "echo/vectors", "input": ["fox", "snow"]}},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIEmbeddings")},
    ),
    ("POST", "/v1/images/generations"): Described(
        summary="Pictures from words",
        asks={JSON: ref("OpenAIImageRequest")},
        examples={JSON: {"model": "echo/picture", "prompt": FOX, "size": "256x256"}},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIImages"), EVENTS: STRING},
    ),
    ("POST", "/v1/images/edits"): Described(
        summary="Pictures from pictures and words",
        asks={FORM: ref("OpenAIImageEdit")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIImages"), EVENTS: STRING},
    ),
    ("POST", "/v1/audio/speech"): Described(
        summary="Words read aloud",
        asks={JSON: ref("OpenAISpeechRequest")},
        examples={JSON: {"model": "echo/voice", "input": "Good morning.", "voice": "narrator"}},
        parameters=(IDEMPOTENCY,),
        answers={"audio/*": BYTES, EVENTS: STRING},
    ),
    ("POST", "/v1/audio/transcriptions"): Described(
        summary="Speech as words",
        asks={FORM: ref("OpenAITranscriptionRequest")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAITranscription"), "text/plain": STRING, EVENTS: STRING},
    ),
    ("POST", "/v1/audio/translations"): Described(
        summary="Speech as words in English, by who can",
        asks={FORM: ref("OpenAITranslationRequest")},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAITranscription"), "text/plain": STRING},
    ),
    ("POST", "/v1/videos"): Described(
        summary="A clip, taken on as a job",
        asks={
            JSON: ref("OpenAIVideoRequest"),
            FORM: ref("OpenAIVideoForm"),
        },
        examples={JSON: {"model": "echo/clip", "prompt": FOX, "seconds": "4"}},
        parameters=(IDEMPOTENCY,),
        answers={JSON: ref("OpenAIVideo")},
    ),
    ("GET", "/v1/videos"): Described(
        summary="Your clips, the newest first",
        parameters=(
            query("limit", {"type": "integer", "minimum": 1, "maximum": 100}, "How many."),
            query("after", STRING, "The id of the clip that they follow."),
            query("order", {"enum": ["asc", "desc"]}, "`asc` for the oldest first."),
        ),
        answers={JSON: ref("OpenAIVideos")},
    ),
    ("GET", "/v1/videos/{id}"): Described(
        summary="How a clip stands", answers={JSON: ref("OpenAIVideo")}
    ),
    ("DELETE", "/v1/videos/{id}"): Described(
        summary="Stop a clip, if it is still being made", answers={JSON: ref("OpenAIVideoDeleted")}
    ),
    ("GET", "/v1/videos/{id}/content"): Described(
        summary="A clip's file, streamed; `Range` is heeded",
        parameters=(query("variant", {"enum": ["video"]}, "There is one."),),
        answers={"video/*": BYTES},
    ),
    ("GET", "/v1/models"): Described(
        summary="Models that can be asked; in Anthropic's words with `anthropic-version`",
        answers={JSON: {"oneOf": [ref("OpenAIModels"), ref("AnthropicModels")]}},
    ),
    ("GET", "/v1/models/{id}"): Described(
        summary="One model; its id may have a slash in it",
        answers={JSON: {"oneOf": [ref("OpenAIModel"), ref("AnthropicModel")]}},
    ),
}
"""By method and path."""


def described(method: str, path: str) -> Described | None:
    """What is said of a route."""
    return DESCRIBED.get((method, path))


ERROR: dict[str, Any] = {
    "error": {
        "message": "there is no model `gpt-x` here; `GET /v1/models` lists them",
        "type": "invalid_request_error",
        "param": "model",
        "code": "model_not_found",
    }
}
