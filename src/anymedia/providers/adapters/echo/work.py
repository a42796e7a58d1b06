"""What echo answers later: clips, music and effects. A handle holds the whole order."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.job import (
    CancelOutcome,
    Failed,
    JobState,
    Queued,
    Running,
    Stopped,
    Succeeded,
)
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.echo.amounts import amount, share
from anymedia.providers.adapters.echo.body import body_of
from anymedia.providers.adapters.echo.failures import opened, problem
from anymedia.providers.adapters.echo.media import Counted, counted
from anymedia.providers.explain import said_in
from anymedia.providers.spec import Brief, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, get, post
from anymedia.wire.shape import Shape, read


class Artifact(Shape):
    """One result, and until when it can be fetched."""

    url: str
    media_type: str | None = None
    seed: int | None = None
    expires_at: datetime | None = None


class Receipt(Shape):
    """Where a job stands."""

    id: str
    handle: str
    status: str
    model: str | None = None
    progress: float | None = None
    poll_after_seconds: float | None = None
    artifacts: tuple[Artifact, ...] = ()
    usage: Counted = Counted()
    cost: Decimal | None = None
    charged: bool | None = None
    error: Any = None


class Cancelled(Shape):
    """What became of a wish to stop."""

    cancel: str


def submit(request: VideoRequest | AudioRequest, brief: Brief) -> Exchange[Submitted]:
    """Order something; the body says what, in our own words."""
    response = yield post(f"/v1/{request.medium}", json=body_of(request, brief))
    receipt = opened(response).read(Receipt)
    return Submitted(
        handle=receipt.handle,
        state=state(receipt, response),
        request_id=response.headers.get("x-request-id"),
        reported_cost=amount(receipt.cost),
    )


def poll(handle: str) -> Exchange[JobState]:
    """Where it stands."""
    response = yield get(f"/v1/jobs/{handle}")
    receipt = read(response.content, Receipt)
    return state(receipt, response)


def state(receipt: Receipt, response: HttpResponse) -> JobState:
    """The same in our words."""
    wait = amount(receipt.poll_after_seconds)
    match receipt.status:
        case "queued":
            return Queued(poll_after_seconds=wait)
        case "succeeded":
            return Succeeded(
                artifacts=tuple(map(artifact, receipt.artifacts)),
                model=receipt.model,
                request_id=response.headers.get("x-request-id"),
                usage=counted(receipt.usage),
                reported_cost=amount(receipt.cost),
            )
        case "failed":
            said = said_in({"error": receipt.error})
            return Failed(problem=problem(said.code, said.message), charged=receipt.charged)
        case "cancelled":
            return Stopped(charged=receipt.charged)
        case _:
            return Running(progress=share(receipt.progress), poll_after_seconds=wait)


def artifact(one: Artifact) -> RemoteArtifact:
    """A result where it lies."""
    return RemoteArtifact(
        url=one.url,
        media_type=one.media_type,
        expires_at=one.expires_at,
        metadata={"seed": one.seed},
    )


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Ask for it to be stopped."""
    response = yield post(f"/v1/jobs/{handle}/cancel", json={})
    match response.read(Cancelled).cancel:
        case "confirmed":
            return "confirmed"
        case "impossible":
            return "impossible"
        case _:
            return "requested"
