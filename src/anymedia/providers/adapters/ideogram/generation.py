"""A generation: how it was taken on, how it stands, what it made."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from urllib.parse import quote

from anymedia.contracts.errors import UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.usage import Usage
from anymedia.providers.adapters.ideogram.failures import FORGOTTEN, WITHHELD, explain
from anymedia.providers.explain import Said
from anymedia.providers.spec import Callback, Submitted
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, HttpResponse, get
from anymedia.wire.shape import Shape, read


class Item(Shape):
    """One picture or clip. Withheld ones have no URL."""

    url: str | None = None
    object_type: str | None = None
    prompt: Any = None
    resolution: str | None = None
    is_image_safe: bool | None = None
    seed: int | None = None
    duration: Decimal | None = None


class Generation(Shape):
    """The answer to a submission and to a poll, and the body of a webhook."""

    generation_id: str | None = None
    status: str | None = None
    data: tuple[Item | None, ...] | None = None
    failure_reason: str | None = None
    generation_kind: str | None = None


def submitted(response: HttpResponse, warnings: list[Notice]) -> Submitted:
    """The handle of a generation that was taken on."""
    identifier = response.read(Generation).generation_id
    if not identifier:
        raise UnreadableResponse(
            "Ideogram took a generation on and did not name it", accepted="unknown"
        )
    return Submitted(
        handle=identifier,
        state=Queued(),
        request_id=response.headers.get("x-request-id") or identifier,
        warnings=tuple(warnings),
    )


def poll(handle: str) -> Exchange[JobState]:
    """How a generation stands."""
    response = yield get(f"/v2/generations/{quote(handle, safe='')}", allow=frozenset({404}))
    if response.status == 404:
        said = Said(message="the generation was not found", code=FORGOTTEN)
        raise explain.decide(said, status=404)
    return state(response.read(Generation), handle)


def state(generation: Generation, handle: str) -> JobState:
    """Where a generation stands, in our words."""
    match generation.status:
        case "completed":
            return done(generation, handle)
        case "failed":
            reason = generation.failure_reason or ""
            return failed(Said(message=reason or "the generation failed", code=reason))
        case "pending" | "queued":
            return Queued()
        case _:  # whatever is added without notice
            return Running()


def failed(said: Said) -> Failed:
    """A generation that ended without a file; the vendor does not say whether it is charged."""
    return Failed(problem=explain.decide(said, status=200).problem(), charged=None)


def done(generation: Generation, handle: str) -> JobState:
    """A finished generation's files; a failure when the review withheld all of them."""
    items = tuple(item for item in generation.data or () if item is not None)
    given = [item for item in items if item.url and item.is_image_safe is not False]
    withheld = sum(item.is_image_safe is False for item in items)
    if not given and withheld:
        return failed(Said(message="every picture was withheld by the review", code=WITHHELD))
    if not given:
        raise UnreadableResponse("the generation is done and names no file", accepted="unknown")
    return Succeeded(
        artifacts=tuple(RemoteArtifact(url=item.url or "", metadata=about(item)) for item in given),
        request_id=handle,
        usage=used(items),
        warnings=(left_out(withheld),) if withheld else (),
    )


def about(item: Item) -> dict[str, Any]:
    """What is said about one file."""
    told = {"seed": item.seed, "revised_prompt": item.prompt, "resolution": item.resolution}
    return {name: value for name, value in told.items() if value is not None}


def used(items: tuple[Item, ...]) -> Usage:
    """Pictures are counted, of clips the seconds."""
    lengths = [item.duration for item in items if item.duration is not None]
    if any((item.object_type or "").startswith("video") for item in items) or lengths:
        whole = sum((one for one in lengths if one.is_finite()), Decimal(0))
        return Usage(seconds=whole or None)
    return Usage(images=len(items))


def left_out(withheld: int) -> Notice:
    """Some of several were withheld."""
    return Notice(
        code="delivered-differs",
        message=f"{withheld} of the pictures were withheld by the provider's review",
        option="count",
    )


def read_callback(body: bytes, _: Headers) -> Callback:
    """Whose call it is. How it stands is asked for with our own key."""
    identifier = read(body, Generation).generation_id
    if not identifier:
        raise UnreadableResponse("the webhook names no generation", accepted="unknown")
    return Callback(handle=identifier)
