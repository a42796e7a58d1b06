"""The routes of clips: taken on as jobs, looked at, handed out, made of one another."""

from __future__ import annotations

from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.errors import NotFound
from anymedia.contracts.job import Job
from anymedia.contracts.video import VideoRequest
from anymedia.gateway.openai import revisions, videos
from anymedia.gateway.openai.asking import DIALECT, form_reading, keyed, page_of
from anymedia.gateway.shared.body import Form, document, form, media_type
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.spec import Gateway


class Videos:
    """What each route does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    async def film(self, request: HttpRequest) -> Response:
        """`POST /v1/videos`: taken on, and answered at once."""
        reading, given = await self._written(request)
        return await self._taken_on(request, videos.asked(reading, given), reading)

    async def _taken_on(
        self, request: HttpRequest, wanted: VideoRequest, reading: Reading
    ) -> Response:
        asker = self._gateway.asker(request, wanted)
        wanted, _ = await passed_on(
            self._gateway.client, wanted, reading, asker=asker, dialect=DIALECT
        )
        job = await self._gateway.client.submit(keyed(request, wanted), asker=asker)
        return polled(job.job)

    async def remix(self, request: HttpRequest) -> Response:
        """`POST /v1/videos/{id}/remix`: the same anew, after another prompt."""
        reading = Reading(await document(request, self._gateway.limit_bytes))
        revision = revisions.remix(reading, request.path_params["id"])
        return await self._revised(request, revision, reading)

    async def edit_film(self, request: HttpRequest) -> Response:
        """`POST /v1/videos/edits`."""
        reading, given = await self._written(request)
        return await self._revised(request, revisions.asked(reading, given, "edit"), reading)

    async def extend_film(self, request: HttpRequest) -> Response:
        """`POST /v1/videos/extensions`."""
        reading, given = await self._written(request)
        return await self._revised(request, revisions.asked(reading, given, "extend"), reading)

    async def keep_character(self, request: HttpRequest) -> Response:
        """`/v1/videos/characters`: nobody who can be asked keeps any."""
        self._gateway.asker(request)
        raise NotFound(
            "characters are not kept here; show who a clip is about by a picture, as "
            "`input_reference`, or by several as `references` of `POST /api/ai/video`"
        )

    async def _written(self, request: HttpRequest) -> tuple[Reading, Form | None]:
        """A body that is a form where it holds files, else JSON."""
        limit = self._gateway.limit_bytes
        if media_type(request) != "multipart/form-data":
            return Reading(await document(request, limit)), None
        given = await form(request, limit)
        return form_reading(given), given

    async def _revised(
        self, request: HttpRequest, revision: revisions.Revision, reading: Reading
    ) -> Response:
        """A clip that is made of another."""
        source = None
        if revision.source is not None:
            source = await self._film(request, revision.source)
        wanted = revisions.request(revision, source)
        if revision.body.model is None:
            asker = self._gateway.asker(request, wanted)
            revisions.check(await self._gateway.client.estimate(wanted, asker=asker))
        return await self._taken_on(request, wanted, reading)

    async def films(self, request: HttpRequest) -> Response:
        """`GET /v1/videos`."""
        limit, after = page_of(request)
        views = self._gateway.jobs(request)
        try:
            page = await views.page(
                limit=limit,
                after=after,
                media="video",
                oldest_first=request.query_params.get("order") == "asc",
            )
        except NotFound:
            raise NotFound(f"`after`: there is no video `{(after or '')[:100]}`") from None
        shown = [videos.video(one.job) for one in page.jobs]
        return as_json(videos.listed(shown, more=page.next is not None))

    async def look(self, request: HttpRequest) -> Response:
        """`GET /v1/videos/{id}`."""
        return polled(await self._film(request, request.path_params["id"]))

    async def delete(self, request: HttpRequest) -> Response:
        """`DELETE /v1/videos/{id}`: stopped, where it runs; what is finished is kept."""
        job = await self._film(request, request.path_params["id"])
        if not job.final:
            job = (await self._gateway.jobs(request).cancel(job.id)).job
        stopped = job.status == "cancelled" or job.cancel in {"requested", "confirmed"}
        return as_json({"id": job.id, "object": "video.deleted", "deleted": stopped})

    async def watch(self, request: HttpRequest) -> Response:
        """`GET /v1/videos/{id}/content`."""
        job = await self._film(request, request.path_params["id"])
        clip = videos.clip_of(job, request.query_params.get("variant"))
        return self._gateway.artifact(request, clip)

    async def _film(self, request: HttpRequest, name: str) -> Job:
        found = await self._gateway.jobs(request).get(name)
        if found.media != "video":
            raise NotFound(f"there is no video `{found.id}`")
        return found.job


def polled(job: Job) -> Response:
    """A job where it stands, and when to ask again."""
    wait = {} if job.final else {"openai-poll-after-ms": str(videos.POLL_MILLISECONDS)}
    return as_json(videos.video(job), headers=wait)
