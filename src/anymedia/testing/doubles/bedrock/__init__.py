"""Bedrock's double: Stability's pictures, Luma's clips, and the bucket that these end in.

Every call has to carry the account's Bedrock key or its signature; the bucket takes signatures
alone. A job runs for `slowness` polls. `forbidden` in a prompt is refused on the way in (a picture
is withheld), `forbidden-late` and `broken` make a job fail.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double, Fault
from anymedia.testing.doubles.bedrock import bodies
from anymedia.testing.doubles.bedrock.bodies import Mistake
from anymedia.testing.doubles.bedrock.proof import Denied, Keys, prove
from anymedia.testing.doubles.openai.images import drawn
from anymedia.testing.doubles.openai.mind import FORBIDDEN
from anymedia.testing.films import film, sides

Handler = Callable[[Request, Any], Response]
BUCKET = "double-bucket"
PLACE = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(/.*)?")
ACCOUNT = "123456789012"
FAILURES = {
    "forbidden-late": "This generation was blocked by our content filters",
    "broken": "The model could not render this",
}
LISTED = ("invocationArn", "modelArn", "clientRequestToken", "status", "submitTime")


class BedrockDouble(Double):
    """One region of AWS on loopback, with one account."""

    options: ClassVar[Mapping[str, Any]] = {"s3_uri": f"s3://{BUCKET}/clips"}

    def __init__(
        self,
        *,
        key: str = "bedrock-double-key",
        region: str = "us-west-2",
        slowness: int = 2,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.key = key
        self.secrets = {
            "access_key": "AKIADOUBLE",
            "secret_key": "double-secret-key",
            "region": region,
        }
        self.slowness = slowness
        self.jobs: dict[str, dict[str, Any]] = {}
        self.files: dict[str, bytes] = {}
        """What lies in the bucket, by key; deleting one ends it."""
        self.models = {model.id: model for model in catalogued("bedrock")}
        self._keys = Keys(api_key=key, **self.secrets)
        self._now = now
        super().__init__(
            [
                Route("/model/{id}/invoke", self._served(self._invoke), methods=["POST"]),
                Route("/async-invoke", self._served(self._start), methods=["POST"]),
                Route("/async-invoke", self._served(self._list), methods=["GET"]),
                Route("/async-invoke/{arn:path}", self._served(self._show), methods=["GET"]),
                Route("/{bucket}/{key:path}", self._object, methods=["GET"]),
            ]
        )

    # --- what everything goes through ---------------------------------------------------------

    def _served(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        async def serve(request: Request) -> Response:
            content = await request.body()
            try:
                prove(request, content, self._keys, service="bedrock", now=self._now())
                response = handler(request, parsed(content) if content else {})
            except Denied as denied:
                response = failure(403, denied.kind, denied.message)
            except Mistake as mistake:
                response = failure(mistake.status, mistake.kind, mistake.message)
            response.headers["x-amzn-requestid"] = f"bedrock-{len(self.record.requests)}"
            return response

        return serve

    # --- pictures -----------------------------------------------------------------------------

    def _invoke(self, request: Request, body: Any) -> Response:
        model = bodies.model(request.path_params["id"], self.models, "image")
        width, height = bodies.picture(body, model)
        seed = int(body.get("seed") or 7)
        if FORBIDDEN in body["prompt"]:
            withheld = {"seeds": [], "finish_reasons": ["Filter reason: prompt"], "images": []}
            return JSONResponse(withheld)
        self._bill(model.id, sum((price.usd for price in model.prices[:1]), Decimal()))
        picture = drawn(width, height, str(body.get("output_format", "PNG")).lower())
        made = {"finish_reasons": [None], "images": [base64.b64encode(picture).decode()]}
        return JSONResponse({"seeds": [seed], **made})

    # --- clips --------------------------------------------------------------------------------

    def _start(self, _: Request, body: Any) -> Response:
        token = body.get("clientRequestToken")
        for job in self.jobs.values():
            if token is not None and job["clientRequestToken"] == token:
                if job["_body"] != body:
                    raise Mistake("The token belongs to another request", "ConflictException")
                return JSONResponse({"invocationArn": job["invocationArn"]})
        model = bodies.model(str(body.get("modelId")), self.models, "video")
        price = bodies.clip(body.get("modelInput"), model)
        place = ((body.get("outputDataConfig") or {}).get("s3OutputDataConfig") or {}).get("s3Uri")
        found = PLACE.fullmatch(str(place))
        if found is None or found[1] != BUCKET:
            raise Mistake("Invalid Output Config/Credentials")
        prompt = body["modelInput"]["prompt"]
        if FORBIDDEN in prompt and "forbidden-late" not in prompt:
            raise Mistake("The prompt was blocked by our content filters")
        region, name = self.secrets["region"], f"double{len(self.jobs) + 1:06d}"
        arn = f"arn:aws:bedrock:{region}:{ACCOUNT}:async-invoke/{name}"
        now = stamp(self._now())
        self.jobs[arn] = {
            "invocationArn": arn,
            "modelArn": f"arn:aws:bedrock:{region}::foundation-model/{model.id}",
            "clientRequestToken": token,
            "status": "InProgress",
            "submitTime": now,
            "lastModifiedTime": now,
            "outputDataConfig": body["outputDataConfig"],
            "_body": body,
            "_polls": 0,
            "_price": price,
            "_folder": "/".join(filter(None, ((found[2] or "").strip("/"), name))),
        }
        return JSONResponse({"invocationArn": arn})

    def _show(self, request: Request, _: Any) -> Response:
        job = self.jobs.get(request.path_params["arn"])
        if job is None:
            raise Mistake("Async invocation not found", "ResourceNotFoundException", 404)
        self._looked_at(job)
        return JSONResponse(shown(job))

    def _looked_at(self, job: dict[str, Any]) -> None:
        """Every look at it takes it a step further."""
        job["_polls"] += 1
        if job["status"] == "InProgress" and job["_polls"] > self.slowness:
            self._end(job)

    def _end(self, job: dict[str, Any]) -> None:
        job["lastModifiedTime"] = job["endTime"] = stamp(self._now())
        prompt = job["_body"]["modelInput"]["prompt"]
        reason = next((words for word, words in FAILURES.items() if word in prompt), None)
        if reason is not None:
            job |= {"status": "Failed", "failureMessage": reason}
            return
        job["status"] = "Completed"
        self._bill(job["invocationArn"], job["_price"], prompt)
        asked = job["_body"]["modelInput"]
        size = sides(asked.get("resolution", "720p"), asked.get("aspect_ratio", "16:9"))
        clip = film(*size, bodies.LENGTHS[asked.get("duration", "5s")])
        self.files[f"{job['_folder']}/output.mp4"] = clip
        manifest = {"status": "SUCCESS", "outputs": ["output.mp4"]}
        self.files[f"{job['_folder']}/manifest.json"] = json.dumps(manifest).encode()

    def _list(self, request: Request, _: Any) -> Response:
        asked = request.query_params
        try:
            most, start = int(asked.get("maxResults", 100)), int(asked.get("nextToken", 0))
        except ValueError:
            raise Mistake("maxResults and nextToken should be as they were told") from None
        if not 1 <= most <= 1000:
            raise Mistake("maxResults should be from 1 to 1000")
        if "statusEquals" in asked:
            for job in self.jobs.values():
                self._looked_at(job)
        jobs = [
            {name: job[name] for name in (*LISTED, "outputDataConfig")}
            for job in self.jobs.values()
            if asked.get("statusEquals", job["status"]) == job["status"]
            and job["submitTime"] >= asked.get("submitTimeAfter", "")
            and job["submitTime"] <= asked.get("submitTimeBefore", "9")
        ]
        if asked.get("sortOrder", "Descending") == "Descending":
            jobs.reverse()
        page: dict[str, Any] = {"asyncInvokeSummaries": jobs[start : start + most]}
        if len(jobs) > start + most:
            page["nextToken"] = str(start + most)
        return JSONResponse(page)

    # --- the bucket -----------------------------------------------------------------------------

    async def _object(self, request: Request) -> Response:
        try:
            prove(request, await request.body(), self._keys, service="s3", now=self._now())
        except Denied as denied:
            return unstored(403, denied.kind.removesuffix("Exception"), denied.message)
        if request.path_params["bucket"] != BUCKET:
            return unstored(404, "NoSuchBucket", "The specified bucket does not exist")
        content = self.files.get(request.path_params["key"])
        if content is None:
            return unstored(404, "NoSuchKey", "The specified key does not exist.")
        kind = "video/mp4" if request.path_params["key"].endswith(".mp4") else "application/json"
        return Response(content, media_type=kind)

    def _bill(self, name: str, amount: Decimal, words: str | None = None) -> None:
        self.record.bill(name, amount, words)


def parsed(content: bytes) -> Any:
    """A JSON body."""
    try:
        return json.loads(content)
    except ValueError:
        raise Mistake("The body is not JSON", "SerializationException") from None


def shown(job: dict[str, Any]) -> dict[str, Any]:
    """A job as it is told, without what the double remembers besides."""
    return {name: value for name, value in job.items() if name[0] != "_" and value is not None}


def stamp(moment: datetime) -> str:
    """A time as the service writes it."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def failure(status: int, kind: str, message: str) -> Response:
    """A failed answer, with its kind in the header."""
    about = "http://internal.amazon.com/coral/com.amazon.bedrock/"
    return JSONResponse({"message": message}, status, {"x-amzn-errortype": f"{kind}:{about}"})


def unstored(status: int, code: str, message: str) -> Response:
    """A failed answer of the bucket's."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    return Response(body, status, media_type="application/xml")


def throttled(path: str = "/") -> Fault:
    """Too many requests for this account's quota; AWS does not say for how long."""
    response = failure(429, "ThrottlingException", "Too many requests, please wait.")
    headers = {"content-type": "application/json", **dict(response.headers)}
    del headers["content-length"]
    return Fault(path=path, status=429, body=bytes(response.body), headers=headers)
