"""A provider that always answers the same: `python -m anymedia.bench.upstream` prints its port.

A chat, or as a stream a hundred pieces, each written by itself. With `/paced/` in the path a piece
comes five times a second, for ten minutes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import socket
from typing import Any, cast

from anymedia.bench.loops import run

MODEL = "fixed"
PIECES = 100
PACE_SECONDS = 0.2
PACED_SECONDS = 600.0
LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)
STREAMED = re.compile(rb'"stream" *: *true')
USAGE = {"prompt_tokens": 9, "completion_tokens": 100, "total_tokens": 109}


def chat() -> bytes:
    """The answer to a chat, some 600 bytes."""
    words = " ".join(["All that is asked is answered in the same way, word for word."] * 5)
    message = {"role": "assistant", "content": words}
    return json.dumps(
        {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 1,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": USAGE,
        }
    ).encode()


def events(pieces: int) -> list[bytes]:
    """A streamed answer: so many pieces of text, the usage, and the end."""

    def event(**fields: Any) -> bytes:
        usual = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1}
        return b"data: %s\n\n" % json.dumps({**usual, "model": MODEL, **fields}).encode()

    def choice(delta: dict[str, str], finish: str | None = None) -> list[dict[str, Any]]:
        return [{"index": 0, "delta": delta, "finish_reason": finish}]

    return [
        *(event(choices=choice({"content": f"word{number:05} "})) for number in range(pieces)),
        event(choices=choice({}, "stop")),
        event(choices=[], usage=USAGE),
        b"data: [DONE]\n\n",
    ]


def head(kind: bytes, length: bytes) -> bytes:
    """How an answer begins."""
    return b"HTTP/1.1 200 OK\r\ncontent-type: " + kind + b"\r\n" + length + b"\r\n\r\n"


BODY = chat()
ANSWER = head(b"application/json", b"content-length: %d" % len(BODY)) + BODY
STREAM = head(b"text/event-stream", b"transfer-encoding: chunked")
CHUNKS = [b"%x\r\n%s\r\n" % (len(one), one) for one in events(PIECES)]
LAST = b"0\r\n\r\n"


class Conversation(asyncio.Protocol):
    """One connection: every request on it is answered."""

    def __init__(self) -> None:
        self._held = b""
        self._pacing: set[asyncio.Task[None]] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Somebody has come."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer what is complete."""
        self._held += data
        while (ends := self._held.find(b"\r\n\r\n")) >= 0:
            said = LENGTH.search(self._held, 0, ends)
            whole = ends + 4 + (int(said[1]) if said else 0)
            if len(self._held) < whole:
                return
            question, self._held = self._held[:whole], self._held[whole:]
            self._answer(question)

    def connection_lost(self, _: Exception | None) -> None:
        """They have gone."""
        for one in self._pacing:
            one.cancel()

    def _answer(self, question: bytes) -> None:
        if STREAMED.search(question) is None:
            self._transport.write(ANSWER)
        elif b"/paced/" in question[: question.find(b"\r\n")]:
            task = asyncio.get_running_loop().create_task(self._paced())
            self._pacing.add(task)
            task.add_done_callback(self._pacing.discard)
        else:
            self._transport.write(STREAM)
            for chunk in CHUNKS:
                self._transport.write(chunk)
            self._transport.write(LAST)

    async def _paced(self) -> None:
        self._transport.write(STREAM)
        for _ in range(int(PACED_SECONDS / PACE_SECONDS)):
            self._transport.write(CHUNKS[0])
            await asyncio.sleep(PACE_SECONDS)
        for chunk in (*CHUNKS[PIECES:], LAST):
            self._transport.write(chunk)


async def serve() -> None:
    """Listen on any port of this machine, and say which."""
    listener = socket.create_server(("127.0.0.1", 0), backlog=4096)
    server = await asyncio.get_running_loop().create_server(Conversation, sock=listener)
    print(listener.getsockname()[1], flush=True)  # noqa: T201  whoever started us reads it
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        run(serve())
