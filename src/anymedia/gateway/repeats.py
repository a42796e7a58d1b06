"""Words that are asked for with an `Idempotency-Key`: asked for once, answered as often as needed.

Media need nothing of this: their jobs are rows, which know their keys. Words are answered at once
and kept nowhere, so the answer itself is held for whoever comes again with the same key: the whole
of it, or the whole stream. Who comes while it is under way waits for it. Who hangs up stops
nothing: with a key, the answer is wanted. Failures are not held; the next one tries anew.

What is held is bounded, in this process (`gateway.repeats`) and, where there is a Redis, there too
(`gateway.repeats_shared`): then all processes know it, and it survives them.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import msgspec
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from anymedia.clock import Clock
from anymedia.contracts.errors import Conflict
from anymedia.gateway.repeats_shared import Given, SharedRepeats
from anymedia.gateway.shared.manner import HUNG_UP
from anymedia.gateway.shared.presence import CallerGone, attended
from anymedia.gateway.shared.recording import Recorder, handed, until_cancelled, whole
from anymedia.gateway.spec import Refused

HEADER = b"idempotency-key"
KEY = re.compile(rb"[\x21-\x7e]{1,255}")
BOUNDARY = re.compile(rb"boundary=\"?([^\";,\s]{1,200})", re.IGNORECASE)
WORDS = frozenset(
    {
        "/api/ai/text",
        "/api/generate",
        "/v1/audio/transcriptions",
        "/v1/audio/translations",
        "/v1/chat/completions",
        "/v1/embeddings",
        "/v1/messages",
        "/v1/responses",
    }
)
"""Paths that answer with words. `/api/generate` does where the envelope says so."""
HELD_SECONDS = 24 * 3600.0
MOST_ANSWERS = 10_000
MOST_BYTES = 64 * 1024 * 1024
"""Of all answers that this process holds; the oldest go first."""
LARGEST_BYTES = 4 * 1024 * 1024
"""Of one answer. A larger one is not held, and asking for it again is refused by name."""
OWN_NAMES = frozenset({b"x-request-id", b"request-id"})
"""Headers that say which request it is: each has its own."""
NOT_HELD = Given(0, (), b"")
"""It was answered, and the answer is too large."""
SAID_AGAIN = (b"idempotent-replayed", b"true")


@dataclass(slots=True)
class Repeat:
    """One key of one caller: what was asked with it, and what came of it."""

    asked: bytes
    """A hash of the request."""
    until: float
    over: asyncio.Event = field(default_factory=asyncio.Event)
    given: Given | None = None


class Envelope(msgspec.Struct):
    """As much as tells words from media."""

    media_type: Any = "text"


class Repeats:
    """What was asked for with a key, lately."""

    def __init__(
        self,
        clock: Clock,
        shared: SharedRepeats | None = None,
        *,
        most_answers: int = MOST_ANSWERS,
    ) -> None:
        self._clock = clock
        self._most = most_answers
        self._shared = shared
        self._known: OrderedDict[str, Repeat] = OrderedDict()
        self._bytes = 0

    def concerns(self, scope: Scope) -> bool:
        """Whether a request asks for words, and with a key."""
        asks = scope["path"] in WORDS and scope["method"] == "POST"
        return asks and HEADER in dict(scope["headers"])

    async def serve(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, *, owner: str
    ) -> None:
        """The answer of `app`, or the one that was given to the same request before."""
        try:
            await self._serve(app, scope, receive, send, owner)
        except CallerGone:
            await Response(status_code=HUNG_UP)(scope, receive, send)

    async def _serve(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, owner: str
    ) -> None:
        key = key_of(scope["headers"])
        body = await whole(receive)
        if scope["path"] == "/api/generate" and not asks_for_words(body):
            await app(scope, handed(body, receive), send)
            return
        name = hashlib.sha256(owner.encode() + b"\0" + key).hexdigest()
        asked = fingerprint(scope, body)
        known = await self._begun(name, asked, receive)
        if known.given is not None:
            await say_again(known.given, scope, send)
            return
        # One answer is for all: none is packed for the one who happened to be first.
        scope["headers"] = [one for one in scope["headers"] if one[0] != b"accept-encoding"]
        recorder, held = Recorder(send, LARGEST_BYTES), False
        try:
            await app(scope, handed(body, until_cancelled), recorder)
            broken = scope["state"].get("broken", False)
            held = await self._ended(name, known, recorder, broken=broken)
        finally:
            if not held:
                self._forget(name)
            known.over.set()
            if not held and self._shared is not None:
                await self._shared.let_go(name)

    async def _begun(self, name: str, asked: bytes, receive: Receive) -> Repeat:
        """What is known by this key: an answer, or that it is ours to ask for. Raises `Conflict`."""
        while True:
            known = self._find(name)
            if known is None:
                known = self._known[name] = Repeat(asked, self._clock.monotonic() + HELD_SECONDS)
                try:
                    with attended(receive):
                        far = await self._elsewhere(name, asked)
                except BaseException:
                    self._forget(name)
                    known.over.set()
                    raise
                if far is not None:
                    self._hold(name, known, far)
                    known.over.set()
                return known
            check(known.asked, asked)
            if known.given is not None:
                return known
            with attended(receive):
                await known.over.wait()

    async def _elsewhere(self, name: str, asked: bytes) -> Given | None:
        """What another process was answered; nothing when it is this one's turn to ask."""
        if self._shared is None:
            return None
        return await self._shared.claim(name, asked, lambda before: check(before, asked))

    async def _ended(self, name: str, known: Repeat, said: Recorder, *, broken: bool) -> bool:
        """Whether there is an answer to hold; then it is held."""
        if not said.complete or broken or not 200 <= said.status < 300:
            return False
        given = Given(said.status, said.headers, b"".join(said.pieces))
        if said.size > LARGEST_BYTES:
            given = NOT_HELD
        self._hold(name, known, given)
        if self._shared is not None:
            await self._shared.keep(name, known.asked, given, HELD_SECONDS)
        return True

    # --- what this process holds ----------------------------------------------------------

    def _find(self, name: str) -> Repeat | None:
        known = self._known.get(name)
        if known is not None and known.over.is_set() and known.until <= self._clock.monotonic():
            self._forget(name)
            return None
        return known

    def _hold(self, name: str, known: Repeat, given: Given) -> None:
        known.given = given
        if self._known.get(name) is known:
            self._bytes += len(given.body)
        while self._bytes > MOST_BYTES or len(self._known) > self._most:
            over = (one for one, repeat in self._known.items() if repeat.given is not None)
            oldest = next(over, None)
            if oldest is None:
                return  # all others are under way
            self._forget(oldest)

    def _forget(self, name: str) -> None:
        known = self._known.pop(name, None)
        if known is not None and known.given is not None:
            self._bytes -= len(known.given.body)


async def say_again(given: Given, scope: Scope, send: Send) -> None:
    """An answer as it was given, under the id of this request."""
    if given == NOT_HELD:
        raise Conflict(
            "the request with this `Idempotency-Key` was answered with more than "
            f"{LARGEST_BYTES:,} bytes, which are not held. Send it with another key to ask again"
        )
    own = scope["state"]["request_id"].encode()
    headers = [(n, own if n.lower() in OWN_NAMES else v) for n, v in given.headers]
    start = {"type": "http.response.start", "status": given.status}
    await send({**start, "headers": [*headers, SAID_AGAIN]})
    await send({"type": "http.response.body", "body": given.body, "more_body": False})


def check(before: bytes, asked: bytes) -> None:
    """Raise `Conflict` where the key stands for another request."""
    if before != asked:
        raise Conflict("this `Idempotency-Key` was used for another request; take a new one")


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """The key that a request carries. Raises `Refused`."""
    said = [value.strip() for name, value in headers if name == HEADER]
    if len(said) != 1 or not KEY.fullmatch(said[0]):
        raise Refused("`Idempotency-Key` is one word of at most 255 letters")
    return said[0]


def fingerprint(scope: Scope, body: bytes) -> bytes:
    """What was asked, as a hash: to which path, for an answer of which kind, in which words.

    The lines between the parts of a form are others each time, and mean nothing.
    """
    headers = dict(scope["headers"])
    kind = headers.get(b"content-type", b"")
    if found := BOUNDARY.search(kind):
        body = body.replace(found[1], b"")
    streams = b"text/event-stream" in headers.get(b"accept", b"").lower()
    told = [
        scope["path"],
        scope["query_string"],
        kind.partition(b";")[0].strip().lower(),
        headers.get(b"anthropic-beta", b""),
        streams,
    ]
    return hashlib.sha256(repr(told).encode() + b"\0" + body).digest()


def asks_for_words(body: bytes) -> bool:
    """Whether an envelope does. What cannot be read is answered by whoever says why."""
    try:
        return bool(msgspec.json.decode(body, type=Envelope).media_type == "text")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
