"""What the in-process transport calls: `respond` for whole answers, `stream` for answers in pieces.

Every request is answered from what it carries and the time; nothing is kept between two of them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from importlib.util import find_spec
from typing import Any, TypeVar
from urllib.parse import urlsplit

import msgspec

from anymedia.echo import chat, clips, hearing, jobs, pictures, tunes, vectors, voice
from anymedia.echo.chance import digest
from anymedia.echo.refusal import Refusal, invalid, no_such
from anymedia.echo.script import Script, play, scripted
from anymedia.echo.ticket import Ticket
from anymedia.wire.http import Headers, HttpRequest, HttpResponse

T = TypeVar("T")
JSON = {"content-type": "application/json"}
EVENTS = {"content-type": "text/event-stream"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A submission, understood: its body, its script and the id that follows from them."""

    body: Any
    script: Script
    id: str
    now: datetime

    def read(self, shape: type[T]) -> T:
        """The body as what this kind of request wants."""
        try:
            return msgspec.convert(self.body, shape, strict=False)
        except msgspec.ValidationError as error:
            raise invalid(str(error)) from None


def respond(request: HttpRequest, now: datetime) -> HttpResponse:
    """The whole answer to a request."""
    head, chunks = stream(request, now)
    head.content = b"".join(chunks)
    return head


def stream(request: HttpRequest, now: datetime) -> tuple[HttpResponse, Iterator[bytes]]:
    """The head of the answer at once, and its body in pieces."""
    try:
        found = routed(request, now)
    except Refusal as refusal:
        error = {"code": refusal.code, "message": refusal.message}
        found = answered({"error": error}, refusal.status, refusal.headers)
    if isinstance(found, tuple):
        head, chunks = found
        return with_id(head, request, now), chunks
    return with_id(found, request, now), iter((found.content,) if found.content else ())


def with_id(head: HttpResponse, request: HttpRequest, now: datetime) -> HttpResponse:
    """The answer with a name for it, as servers give."""
    name = (
        f"echo-request-{digest(request.method, request.path, request.json, now.timestamp()):016x}"
    )
    head.headers = Headers({**head.headers, "x-request-id": name})
    return head


def answered(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> HttpResponse:
    """A value as a JSON answer."""
    return HttpResponse(status, msgspec.json.encode(value), {**JSON, **(headers or {})})


def routed(
    request: HttpRequest, now: datetime
) -> HttpResponse | tuple[HttpResponse, Iterator[bytes]]:
    """What a request comes to."""
    path = urlsplit(request.path).path if "://" in request.path else request.path
    match request.method, path.strip("/").split("/"):
        case "GET", ["v1", "account"]:
            return answered(account())
        case "GET", ["v1", "jobs", handle]:
            found = jobs.poll(handle, now)
            return found if isinstance(found, HttpResponse) else answered(found)
        case "POST", ["v1", "jobs", handle, "cancel"]:
            return answered(jobs.cancel(handle))
        case (("GET" | "HEAD"), ["artifacts", handle, name]):
            return jobs.download(handle, name, now)
        case "POST", ["v1", kind] if kind in CALLS or kind in ORDERS or kind == "text":
            return submitted(kind, asked(request, now))
        case _:
            raise no_such("path")


def asked(request: HttpRequest, now: datetime) -> Asked:
    """What a submission asks for. The same idempotency key gives the same id again."""
    body = request.json
    if body is None and request.content:
        try:
            body = msgspec.json.decode(request.content)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise invalid("the body is not JSON") from None
    if not isinstance(body, dict):
        raise invalid("the body should be a JSON object")
    headers = Headers(request.headers)
    key = headers.get("idempotency-key") or body.get("label")
    id_ = digest("key", key) if key else digest(msgspec.json.encode(body), now.timestamp())
    return Asked(body=body, script=scripted(body), id=f"echo-{id_:016x}", now=now)


def submitted(kind: str, asked: Asked) -> HttpResponse | tuple[HttpResponse, Iterator[bytes]]:
    """A submission's answer, or the failure that was scripted instead."""
    script = asked.script
    spoilt = play(script, script.failing(asked.now), late=kind in ORDERS)
    if spoilt is not None:
        return in_stream(spoilt) if asked.body.get("stream") is True else spoilt
    if kind in ORDERS:
        return answered(jobs.receipt(ORDERS[kind](asked), asked.now), 202)
    if script.delay_seconds and script.delay_seconds > 0:
        time.sleep(script.delay_seconds)
    if kind != "text":
        return answered(CALLS[kind](asked))
    said = chat.answer(asked.read(chat.TextBody), script, asked.id)
    if asked.body.get("stream") is True:
        return HttpResponse(200, b"", EVENTS), chat.pieces(said, script)
    return answered(said)


def in_stream(spoilt: HttpResponse) -> HttpResponse:
    """What is spoilt in a whole answer, spoilt in a stream."""
    if spoilt.media_type() != "application/json" or not spoilt.content:
        return spoilt
    name = b"error" if spoilt.content.endswith(b"}") else b"text"
    return HttpResponse(200, b"event: %s\ndata: %s\n\n" % (name, spoilt.content), EVENTS)


def video(asked: Asked) -> Ticket:
    """A clip's ticket."""
    order = clips.ordered(asked.read(clips.VideoBody))
    return Ticket(
        id=asked.id,
        medium="video",
        placed_at=asked.now.timestamp(),
        script=asked.script,
        video=order,
    )


def audio(asked: Asked) -> Ticket:
    """A tune's ticket."""
    order = tunes.ordered(asked.read(tunes.AudioBody))
    return Ticket(
        id=asked.id,
        medium="audio",
        placed_at=asked.now.timestamp(),
        script=asked.script,
        audio=order,
    )


ORDERS: dict[str, Callable[[Asked], Ticket]] = {"video": video, "audio": audio}
CALLS: dict[str, Callable[[Asked], Any]] = {
    "image": lambda a: pictures.answer(a.read(pictures.ImageBody), a.script, a.id),
    "speech": lambda a: voice.answer(a.read(voice.SpeechBody), a.script, a.id),
    "transcription": lambda a: hearing.answer(a.read(hearing.TranscriptionBody), a.script, a.id),
    "embedding": lambda a: vectors.answer(a.read(vectors.EmbeddingBody), a.script, a.id),
}


def account() -> dict[str, Any]:
    """What works here, and what is missing for the rest."""
    missing = [module for module in ("numpy", "PIL", "av", "hibari") if find_spec(module) is None]
    models = (
        "hello",
        "ears",
        "vectors",
        *(() if missing else ("picture", "clip", "tune", "voice")),
    )
    advice = "install `anymedia[echo]`" if missing else ""
    return {"models": models, "missing": missing, "advice": advice}
