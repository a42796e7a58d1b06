"""Server-sent events: words as they come, signs of life between them, and a truthful end.

What fails before the head is a plain response with its status. After `HEAD_SECONDS` without a word
the head goes out all the same, so that nobody between here and the caller gives up; from then on a
failure is an event of the stream. The caller's hanging up stops everything behind it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractContextManager, aclosing, nullcontext

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from anymedia.clock import Clock
from anymedia.contracts.errors import GenerationError
from anymedia.gateway.shared.manner import Manner, inner_failure
from anymedia.gateway.shared.presence import CallerGone, attended

HEAD_SECONDS = 10.0
QUIET_SECONDS = 15.0


class Streamed(Response):
    """A response that is spoken while it is made, in one task with its making."""

    media_type = "text/event-stream"

    def __init__(
        self,
        request: HttpRequest,
        pieces: AsyncGenerator[bytes, None],
        manner: Manner,
        clock: Clock,
    ) -> None:
        super().__init__(
            headers={"cache-control": "no-cache, no-store", "x-accel-buffering": "no"},
        )
        del self.headers["content-length"]
        self._request = request
        self._pieces = pieces
        self._manner = manner
        self._clock = clock
        self._speaking = asyncio.Lock()
        self._begun = False
        self._last = clock.monotonic()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Speak."""
        company = asyncio.create_task(self._keep_company(send))
        try:
            with place_for(scope), attended(receive):
                async with aclosing(self._pieces) as pieces:
                    async for piece in pieces:
                        await self._say(send, piece)
        except CallerGone:
            return
        except GenerationError as error:
            company.cancel()
            await self._fail(error, scope, receive, send)
        except Exception as error:  # noqa: BLE001  every mistake has an answer, and a line in the log
            company.cancel()
            await self._fail(inner_failure(error, self._request), scope, receive, send)
        else:
            async with self._speaking:
                await self._begin(send)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            company.cancel()

    async def _say(self, send: Send, piece: bytes) -> None:
        async with self._speaking:
            if not self._begun:
                await self._begin(send)
            self._last = self._clock.monotonic()
            try:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            except OSError:
                raise CallerGone from None

    async def _begin(self, send: Send) -> None:
        if not self._begun:
            head = {"status": self.status_code, "headers": self.raw_headers}
            await send({"type": "http.response.start", **head})
            self._begun = True

    async def _fail(
        self, error: GenerationError, scope: Scope, receive: Receive, send: Send
    ) -> None:
        async with self._speaking:
            if self._begun:
                self._request.state.broken = True  # what was said is no answer to keep
                last = self._manner.broken(error, self._request)
                await send({"type": "http.response.body", "body": last, "more_body": False})
                return
        await self._manner.refused(error, self._request)(scope, receive, send)

    async def _keep_company(self, send: Send) -> None:
        """Signs of life."""
        wait = HEAD_SECONDS
        while True:
            await self._clock.sleep(wait)
            wait = QUIET_SECONDS - (self._clock.monotonic() - self._last)
            if self._begun and wait > 0:
                continue
            await self._say(send, self._manner.ping)
            wait = QUIET_SECONDS


def place_for(scope: Scope) -> AbstractContextManager[None]:
    """One of the streams that may be open, where somebody counts. Raises `Refused`."""
    load = scope.get("state", {}).get("load")
    return nullcontext() if load is None else load.stream()
