"""Luma's Ray 2 on Bedrock: a job that leaves its clip in a bucket of yours.

`options.s3_uri` says where, as `s3://BUCKET/PREFIX`; set it once in the provider's options. The
account that asks must be able to write there, and to read what it finds.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import InvalidRequest, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.bedrock.failures import TABLE
from anymedia.providers.dialects.openai.fields import merged
from anymedia.providers.explain import Said
from anymedia.providers.inputs import held
from anymedia.providers.spec import Brief, Job, Lookup, Pace, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape

OUTPUT = "s3_uri"
BUCKET = re.compile(r"s3://([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:/(.*))?", re.DOTALL)
ARN = re.compile(r"arn:aws[a-z-]*:bedrock:([a-z0-9-]+):\d*:async-invoke/([A-Za-z0-9_-]{1,100})")
PAGES = 20
MOST_LISTED = 1000
SLACK = timedelta(minutes=5)
"""How far our clock and theirs may be apart."""


class Place(Shape):
    """Where the files go."""

    s3Uri: str | None = None  # noqa: N815 - the vendor's spelling


class Output(Shape):
    """The same, as the service wraps it."""

    s3OutputDataConfig: Place | None = None  # noqa: N815


class Invocation(Shape):
    """A job where it stands."""

    invocationArn: str | None = None  # noqa: N815
    clientRequestToken: str | None = None  # noqa: N815
    status: str | None = None
    failureMessage: str | None = None  # noqa: N815
    outputDataConfig: Output | None = None  # noqa: N815


class Invocations(Shape):
    """A page of them."""

    asyncInvokeSummaries: tuple[Invocation | None, ...] | None = None  # noqa: N815
    nextToken: str | None = None  # noqa: N815


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Start it, under a name of ours that makes the same start again the same job."""
    place = request.options.get(OUTPUT)
    if not isinstance(place, str) or not BUCKET.fullmatch(place):
        raise InvalidRequest(
            f"`options.{OUTPUT}` has to say where the clip goes, such as `s3://BUCKET/PREFIX`; it "
            f"can stand in the provider's `options`"
        )
    body: dict[str, Any] = {
        "modelId": request.model,
        "modelInput": merged(asked(request), request.options, without=frozenset({OUTPUT})),
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": place}},
    }
    if brief.marker:
        body["clientRequestToken"] = brief.marker
    response = yield post("/async-invoke", json=body)
    return Submitted(
        handle=known(response.read(Invocation).invocationArn),
        request_id=response.headers.get("x-amzn-requestid"),
    )


def asked(request: VideoRequest) -> dict[str, Any]:
    """The model's own fields."""
    seconds = request.duration_seconds
    frames = {"frame0": request.first_frame, "frame1": request.last_frame}
    keyframes = {
        name: {
            "type": "image",
            "source": {
                "type": "base64",
                "media_type": held(picture).media_type,
                "data": held(picture).data_uri().rpartition(",")[2],
            },
        }
        for name, picture in frames.items()
        if picture is not None
    }
    fields = {
        "prompt": request.prompt,
        "aspect_ratio": request.aspect_ratio,
        "duration": None if seconds is None else f"{round(seconds)}s",
        "resolution": request.resolution,
        "keyframes": keyframes or None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def known(arn: str | None) -> str:
    """A job's name that can stand in a path."""
    if arn is None or not ARN.fullmatch(arn):
        raise UnreadableResponse("the answer names no job", accepted="unknown")
    return arn


def poll(handle: str) -> Exchange[JobState]:
    """Where it stands."""
    response = yield get(f"/async-invoke/{quote(known(handle), safe='')}")
    return state(response.read(Invocation), handle)


def poll_many(handles: Sequence[str]) -> Exchange[Mapping[str, JobState]]:
    """Which of many still go on, from a list of those; the others are asked about apart."""
    query = {"statusEquals": "InProgress", "maxResults": str(MOST_LISTED)}
    page = (yield get("/async-invoke", query=query)).read(Invocations)
    listed = {
        job.invocationArn
        for job in page.asyncInvokeSummaries or ()
        if job is not None and job.status == "InProgress"
    }
    return {handle: Running() for handle in handles if handle in listed}


def state(job: Invocation, handle: str) -> JobState:
    """The same in our words."""
    match job.status:
        case "Completed":
            config = job.outputDataConfig
            place = config.s3OutputDataConfig if config else None
            return Succeeded(
                artifacts=(artifact(place.s3Uri if place else None, handle),),
                usage=Usage(requests=1),
            )
        case "Failed":
            words = job.failureMessage or "Bedrock gave no reason"
            error = TABLE.decide(Said(message=words))
            error.accepted = "yes"
            return Failed(problem=error.problem())
        case _:  # `InProgress`, and whatever may be added
            return Running()


def artifact(place: str | None, handle: str) -> RemoteArtifact:
    """The clip in the bucket, below the job's own id."""
    bucket, job = BUCKET.fullmatch(place or ""), ARN.fullmatch(handle)
    if bucket is None or job is None:
        raise UnreadableResponse("the answer does not say where the clip is", accepted="yes")
    prefix = (bucket[2] or "").strip("/")
    folders = [part for part in (*prefix.split("/"), job[2]) if part]
    if folders[-2:-1] == folders[-1:]:  # told with the job's id already
        folders.pop()
    key = quote("/".join((*folders, "output.mp4")), safe="/-_.~")
    return RemoteArtifact(
        url=f"/s3/{job[1]}/{bucket[1]}/{key}",  # signing makes it an address
        media_type="video/mp4",
        needs_key=True,
    )


def find(brief: Brief, sent_at: datetime) -> Exchange[Submitted | None]:
    """The job that carries our name, among those started since."""
    query = {
        "submitTimeAfter": (sent_at - SLACK).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "maxResults": "100",
    }
    token = ""
    for _ in range(PAGES):
        more = {"nextToken": token} if token else {}
        response = yield get("/async-invoke", query=query | more)
        page = response.read(Invocations)
        for job in page.asyncInvokeSummaries or ():
            if job is not None and brief.marker and job.clientRequestToken == brief.marker:
                return Submitted(handle=known(job.invocationArn))
        token = page.nextToken or ""
        if not token:
            return None
    raise UnreadableResponse("the list of jobs does not end", accepted="unknown")


OPERATION = Job(
    VideoRequest,
    submit,
    poll,
    recovery=Lookup(find),
    pace=Pace(first_seconds=10.0, longest_seconds=20.0),
    poll_many=poll_many,
)
