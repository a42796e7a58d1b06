"""Veo on Vertex AI: `predictLongRunning`, and an operation that is asked for by a POST.

Without a bucket (`storageUri` among the options) clips come inline, which may be large. Its shape
on the Gemini API, which is shut down there, is read all the same.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import CancelOutcome, Failed, JobState, Running, Succeeded
from anymedia.contracts.media import (
    GeneratedArtifact,
    InlineArtifact,
    MediaUrl,
    RemoteArtifact,
    as_base64,
    sniffed,
)
from anymedia.contracts.video import VideoRequest
from anymedia.providers.dialects.google.errors import failure_inside, refused
from anymedia.providers.dialects.google.parts import bare, type_of
from anymedia.providers.dialects.google.predict import asked, held_back
from anymedia.providers.dialects.google.storage import address
from anymedia.providers.dialects.google.surface import Surface
from anymedia.providers.dialects.openai.inline import decoded
from anymedia.providers.inputs import AnyMedia, held
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape


class Clip(Shape, rename="camel"):
    """One clip: in a bucket, at Google, or here."""

    gcs_uri: str | None = None
    uri: str | None = None
    bytes_base64_encoded: str | None = None
    encoded_video: str | None = None
    mime_type: str | None = None


class Sample(Shape):
    """A clip in the older shape."""

    video: Clip | None = None


class Made(Shape, rename="camel"):
    """What an operation has made, and what the safety system held back."""

    videos: tuple[Clip | None, ...] | None = None
    generated_samples: tuple[Sample | None, ...] | None = None
    generate_video_response: Made | None = None
    rai_media_filtered_count: int | None = None
    rai_media_filtered_reasons: tuple[str | None, ...] | None = None


class Operation(Shape):
    """Long work."""

    name: str | None = None
    done: bool | None = None
    response: Made | None = None
    error: Any = None


def submit(request: VideoRequest, brief: Brief, surface: Surface) -> Exchange[Submitted]:
    """Have it made."""
    instance: dict[str, Any] = {"prompt": request.prompt} if request.prompt else {}
    for name, frame in (
        ("image", request.first_frame),
        ("lastFrame", request.last_frame),
        ("video", request.video),
    ):
        if frame is not None:
            instance[name] = shown(frame)
    if request.references:
        instance["referenceImages"] = [
            {"image": shown(image), "referenceType": "asset"} for image in request.references
        ]
    seconds = request.duration_seconds
    parameters = {
        "sampleCount": request.count,
        "aspectRatio": request.aspect_ratio,
        "resolution": request.resolution,
        "durationSeconds": int(seconds) if seconds is not None else None,
        "generateAudio": request.audio,
        "negativePrompt": request.negative_prompt,
        "seed": request.seed,
    }
    body = {**asked(instance, parameters, request.options), **surface.labelled(brief.marker)}
    response = yield post(surface.method(request.model, "predictLongRunning"), json=body)
    operation = response.read(Operation)
    if operation.error:
        raise failure_inside({"error": operation.error})
    if not operation.name or "/" not in operation.name:
        raise UnreadableResponse("the operation has no `name`", accepted="unknown")
    return Submitted(handle=operation.name, request_id=operation.name.rpartition("/")[2])


def shown(media: AnyMedia) -> dict[str, str]:
    """A picture or clip: the bytes, or its name in a bucket."""
    if isinstance(media, MediaUrl):
        found = {"gcsUri": media.url}
        if (media_type := type_of(media)) is not None:
            found["mimeType"] = media_type
        return found
    given = held(media)
    return {"bytesBase64Encoded": as_base64(given.data), "mimeType": bare(given.media_type)}


def model_of(handle: str) -> str:
    """The model that an operation's name says it is of."""
    before, _, _ = handle.partition("/operations/")
    return before.rpartition("models/")[2]


def poll(handle: str, surface: Surface) -> Exchange[JobState]:
    """Where it stands. On Vertex the operation is asked for through its model."""
    if handle.startswith(("projects/", "publishers/")):  # the latter with a key, without a project
        path = surface.method(model_of(handle), "fetchPredictOperation")
        response = yield post(path, json={"operationName": handle})
    else:
        response = yield get(f"/v1beta/{quote(handle, safe='/')}")
    return state(response.read(Operation))


def cancel(handle: str, surface: Surface) -> Exchange[CancelOutcome]:
    """Ask for a stop. Whether publishers' models heed it is not documented."""
    version = surface.models.split("/")[1]
    response = yield post(
        f"/{version}/{quote(handle, safe='/')}:cancel",
        json={},
        allow=frozenset({400, 403, 404, 405, 409, 501}),
    )
    return "impossible" if response.status >= 400 else "requested"


def state(operation: Operation) -> JobState:
    """Where an operation stands; there is no progress."""
    if operation.error:
        return Failed(problem=failure_inside({"error": operation.error}).problem())
    if not operation.done:
        return Running()
    outer = operation.response or Made()
    made = outer.generate_video_response or outer
    listed = made.videos or tuple(one.video for one in made.generated_samples or () if one)
    artifacts = tuple(found for clip in listed if (found := artifact(clip)) is not None)
    reasons = [reason for reason in made.rai_media_filtered_reasons or () if reason]
    if artifacts:
        return Succeeded(
            artifacts=artifacts, warnings=tuple(held_back(reason) for reason in reasons)
        )
    if reasons or made.rai_media_filtered_count:
        why = "; ".join(reasons) or "the safety filter held every clip back"
        return Failed(problem=refused("SAFETY", why).problem())
    error = UnreadableResponse("the operation is done and holds no clips", accepted="yes")
    return Failed(problem=error.problem())


def artifact(clip: Clip | None) -> GeneratedArtifact | None:
    """One clip where it is."""
    if clip is None:
        return None
    if encoded := clip.bytes_base64_encoded or clip.encoded_video:
        data = decoded(encoded)
        return InlineArtifact(data=data, media_type=clip.mime_type or sniffed(data))
    if where := clip.gcs_uri or clip.uri:
        return RemoteArtifact(url=address(where), media_type=clip.mime_type, needs_key=True)
    return None
