"""Acme: prompts to video, by queued clip. The guide "Write a provider in an evening", as a package.

API: https://docs.acme.example/v2 (read 2026-11-20)
"""

from __future__ import annotations

from datetime import datetime

from anymedia.contracts.errors import ContentRefused, InsufficientCredits
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.problem import Problem
from anymedia.contracts.video import VideoRequest
from anymedia.providers.catalog import models
from anymedia.providers.explain import ErrorTable, Rule
from anymedia.providers.spec import Account, Brief, Inputs, Job, Lookup, Provider, Submitted
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get, post
from anymedia.wire.shape import Shape


class Clip(Shape):
    """A clip on its way."""

    id: str
    state: str
    progress: float | None = None
    urls: tuple[str, ...] = ()
    error: str | None = None


class Found(Shape):
    """Clips with a label."""

    clips: tuple[Clip, ...] = ()


explain = ErrorTable(
    (
        Rule(error=InsufficientCredits, status=403, code="out_of_clips"),
        Rule(error=ContentRefused, status=400, words=("policy", "not allowed")),
    )
)


def submit(request: VideoRequest, brief: Brief) -> Exchange[Submitted]:
    """Queue a clip."""
    body = {"model": request.model, "text": request.prompt, "label": brief.marker}
    response = yield post("/v2/clips", json=body)
    return Submitted(handle=response.read(Clip).id)


def poll(handle: str) -> Exchange[JobState]:
    """How it stands."""
    response = yield get(f"/v2/clips/{handle}")
    clip = response.read(Clip)
    match clip.state:
        case "waiting":
            return Queued()
        case "done":
            return Succeeded(artifacts=tuple(RemoteArtifact(url=url) for url in clip.urls))
        case "error":
            problem = Problem(code="PROVIDER_ERROR", message=clip.error or "Acme gave no reason")
            return Failed(problem=problem)
        case _:  # Acme adds states without notice; an unknown one is not a failure.
            return Running(progress=clip.progress)


def find(brief: Brief, since: datetime) -> Exchange[Submitted | None]:  # noqa: ARG001  labels are unique
    """A lost submission, by its label."""
    response = yield get("/v2/clips", query={"label": brief.marker})
    clips = response.read(Found).clips
    return Submitted(handle=clips[0].id) if clips else None


def check() -> Exchange[Account]:
    """Whether the key works."""
    yield get("/v2/account")
    return Account()


CATALOGUE = """
[defaults]
source = "https://acme.example/pricing"
as_of = 2026-11-20
medium = "video"
tasks = ["text_to_video"]

[[model]]
id = "clip-2"
features = ["seed"]
typical_seconds = 40

[model.limits]
aspect_ratios = ["16:9", "9:16"]
resolutions = ["720p"]
durations_seconds = [5.0, 10.0]
audio = "never"

[[model.prices]]
unit = "seconds"
usd = "0.05"

[model.presets.standard]
resolution = "720p"
"""

ACME = Provider(
    name="acme",
    title="Acme",
    base_url="https://api.acme.example",
    auth=BearerToken("ACME_API_KEY"),
    operations=(Job(VideoRequest, submit, poll, recovery=Lookup(find)),),
    explain=explain,
    inputs=Inputs(schemes=("https",), inline_bytes=5 * 1024 * 1024),
    check=check,
    models=models(CATALOGUE, "acme"),
    docs="https://docs.acme.example/v2",
)
