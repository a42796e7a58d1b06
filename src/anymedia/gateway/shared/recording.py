"""A request's body read ahead and handed on, and an answer recorded while it is sent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from starlette.types import Message, Receive, Send

from anymedia.gateway.shared.presence import CallerGone


class Recorder:
    """Sends on and keeps what it sent. That nobody listens any more stops nothing."""

    def __init__(self, send: Send, largest_bytes: int) -> None:
        self._send = send
        self._largest = largest_bytes
        self._gone = False
        self.status = 0
        self.headers: tuple[tuple[bytes, bytes], ...] = ()
        self.pieces: list[bytes] = []
        self.size = 0
        self.complete = False

    async def __call__(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = tuple((bytes(n), bytes(v)) for n, v in message.get("headers", ()))
        elif message["type"] == "http.response.body":
            piece = message.get("body", b"")
            self.size += len(piece)
            if self.size <= self._largest:
                self.pieces.append(bytes(piece))
            else:
                self.pieces.clear()
            self.complete = not message.get("more_body", False)
        if not self._gone:
            try:
                await self._send(message)
            except OSError:
                self._gone = True


async def whole(receive: Receive) -> bytes:
    """The body. Its size and time are limited at the door."""
    pieces = []
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise CallerGone
        pieces.append(message.get("body", b""))
        if not message.get("more_body", False):
            return b"".join(pieces)


def handed(body: bytes, afterwards: Receive) -> Callable[[], Any]:
    """A body that was read, handed on; then whatever comes."""
    waiting = [body]

    async def receive() -> Message:
        if waiting:
            return {"type": "http.request", "body": waiting.pop(), "more_body": False}
        return await afterwards()

    return receive


async def until_cancelled() -> Message:
    """Nothing: who hangs up is not heard."""
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")
