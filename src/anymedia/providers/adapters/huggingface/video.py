"""Video behind the router: fal's queue and Together's jobs.

https://huggingface.co/docs/inference-providers (PyPI huggingface_hub 2.4.0, read 2026-11-21). fal
has no word for failure: a job that went wrong is complete, and its result answers with the error.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from anymedia.contracts.errors import ProviderError, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.huggingface.backends import found
from anymedia.providers.adapters.huggingface.errors import HUGGINGFACE_ERRORS
from anymedia.providers.adapters.huggingface.media import stated
from anymedia.providers.adapters.huggingface.results import file, files
from anymedia.providers.dialects.openai.errors import request_id
from anymedia.providers.dialects.openai.fields import OURS, merged
from anymedia.providers.explain import said_in
from anymedia.providers.inputs import reference
from anymedia.providers.spec import Brief, Job, Pace, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

QUEUE = {"_subdomain": "queue"}
PATH = re.compile(r"/[A-Za-z0-9][A-Za-z0-9/._-]{0,300}")
FINAL_ERRORS = frozenset({400, 422})


class Ticket(Shape):
    """The answer to a submission."""

    id: str | None = None
    request_id: str | None = None
    response_url: str | None = None
    status: str | None = None


class Status(Shape):
    """Where a job stands."""

    status: str | None = None
    outputs: Any = None
    error: Any = None


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Hand it in."""
    task = "image-to-video" if request.first_frame else "text-to-video"
    backend = yield from found(request.model, brief, (task,), ("fal-ai", "together"))
    frame = None if request.first_frame is None else reference(request.first_frame)
    body = {"prompt": request.prompt, **stated(seed=request.seed)}
    if backend.name == "fal-ai":
        body |= stated(image_url=frame, negative_prompt=request.negative_prompt)
        path, query = f"/fal-ai/{backend.model}", QUEUE
    else:
        shown = None if frame is None else [{"input_image": frame, "frame": "first"}]
        body |= {"model": backend.model, **stated(frame_images=shown)}
        path, query = "/together/v2/videos", {}
    response = yield post(path, query=query, json=merged(body, request.options, without=OURS))
    ticket = response.read(Ticket)
    if backend.name == "fal-ai":
        place = "/fal-ai" + urlsplit_path(ticket.response_url)
    else:
        place = f"/together/v2/videos/{ticket.id}"
    if not PATH.fullmatch(place) or ".." in place or place.endswith("/None"):
        raise UnreadableResponse("the answer names no job", accepted="yes")
    return Submitted(
        handle=place,
        state=Queued(),
        request_id=ticket.request_id or request_id(response, HUGGINGFACE_ERRORS),
    )


def urlsplit_path(url: str | None) -> str:
    """The path alone: the key goes to the router, whatever an answer says."""
    try:
        return urlsplit(url or "").path
    except ValueError:
        return ""


def poll(handle: str) -> Exchange[JobState]:
    """Where it stands, by the form of whoever has it."""
    if not PATH.fullmatch(handle):
        raise UnreadableResponse("this handle is no job behind the router")
    if handle.startswith("/fal-ai/"):
        return (yield from queued_at_fal(handle))
    response = yield get(handle)
    status = response.read(Status)
    match status.status:
        case "completed":
            made = file(status.outputs)
            if made is None:
                raise UnreadableResponse("the job names no video", accepted="yes")
            return Succeeded(artifacts=(made,), usage=Usage(requests=1))
        case "failed":
            words = said_in({"error": status.error})
            said = replace(words, message=words.message or "no reason given")
            return failed(HUGGINGFACE_ERRORS.decide(said))
        case "queued" | None:
            return Queued()
        case _:
            return Running()


def failed(error: ProviderError) -> Failed:
    """The end of a job that was taken on, whatever its failure says by itself."""
    error.accepted = "yes"
    return Failed(problem=error.problem())


def queued_at_fal(handle: str) -> Exchange[JobState]:
    """Ask, and once it is over fetch what came of it."""
    response = yield get(f"{handle}/status", query=QUEUE)
    match response.read(Status).status:
        case "IN_QUEUE":
            return Queued()
        case "COMPLETED":
            result = yield get(handle, query=QUEUE, allow=FINAL_ERRORS)
            if result.status >= 400:
                return failed(HUGGINGFACE_ERRORS(result))
            try:
                artifacts = files(result)
            except UnreadableResponse:
                raise
            except ProviderError as error:
                return failed(error)
            return Succeeded(
                request_id=request_id(result, HUGGINGFACE_ERRORS),
                artifacts=artifacts,
                usage=Usage(requests=1),
            )
        case _:
            return Running()


OPERATION = Job(VideoRequest, submit, poll, pace=Pace(first_seconds=3.0, longest_seconds=15.0))
