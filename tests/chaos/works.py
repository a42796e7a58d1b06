"""Five providers that differ in how a lost submission of theirs is found, each in a few lines."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal

from anymedia.contracts.errors import ContentRefused, ProviderError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import CancelOutcome, Failed, JobState, Running, Stopped, Succeeded
from anymedia.contracts.media import InlineArtifact, RemoteArtifact
from anymedia.contracts.model import Model, Price
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.usage import Usage
from anymedia.providers.explain import ErrorTable, Rule
from anymedia.providers.spec import (
    Brief,
    Call,
    Callback,
    Job,
    Lookup,
    Nothing,
    Operation,
    Pace,
    Provider,
    Recovery,
    Repeat,
    Report,
    Submitted,
)
from anymedia.wire.auth import NoAuth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, delete, get, post
from anymedia.wire.shape import Shape, read

PRICES = {
    "repeat": Decimal("0.04"),
    "lookup": Decimal("0.031"),
    "report": Decimal("0.0275"),
    "nothing": Decimal("0.05"),
    "at-once": Decimal("0.011"),
}
"""US dollars for a picture, at each of them."""
SUBMIT_SECONDS = 2.0
PICTURE = Usage(images=1)


class Work(Shape):
    """A piece of work."""

    id: str
    state: str = "working"
    url: str | None = None
    charged: bool | None = None


class Found(Shape):
    """What there is under a label."""

    work: tuple[Work, ...] = ()


def body_of(request: ImageRequest, brief: Brief) -> dict[str, str | None]:
    """What is asked for, under our marker."""
    return {"prompt": request.prompt, "label": brief.marker, "report_to": brief.callback_url}


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """One POST."""
    response = yield post("/work", json=body_of(request, brief))
    return Submitted(handle=response.read(Work).id)


def made_at_once(request: ImageRequest, brief: Brief) -> Exchange[MediaAnswer]:
    """One POST, which brings the picture."""
    response = yield post("/picture", json=body_of(request, brief))
    picture = InlineArtifact(data=response.content, media_type="application/octet-stream")
    return MediaAnswer(artifacts=(picture,), usage=PICTURE)


def poll(handle: str) -> Exchange[JobState]:
    """How it stands."""
    response = yield get(f"/work/{handle}")
    work = response.read(Work)
    match work.state:
        case "done":
            return Succeeded(artifacts=(RemoteArtifact(url=work.url or ""),), usage=PICTURE)
        case "failed":
            usage = PICTURE if work.charged else Usage()
            problem = ProviderError("it did not work out").problem()
            return Failed(problem=problem, charged=work.charged, usage=usage)
        case "stopped":
            return Stopped(charged=False)
        case _:
            return Running()


def cancel(handle: str) -> Exchange[CancelOutcome]:
    """Stop it, unless it is done."""
    response = yield delete(f"/work/{handle}", allow=frozenset({409}))
    return "impossible" if response.status == 409 else "confirmed"


def find(brief: Brief, _: datetime) -> Exchange[Submitted | None]:
    """By the label."""
    response = yield get("/work", query={"label": brief.marker})
    found = response.read(Found).work
    return Submitted(handle=found[0].id) if found else None


def read_callback(body: bytes, _: Headers) -> Callback:
    """It reports its id."""
    return Callback(handle=read(body, Work).id)


def recovery_of(ability: str, report_seconds: float) -> Recovery:
    """How a lost submission is found."""
    match ability:
        case "repeat" | "at-once":
            return Repeat()
        case "lookup":
            return Lookup(find)
        case "report":
            return Report(wait_seconds=report_seconds)
        case _:
            return Nothing()


def works(ability: str, base_url: str, *, report_seconds: float = 60.0) -> Provider:
    """The provider with an ability."""
    recovery = recovery_of(ability, report_seconds)
    operation: Operation
    if ability == "at-once":
        operation = Call(
            ImageRequest, made_at_once, timeout_seconds=SUBMIT_SECONDS, recovery=recovery
        )
    else:
        operation = Job(
            ImageRequest,
            submit,
            poll,
            cancel=cancel,
            recovery=recovery,
            pace=Pace(first_seconds=2.0, longest_seconds=6.0),
            timeout_seconds=SUBMIT_SECONDS,
            read_callback=read_callback,
        )
    name = f"work-{ability}"
    one = Model(
        id="one",
        provider=name,
        medium="image",
        tasks=("text_to_image", "edit"),
        prices=(Price(unit="images", usd=PRICES[ability]),),
        source="this test",
        as_of=date(2026, 11, 21),
    )
    return Provider(
        name=name,
        title=name,
        base_url=base_url,
        auth=NoAuth(),
        operations=(operation,),
        explain=ErrorTable((Rule(error=ContentRefused, code="refused", accepted="no"),)),
        models=(one,),
    )
