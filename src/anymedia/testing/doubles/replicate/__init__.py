"""Replicate's double: predictions, files, the list, the account and signed calls, below `/v1`.

A prediction starts at one poll, runs at the next and is over at the third; `polls_starting` and
`polls_processing` change that, and `Prefer: wait` has it done at once. Words in a prompt script the
rest: `forbidden` is refused, `memory` runs out of it. The clock is handed in: what was made is
removed an hour later. The official client goes through its normal flow with it.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import itertools
import json
import re
import secrets
import time
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.background import BackgroundTask, BackgroundTasks
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.delivery import Delivery
from anymedia.testing.double import Double
from anymedia.testing.doubles.replicate.failures import KIND, Failure, invalid
from anymedia.testing.doubles.replicate.made import KEPT_SECONDS, Kept, Made, data_uri, written
from anymedia.testing.doubles.replicate.models import Runnable, runnable
from anymedia.testing.form import form

NOON = 1_795_262_400.0
"""A time for those who hand in a clock of their own."""
FIELDS = frozenset({"version", "input", "webhook", "webhook_events_filter", "stream"})
WAITS = re.compile(r"wait(=([1-9]|[1-5][0-9]|60))?")
PAGE = 100
FINAL = frozenset({"succeeded", "failed", "canceled", "aborted"})


class ReplicateDouble(Double):
    """Replicate on loopback."""

    def __init__(
        self,
        *,
        key: str = "r8_double",
        polls_starting: int = 1,
        polls_processing: int = 1,
        clock: Callable[[], float] = time.time,
        lists_webhooks: bool = False,
        inlines: bool = False,
    ) -> None:
        self.key = key
        self.polls_starting = polls_starting
        self.polls_processing = polls_processing
        self.clock = clock
        self.lists_webhooks = lists_webhooks
        """Whether predictions show the address that is called, which is not documented."""
        self.inlines = inlines
        """Whether an answer that was waited for holds its files inside; both have been seen."""
        self.secret = "whsec_" + base64.b64encode(bytes(range(24))).decode()
        self.models = runnable()
        self.predictions: dict[str, Made] = {}
        self.deliveries: list[Delivery] = []
        self.files: dict[str, Kept] = {}
        self._numbers = itertools.count(1)
        served: tuple[tuple[str, str, Callable[[Request], Awaitable[Response]]], ...] = (
            ("POST", "/v1/predictions", self._created),
            ("POST", "/v1/models/{owner}/{name}/predictions", self._created),
            ("GET", "/v1/predictions", self._listed),
            ("GET", "/v1/predictions/{id}", self._told),
            ("POST", "/v1/predictions/{id}/cancel", self._cancelled),
            ("POST", "/v1/files", self._kept),
            ("GET", "/v1/files/{name}", self._file),
            ("GET", "/v1/webhooks/default/secret", self._secret),
            ("GET", "/v1/account", self._account),
        )
        super().__init__(
            [
                *(Route(path, self._served(made), methods=[verb]) for verb, path, made in served),
                Route("/delivery/{name:path}", self._delivered, methods=["GET"]),
                Route("/{path:path}", self._served(lost), methods=["GET", "POST", "DELETE"]),
            ]
        )

    def _served(
        self, endpoint: Callable[[Request], Awaitable[Response]]
    ) -> Callable[[Request], Awaitable[Response]]:
        """An endpoint behind the token, with Replicate's headers and its way of failing."""

        async def serve(request: Request) -> Response:
            try:
                self._admit(request)
                response = await endpoint(request)
            except Failure as failure:
                response = JSONResponse(failure.body, failure.status, media_type=KIND)
            response.headers.update({"ratelimit-remaining": "599", "ratelimit-reset": "1"})
            return response

        return serve

    def _admit(self, request: Request) -> None:
        kind, _, key = request.headers.get("authorization", "").partition(" ")
        known = secrets.compare_digest(key.encode(), self.key.encode())
        if kind not in {"Bearer", "Token"} or not known:
            raise Failure(401, "You did not pass a valid authentication token", "Unauthenticated")

    # --- predictions ----------------------------------------------------------------------

    async def _created(self, request: Request) -> Response:
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise Failure(400, "The request body is not JSON") from None
        for name in body:
            if name not in FIELDS or (name == "version" and "owner" in request.path_params):
                raise invalid(f"Additional property {name} is not allowed")
        model = self._model(request, body)
        given = body.get("input")
        if not isinstance(given, dict):
            raise invalid("input is required", "input")
        model.check(given)
        wait = request.headers.get("prefer")
        if wait is not None and not WAITS.fullmatch(wait):
            raise Failure(400, "The Prefer header is not valid")
        made = Made(
            id=f"p{next(self._numbers):025d}",
            model=model,
            input=given,
            webhook=body.get("webhook"),
            created_at=self.clock(),
        )
        self.predictions[made.id] = made
        if wait is None:
            return JSONResponse(self._shown(made), 201)
        background = self._finish(made)
        # An answer that was waited for comes before the state is final.
        early = "processing" if made.status == "succeeded" else made.status
        shown = self._shown(made) | {"status": early}
        if self.inlines and made.output:
            uris = [data_uri(self.files[path]) for path in self.files if path.startswith(made.id)]
            shown["output"] = made.model.output(uris)
        return JSONResponse(shown, 201, {"Preference-Applied": "wait"}, background=background)

    def _model(self, request: Request, body: dict[str, Any]) -> Runnable:
        if "owner" in request.path_params:
            name = "{owner}/{name}".format(**request.path_params)
            found = self.models.get(name)
            if found is None:
                raise Failure(404, "The requested resource could not be found.")
            return found
        if "version" not in body:
            raise invalid("version is required", "version")
        found = self.models.get(str(body["version"]).rpartition(":")[2])
        if found is None:
            detail = "The specified version does not exist (or perhaps you don't have permission)"
            raise Failure(422, detail, "Invalid version or not permitted")
        return found

    def _known(self, request: Request) -> Made:
        made = self.predictions.get(request.path_params["id"])
        if made is None:
            raise Failure(404, "The requested resource could not be found.")
        return made

    async def _told(self, request: Request) -> Response:
        made = self._known(request)
        background = self._looked_at(made)
        return JSONResponse(self._shown(made), background=background)

    def _looked_at(self, made: Made) -> BackgroundTask | None:
        """Every look at it takes it a step further."""
        made.polls += 1
        if made.status in FINAL or made.polls <= self.polls_starting:
            return None
        made.status = "processing"
        ended = made.polls > self.polls_starting + self.polls_processing
        return self._finish(made) if ended else None

    async def _cancelled(self, request: Request) -> Response:
        made = self._known(request)
        if made.status not in FINAL:
            made.status = "aborted" if made.status == "starting" else "canceled"
            made.completed_at = self.clock()
        return JSONResponse(self._shown(made))

    async def _listed(self, request: Request) -> Response:
        after = request.query_params.get("created_after")
        since = datetime.fromisoformat(after).timestamp() if after else 0.0
        found = [one for one in reversed(self.predictions.values()) if one.created_at >= since]
        start = int(request.query_params.get("cursor", 0))
        more = None
        if len(found) > start + PAGE:
            more = str(request.url.include_query_params(cursor=start + PAGE))
        page, calls = found[start : start + PAGE], BackgroundTasks()
        if after is None:
            calls.tasks += [call for call in map(self._looked_at, page) if call is not None]
        results = [self._shown(one) for one in page]
        told = {"previous": None, "next": more, "results": results}
        return JSONResponse(told, background=calls)

    def _shown(self, made: Made) -> dict[str, Any]:
        """As the API shows it now."""
        shown = made.shown(self.base_url, self.clock())
        return shown | ({"webhook": made.webhook} if self.lists_webhooks else {})

    # --- the work -------------------------------------------------------------------------

    def _finish(self, made: Made) -> BackgroundTask | None:
        """Do the work, bill it, and call whoever wants to know."""
        words = str(made.input.get("prompt") or made.input.get("text"))
        made.completed_at = self.clock()
        if "forbidden" in words:
            made.status = "failed"
            made.error = "The input or output was flagged as sensitive. Please try again. (E005)"
        elif "memory" in words:
            made.status, made.error = "failed", "CUDA out of memory. Tried to allocate 2.00 GiB"
        else:
            made.status = "succeeded"
            urls = []
            for name, kind, data in made.model.files(made.input):
                path = f"{made.id}/{name}"
                self.files[path] = Kept(data, kind, self.clock() + KEPT_SECONDS)
                urls.append(f"{self.base_url}/delivery/{path}")
            made.output = made.model.output(urls)
            self.record.bill(made.id, made.model.cost(made.input), words)
        if made.webhook is None:
            return None
        delivery = self._signed(made.webhook, json.dumps(self._shown(made)).encode())
        self.deliveries.append(delivery)
        return BackgroundTask(delivery.post)

    def _signed(self, url: str, body: bytes) -> Delivery:
        identifier, timestamp = f"msg_{next(self._numbers)}", str(int(self.clock()))
        key = base64.b64decode(self.secret.removeprefix("whsec_"))
        text = f"{identifier}.{timestamp}.".encode() + body
        signature = base64.b64encode(hmac.new(key, text, hashlib.sha256).digest()).decode()
        headers = {
            "Content-Type": "application/json",
            "Webhook-Id": identifier,
            "Webhook-Timestamp": timestamp,
            "Webhook-Signature": f"v1,{signature}",
        }
        return Delivery(url, body, headers)

    # --- files and the account ------------------------------------------------------------

    async def _kept(self, request: Request) -> Response:
        parts = form(await request.body(), request.headers.get("content-type", ""))
        content = next((one for one in parts if one.name == "content"), None)
        if content is None:
            raise Failure(400, "Missing content")
        name = f"f{next(self._numbers)}"
        kind = content.media_type or "application/octet-stream"
        self.files[name] = Kept(content.content, kind, self.clock() + 86_400)
        checksums = {
            "sha256": hashlib.sha256(content.content).hexdigest(),
            "md5": hashlib.md5(content.content, usedforsecurity=False).hexdigest(),
        }
        shown = {
            "id": name,
            "name": content.filename or name,
            "content_type": kind,
            "size": len(content.content),
            "etag": checksums["md5"],
            "checksums": checksums,
            "metadata": {},
            "created_at": written(self.clock()),
            "expires_at": written(self.clock() + 86_400),
            "urls": {"get": f"{self.base_url}/v1/files/{name}"},
        }
        return JSONResponse(shown, 201)

    async def _file(self, request: Request) -> Response:
        return self._given(request.path_params["name"])

    async def _delivered(self, request: Request) -> Response:
        return self._given(request.path_params["name"])

    def _given(self, name: str) -> Response:
        kept = self.files.get(name)
        if kept is None or kept.until < self.clock():
            return Response("Not Found", 404)
        return Response(kept.data, media_type=kept.kind)

    async def _secret(self, _: Request) -> Response:
        return JSONResponse({"key": self.secret})

    async def _account(self, _: Request) -> Response:
        return JSONResponse({"type": "organization", "username": "double", "name": "Double"})


async def lost(_: Request) -> Response:
    """An address that is not there."""
    raise Failure(404, "The requested resource could not be found.")
