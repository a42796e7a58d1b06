"""Pictures, speech, transcription and vectors behind the router: one form per sub-provider."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import UnreadableResponse, UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import GeneratedArtifact
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.huggingface.backends import Backend, found
from anymedia.providers.adapters.huggingface.errors import HUGGINGFACE_ERRORS
from anymedia.providers.adapters.huggingface.results import files, raw
from anymedia.providers.dialects.openai.errors import request_id
from anymedia.providers.dialects.openai.fields import OURS, merged
from anymedia.providers.dialects.openai.image_size import size
from anymedia.providers.dialects.openai.transcription import answer as heard
from anymedia.providers.inputs import as_spoken, held
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpRequest, HttpResponse, post

WAIT = {"Prefer": "wait"}
IMAGE = ("hf-inference", "fal-ai", "together", "nscale", "replicate")
SPEECH = ("hf-inference", "fal-ai", "together", "replicate")
HEARING = ("hf-inference", "fal-ai")


def prediction(backend: Backend, given: dict[str, Any]) -> HttpRequest:
    """Replicate's form: by the model's name, or by one version of it."""
    name, _, version = backend.model.partition(":")
    if version:
        body = {"input": given, "version": version}
        return post("/replicate/v1/predictions", json=body, headers=WAIT)
    return post(f"/replicate/v1/models/{name}/predictions", json={"input": given}, headers=WAIT)


def image(request: ImageRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """Have a picture made."""
    backend = yield from found(request.model, brief, ("text-to-image",), IMAGE)
    response = yield picture(request, backend)
    artifacts = (raw if backend.name == "hf-inference" else files)(response)
    return made(response, backend, artifacts, Usage(images=len(artifacts), requests=1))


def picture(request: ImageRequest, backend: Backend) -> HttpRequest:
    """The same prompt in each sub-provider's words."""
    pixels = size(request.aspect_ratio, request.resolution)
    width, height = (int(side) for side in pixels.split("x")) if pixels else (None, None)
    sides = {"width": width, "height": height} if pixels else {}
    shared = stated(seed=request.seed, negative_prompt=request.negative_prompt)
    options = {name: value for name, value in request.options.items() if name not in OURS}
    prompt = {"prompt": request.prompt}
    match backend.name:
        case "hf-inference":
            parameters = {**sides, **shared, **options}
            return post(
                f"/hf-inference/models/{backend.model}",
                json={"inputs": request.prompt, "parameters": parameters},
                headers={"Accept": "image/png"},
            )
        case "fal-ai":
            body = {**prompt, **stated(image_size=sides or None), **shared}
            return post(f"/fal-ai/{backend.model}", json=merged(body, options))
        case "replicate":
            return prediction(backend, {**prompt, **sides, **shared, **options})
        case "together":
            body = {"model": backend.model, **prompt, "response_format": "base64", **sides}
            return post("/together/v1/images/generations", json=merged({**body, **shared}, options))
        case _:
            body = {"model": backend.model, **prompt, "response_format": "b64_json"}
            body |= {**stated(size=pixels), **shared}
            return post("/nscale/v1/images/generations", json=merged(body, options))


def speech(request: SpeechRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """Have it read aloud."""
    backend = yield from found(request.model, brief, ("text-to-speech",), SPEECH)
    options = {name: value for name, value in request.options.items() if name not in OURS}
    flat = {"text": request.text, **stated(voice=request.voice, speed=request.speed), **options}
    read_out: Callable[[HttpResponse], tuple[GeneratedArtifact, ...]] = files
    match backend.name:
        case "hf-inference":
            read_out = raw
            body: dict[str, Any] = {"inputs": request.text, "parameters": options}
            response = yield post(f"/hf-inference/models/{backend.model}", json=body)
        case "fal-ai":
            response = yield post(f"/fal-ai/{backend.model}", json=flat)
        case "replicate":
            response = yield prediction(backend, flat)
        case _:
            if request.voice is None:
                raise UnsupportedOption("this sub-provider wants a `voice`")
            read_out = raw
            body = {"model": backend.model, "input": request.text, "voice": request.voice}
            response = yield post("/together/v1/audio/speech", json=merged(body, options))
    counted = Usage(characters=len(request.text), estimated=True)
    return made(response, backend, read_out(response), counted)


def made(
    response: HttpResponse,
    backend: Backend,
    artifacts: tuple[GeneratedArtifact, ...],
    usage: Usage,
) -> MediaAnswer:
    """The answer, with the name of whoever served it."""
    return MediaAnswer(
        request_id=request_id(response, HUGGINGFACE_ERRORS),
        artifacts=artifacts,
        usage=usage,
        metadata={"provider": backend.name, "provider_model": backend.model},
    )


def transcribe(request: TranscriptionRequest, brief: Brief) -> Exchange[TranscriptAnswer]:
    """Have a recording written down."""
    as_spoken(request)
    tasks = ("automatic-speech-recognition",)
    backend = yield from found(request.model, brief, tasks, HEARING)
    sound = held(request.audio)
    if backend.name == "fal-ai":
        body = {"audio_url": sound.data_uri(), **stated(language=request.language)}
        response = yield post(f"/fal-ai/{backend.model}", json=merged(body, request.options))
    else:
        response = yield post(
            f"/hf-inference/models/{backend.model}",
            content=sound.data,
            content_type=sound.media_type,
        )
    told = heard(response, HUGGINGFACE_ERRORS)
    return told.model_copy(update={"metadata": {"provider": backend.name}})


def embed(request: EmbeddingRequest, brief: Brief) -> Exchange[EmbeddingAnswer]:
    """Have the texts measured."""
    backend = yield from found(
        request.model, brief, ("feature-extraction", "sentence-similarity"), ("hf-inference",)
    )
    body: dict[str, Any] = {"inputs": list(request.inputs)}
    response = yield post(
        f"/hf-inference/models/{backend.model}/pipeline/feature-extraction",
        json=merged(body, request.options, without=OURS),
    )
    vectors = response.read(tuple[tuple[float, ...], ...])
    if len(vectors) != len(request.inputs):
        raise UnreadableResponse(
            f"the answer has {len(vectors)} vectors for {len(request.inputs)} texts",
            accepted="unknown",
        )
    if not all(math.isfinite(number) for vector in vectors for number in vector):
        raise UnreadableResponse("a vector has a value that is no number", accepted="unknown")
    return EmbeddingAnswer(request_id=request_id(response, HUGGINGFACE_ERRORS), embeddings=vectors)


def stated(**fields: Any) -> dict[str, Any]:
    """The fields that have a value."""
    return {name: value for name, value in fields.items() if value is not None}
