"""Asking for media and words: the versioned envelope, and the typed requests.

Media become jobs. They are waited for as long as the caller likes; what is not done by then is
answered with `202`, and the job's address. A caller that hangs up cancels nothing.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING, Any, TypeAlias

from fastapi import APIRouter
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.client.handle import AsyncJobHandle
from anymedia.client.verbs import REQUESTS, request_for
from anymedia.contracts.envelope import (
    UnifiedRequest,
    answered,
    read_request,
    typed,
    write_response,
)
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.job import Job
from anymedia.contracts.media import Medium
from anymedia.contracts.request import MediaRequest, Request
from anymedia.contracts.result import MediaResult, Result
from anymedia.contracts.text import TextRequest
from anymedia.gateway import problems
from anymedia.gateway.callers import Caller
from anymedia.gateway.ours.reading import Wish, document, wish_of, with_key
from anymedia.gateway.ours.schemas import answers, asks
from anymedia.gateway.ours.shown import link, plain, shown
from anymedia.gateway.shared.document import as_json, encoded
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.refusals import headers_of, status_of
from anymedia.gateway.shared.streamed import Streamed

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

ANSWER = {"$ref": "#/components/schemas/EnvelopeAnswer"}
Outcome: TypeAlias = Result | Job
TYPED: tuple[Medium, ...] = ("text", "image", "video", "audio", "speech")
SOON_SECONDS = 2
"""When a job that was just accepted is worth a look."""


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["generation"])

    @routes.post(
        "/api/generate",
        summary="The envelope: any media, in any version of the schema",
        openapi_extra=asks("Envelope"),
        responses=answers({200: ANSWER, 202: ANSWER}),
    )
    async def generate(request: HttpRequest) -> Response:
        caller = gateway.asker(request)
        caller.need("generate")
        sent = await document(request, gateway.limit_bytes)
        envelope, version = read_request(sent)
        wish = wish_of(request, gateway.settings.wait_seconds)
        began = gateway.clock.now()
        outcome: Outcome | GenerationError
        try:
            outcome = await made(gateway, caller, with_key(typed(envelope), request), wish, request)
        except GenerationError as error:
            outcome = error
        return enveloped(gateway, envelope, outcome, version, began, wish)

    for medium in TYPED:
        routes.add_api_route(
            f"/api/ai/{medium}",
            typed_route(gateway, medium),
            methods=["POST"],
            name=f"make_{medium}",
            summary=f"Make {medium}",
            openapi_extra=asks(REQUESTS[medium].__name__),
            responses=answers(
                {200: REQUESTS[medium].result_type} | ({} if medium == "text" else {202: Job}),
                streams=medium == "text",
            ),
        )

    @routes.post(
        "/api/estimate",
        summary="What a request would cost and become, per candidate, before anything is spent",
        openapi_extra=asks("Envelope"),
        responses=answers({200: list[Estimate]}),
    )
    async def estimate(request: HttpRequest) -> Response:
        caller = gateway.asker(request)
        envelope, _ = read_request(await document(request, gateway.limit_bytes))
        found = await gateway.client.estimate(typed(envelope), asker=caller)
        return as_json([plain(one) for one in found])

    return routes


def typed_route(gateway: Gateway, medium: Medium) -> Any:
    """The route of one medium."""

    async def make(request: HttpRequest) -> Response:
        caller = gateway.asker(request)
        sent = await document(request, gateway.limit_bytes)
        wanted = with_key(request_for(medium, None, sent), request)
        if isinstance(wanted, TextRequest) and wants_stream(request):
            events = text_events(gateway, caller, wanted)
            return Streamed(request, events, problems.MANNER, gateway.clock)
        wish = wish_of(request, gateway.settings.wait_seconds)
        outcome = await made(gateway, caller, wanted, wish, request)
        headers = headers_for(outcome, wish)
        return as_json(shown(outcome), 200 if isinstance(outcome, Result) else 202, headers)

    return make


def wants_stream(request: HttpRequest) -> bool:
    """Whether words should come as they are said."""
    return "text/event-stream" in request.headers.get("accept", "").lower()


async def text_events(
    gateway: Gateway, caller: Caller, wanted: TextRequest
) -> AsyncGenerator[bytes, None]:
    """Events as server-sent ones, the result last."""
    async with aclosing(gateway.client.stream(wanted, asker=caller)) as events:
        async for event in events:
            said = encoded(plain(event))
            yield b"event: " + event.kind.encode() + b"\ndata: " + said + b"\n\n"


async def made(
    gateway: Gateway, caller: Caller, wanted: Request[Any], wish: Wish, request: HttpRequest
) -> Outcome:
    """The result, or the job that will have it. Raises `CallerGone`: a job goes on all the same."""
    if not isinstance(wanted, MediaRequest):
        with attended(request.receive):
            result: Result = await gateway.client.run(wanted, asker=caller)
        return result
    if not wish.wants_a_job and (kept := await gateway.client.recall(wanted, caller)) is not None:
        return kept
    handle = await gateway.client.submit(wanted, asker=caller)
    seconds = min(wish.seconds, wanted.timeout_seconds or wish.seconds)
    with attended(request.receive):
        outcome = await waited_for(handle, seconds)
    if isinstance(outcome, MediaResult):
        await gateway.client.remember(wanted, caller, outcome)
    return outcome


async def waited_for(handle: AsyncJobHandle, seconds: float) -> Outcome:
    """The result of a job if it has one by then, else the job; raises what it failed with."""
    try:
        if not handle.final and seconds <= 0:
            return handle.job
        return await handle.wait(seconds)
    except GenerationError as error:
        if not handle.final:
            return handle.job
        error.details.setdefault("job_id", handle.id)
        raise


def headers_for(outcome: Outcome, wish: Wish) -> dict[str, str]:
    """Where a job is looked after, and what was made of the caller's preference."""
    headers: dict[str, str] = {}
    if isinstance(outcome, Job):
        headers["location"] = f"/api/jobs/{outcome.id}"
        headers["retry-after"] = str(SOON_SECONDS)
    if wish.applied is not None:
        headers["preference-applied"] = wish.applied
    return headers


def enveloped(
    gateway: Gateway,
    envelope: UnifiedRequest,
    outcome: Outcome | GenerationError,
    version: Any,
    began: Any,
    wish: Wish,
) -> Response:
    """The response in the version that was asked in; its status says the same."""
    now = gateway.clock.now()
    said = answered(
        outcome,
        envelope,
        now=now,
        elapsed_seconds=max(0.0, (now - began).total_seconds()),
        artifact_url=link,
    )
    body = write_response(said, version)
    if isinstance(outcome, GenerationError):
        return as_json(body, status_of(outcome), headers_of(outcome))
    status = 202 if said.status == "processing" else 200
    return as_json(body, status, headers_for(outcome, wish))
