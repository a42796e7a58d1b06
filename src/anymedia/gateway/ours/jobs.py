"""Jobs and what they made: looked at, watched, stopped, tried again, decided on, handed out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import Field
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.client.aio import AsyncJobsView
from anymedia.contracts.base import Contract
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.job import Job, JobStatus
from anymedia.contracts.media import Medium
from anymedia.contracts.mistakes import valid
from anymedia.gateway import problems
from anymedia.gateway.ours.artifacts import Seconds, with_links
from anymedia.gateway.ours.reading import document
from anymedia.gateway.ours.schemas import answers, listed
from anymedia.gateway.ours.shown import plain, shown
from anymedia.gateway.shared.document import as_json, encoded
from anymedia.gateway.shared.streamed import Streamed

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

Said = Annotated[str | None, Query(max_length=300)]
When = Annotated[
    str | None,
    Query(max_length=64, description="How long ago (`7d`, `24h`), a day, or a time."),
]
LISTED = listed("jobs", "Job")
LISTED["properties"]["next"] = {
    "type": ["string", "null"],
    "description": "Say it as `after` for the page that follows; null on the last.",
}
LAST = "end"
"""The id of the last event: a browser that comes back with it is told to stay away."""


class Resolution(Contract):
    """What became of a submission that nobody knows of."""

    outcome: Literal["accepted", "not_accepted", "abandoned"]
    handle: str | None = Field(default=None, min_length=1, max_length=4096)
    """With `accepted`: the provider's id of the job."""


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["jobs"])

    @routes.get(
        "/api/jobs",
        summary="Your jobs, the newest first",
        responses=answers({200: LISTED}),
    )
    async def jobs(
        request: HttpRequest,
        limit: Annotated[int, Query(ge=1, le=500)] = 50,
        after: Annotated[str | None, Query(max_length=200)] = None,
        status: JobStatus | None = None,
        media: Medium | None = None,
        provider: Said = None,
        model: Said = None,
        tag: Said = None,
        batch: Said = None,
        since: When = None,
        until: When = None,
        owner: Said = None,
    ) -> Response:
        """`next` is where the list goes on, and its path is in `Link`. `owner` is for administrators."""
        views = gateway.jobs(request)
        if owner is not None:
            gateway.admin(request)
            views = gateway.client.jobs.of(owner)
        page = await views.page(
            limit=limit,
            after=after,
            status=status,
            media=media,
            provider=provider,
            model=model,
            tag=tag,
            batch=batch,
            since=since,
            until=until,
        )
        headers = {}
        if page.next is not None:
            following = request.url.include_query_params(after=page.next)
            headers["link"] = f'<{following.path}?{following.query}>; rel="next"'
        body = {"jobs": [shown(one.job) for one in page.jobs], "next": page.next}
        return as_json(body, 200, headers)

    @routes.get(
        "/api/jobs/{job_id}", summary="One job with its timeline", responses=answers({200: Job})
    )
    async def job(request: HttpRequest, job_id: str, links: Seconds | None = None) -> Response:
        """`links` asks for a signed `link` with every artifact, good for so many seconds."""
        body = shown((await gateway.jobs(request).get(job_id)).job)
        return as_json(await with_links(gateway, request, body, links))

    @routes.delete(
        "/api/jobs/{job_id}",
        summary="Ask for a job to be stopped; `cancel` says what came of it, soon",
        responses=answers({200: Job, 202: Job}),
    )
    async def cancel(request: HttpRequest, job_id: str) -> Response:
        looked_after(gateway, request)
        found = (await gateway.jobs(request).cancel(job_id)).job
        return as_json(shown(found), 200 if found.final else 202)

    @routes.post(
        "/api/jobs/{job_id}/retry",
        summary="Try a failed or cancelled job once more",
        responses=answers({202: Job}),
    )
    async def retry(request: HttpRequest, job_id: str) -> Response:
        looked_after(gateway, request)
        found = (await gateway.jobs(request).retry(job_id)).job
        return as_json(shown(found), 202, {"location": f"/api/jobs/{job_id}"})

    @routes.post(
        "/api/jobs/{job_id}/resolve",
        summary="Say what became of a submission whose outcome is unknown",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": Resolution.model_json_schema()}},
            }
        },
        responses=answers({200: Job}),
    )
    async def resolve(request: HttpRequest, job_id: str) -> Response:
        looked_after(gateway, request)
        sent = await document(request, gateway.limit_bytes)
        said = valid(Resolution, sent, "the resolution")
        found = await gateway.jobs(request).resolve(job_id, said.outcome, said.handle)
        return as_json(shown(found.job))

    @routes.get(
        "/api/jobs/{job_id}/events",
        summary="A job's progress, as server-sent events, to its end",
        responses={
            200: {
                "description": "`progress`, what happened (such as `attempt-accepted`), and at "
                "last `job` with the whole job",
                "content": {"text/event-stream": {"schema": {"type": "string"}}},
            },
            204: {"description": "It ended before, and the caller has heard so"},
            "default": answers({})["default"],
        },
    )
    async def events(request: HttpRequest, job_id: str) -> Response:
        views = gateway.jobs(request)
        await views.get(job_id)
        heard = request.headers.get("last-event-id", "")
        if heard == LAST:
            return Response(status_code=204)
        known = int(heard) if heard.isdecimal() and len(heard) < 9 else 0
        return Streamed(
            request, told(gateway, views, job_id, known), problems.MANNER, gateway.clock
        )

    return routes


def looked_after(gateway: Gateway, request: HttpRequest) -> None:
    """Changing jobs takes the scope that making them does."""
    gateway.asker(request).need("generate")


async def told(
    gateway: Gateway, views: AsyncJobsView, job_id: str, known: int
) -> AsyncGenerator[bytes, None]:
    """What happens to a job, as it happens. `known` entries of its timeline were told before."""
    news: asyncio.Queue[Job | None] = asyncio.Queue()

    async def watch() -> None:
        with suppress(GenerationError):  # how it ended is in the job
            await views.wait(job_id, on_progress=news.put_nowait)
        news.put_nowait(None)

    watching = asyncio.create_task(watch())
    stopping = asyncio.create_task(gateway.stopping.wait())
    try:
        while not gateway.stopping.is_set():
            following = asyncio.create_task(news.get())
            await asyncio.wait((following, stopping), return_when=asyncio.FIRST_COMPLETED)
            if not following.done():
                following.cancel()
                break
            job = following.result()
            if job is None:
                job = (await views.get(job_id)).job
            for number, entry in enumerate(job.timeline[known:], known + 1):
                yield event(entry.event, plain(entry), str(number))
            known = max(known, len(job.timeline))
            if job.final:
                yield event("job", shown(job), LAST)
                return
            yield event("progress", standing(job), str(known))
        # Also when it was told to stop while something was being said.
        yield b": the gateway is restarting; come back\nretry: 1000\n\n"
    finally:
        watching.cancel()
        stopping.cancel()


def standing(job: Job) -> dict[str, Any]:
    """How a job stands, in short."""
    return {
        "id": job.id,
        "status": job.status,
        "progress": job.progress,
        "provider": job.provider,
        "model": job.model,
        "attempts": len(job.attempts),
    }


def event(name: str, document: Any, event_id: str) -> bytes:
    """One server-sent event."""
    head = f"id: {event_id}\nevent: {name}\ndata: "
    return head.encode() + encoded(document) + b"\n\n"
