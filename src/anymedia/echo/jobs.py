"""Jobs: accepted with a ticket, watched by its clock, fetched as artifacts made on the way out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import msgspec

from anymedia.echo import clips, tunes
from anymedia.echo.orders import AudioOrder, VideoOrder
from anymedia.echo.refusal import Refusal, invalid, no_such
from anymedia.echo.script import LATE, SPOILT, STATUSES, STOPPED_LATE, play
from anymedia.echo.soundfile import TYPES
from anymedia.echo.ticket import Ticket, unpacked
from anymedia.wire.http import HttpResponse

CANCELS = {
    None: "requested",
    "request": "requested",
    "confirm": "confirmed",
    "impossible": "impossible",
}
QUEUED_SHARE = 0.1
"""How much of its time a job waits before it runs."""
DOWNLOAD_CUT = "cut"


class Receipt(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Where a job stands."""

    id: str
    handle: str
    status: str
    model: str
    progress: float | None = None
    poll_after_seconds: float | None = None
    artifacts: tuple[dict[str, Any], ...] = ()
    usage: dict[str, Any] = {}
    cost: str | None = None
    charged: bool | None = None
    error: dict[str, str] | None = None


def receipt(ticket: Ticket, now: datetime) -> Receipt:
    """Where a job stands by its own clock."""
    script, time = ticket.script, now.timestamp()
    order = ticket.order
    about: dict[str, Any] = {
        "id": ticket.id,
        "handle": ticket.packed(),
        "model": clips.MODEL if ticket.medium == "video" else tunes.MODEL,
        "cost": script.reported,
    }
    if script.never_finish or time < ticket.done_at:
        return Receipt(status=under_way(ticket, time), **about, **pace(ticket, time))
    if script.fail in LATE:
        code, message = LATE[script.fail]
        error = {"code": code, "message": message}
        return Receipt(status="failed", error=error, charged=script.charged, **about)
    if script.fail == STOPPED_LATE:
        return Receipt(status="cancelled", charged=script.charged, **about)
    made = tuple(artifact(ticket, number) for number in range(order.count))
    return Receipt(status="succeeded", progress=1.0, artifacts=made, usage=usage(order), **about)


def under_way(ticket: Ticket, time: float) -> str:
    """Waiting its turn, or being made."""
    whole = ticket.done_at - ticket.placed_at
    return "queued" if time < ticket.placed_at + whole * QUEUED_SHARE else "running"


def pace(ticket: Ticket, time: float) -> dict[str, Any]:
    """How far a job is, and when to ask again."""
    script = ticket.script
    wait = script.poll_after_seconds
    if wait is None:
        wait = 5.0 if script.never_finish else min(max(ticket.done_at - time, 0.05), 10.0)
    told: dict[str, Any] = {"poll_after_seconds": round(wait, 3)}
    if not script.never_finish and script.progress_steps != 0:
        whole = max(ticket.done_at - ticket.placed_at, 1e-9)
        share = min(max((time - ticket.placed_at) / whole, 0.0), 1.0)
        steps = script.progress_steps
        told["progress"] = int(share * steps) / steps if steps and steps > 0 else round(share, 4)
    return told


def usage(order: VideoOrder | AudioOrder) -> dict[str, Any]:
    """What was made."""
    return {"seconds": f"{order.seconds * order.count:g}"}


def artifact(ticket: Ticket, number: int) -> dict[str, Any]:
    """Where one result lies, and until when."""
    order = ticket.order
    media_type, ending = kind(order)
    told: dict[str, Any] = {
        "url": f"echo://local/artifacts/{ticket.packed()}/{number}.{ending}",
        "media_type": media_type,
        "seed": order.seed + number,
    }
    if ticket.script.expire_seconds is not None:
        until = ticket.done_at + ticket.script.expire_seconds
        told["expires_at"] = datetime.fromtimestamp(until, UTC).isoformat()
    return told


def kind(order: VideoOrder | AudioOrder) -> tuple[str, str]:
    """Media type and ending of an order's files."""
    return ("video/mp4", "mp4") if isinstance(order, VideoOrder) else TYPES[order.format]


# --- the three requests ---------------------------------------------------------------------


def poll(handle: str, now: datetime) -> Receipt | HttpResponse:
    """Where a job stands, or the failure that was scripted instead."""
    ticket = unpacked(handle)
    script = ticket.script
    limit = script.poll_fail_seconds
    if limit is None or now.timestamp() < ticket.placed_at + limit:
        spoilt = play(script, script.poll_fail, late=False)
        if spoilt is not None:
            return spoilt
    return receipt(ticket, now)


def cancel(handle: str) -> dict[str, str]:
    """What becomes of a wish to stop. echo remembers nothing, so it promises nothing either."""
    ticket = unpacked(handle)
    if ticket.script.cancel not in CANCELS:
        raise invalid(f"`cancel` is {ticket.script.cancel!r}; it can be `confirm` or `impossible`")
    return {"id": ticket.id, "cancel": CANCELS[ticket.script.cancel]}


def download(handle: str, name: str, now: datetime) -> tuple[HttpResponse, Iterator[bytes]]:
    """One result: its head at once, its bytes as they are made."""
    ticket = unpacked(handle)
    script, order, time = ticket.script, ticket.order, now.timestamp()
    media_type, ending = kind(order)
    number, _, asked = name.partition(".")
    if asked != ending or not number.isdecimal() or int(number) >= order.count:
        raise no_such("artifact")
    if receipt(ticket, now).status != "succeeded":
        raise Refusal(409, "not_ready", "the job has not made this artifact")
    if script.expire_seconds is not None and time >= ticket.done_at + script.expire_seconds:
        raise Refusal(*STATUSES["expired"])
    failure = script.download_fail
    limit = script.download_fail_seconds
    if failure is None or (limit is not None and time >= ticket.done_at + limit):
        return HttpResponse(200, b"", {"content-type": media_type}), made(order, int(number))
    if failure == DOWNLOAD_CUT:
        return HttpResponse(200, b"", {"content-type": media_type}), torn(made(order, int(number)))
    spoilt = play(script, failure, late=False)
    assert spoilt is not None, SPOILT
    return spoilt, iter((spoilt.content,))


def made(order: VideoOrder | AudioOrder, number: int) -> Iterator[bytes]:
    """A result's bytes."""
    if isinstance(order, VideoOrder):
        yield from clips.rendered(order, number)
        return
    file = tunes.rendered(order, number)
    for start in range(0, len(file), clips.PIECE_BYTES):
        yield file[start : start + clips.PIECE_BYTES]


def torn(pieces: Iterator[bytes]) -> Iterator[bytes]:
    """The beginning of a file; then the connection breaks."""
    first = next(pieces, b"")
    yield first[: len(first) // 2]
    raise ConnectionResetError("echo broke the download, as asked")
