"""Coroutines driven by hand: what comes at once, what has to be waited for, and who hangs up."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from anymedia.gateway.shared.stepping import Rest, Watch, at_once

REQUEST = {"type": "http.request", "body": b"", "more_body": False}
GONE = {"type": "http.disconnect"}


class Line:
    """A server's messages, as they are put in."""

    def __init__(self, *messages: Any) -> None:
        self._messages = list(messages)
        self._news = asyncio.Event()
        self.closed = False

    def put(self, message: Any) -> None:
        """One more."""
        self._messages.append(message)
        self._news.set()

    async def receive(self) -> Any:
        """The next."""
        try:
            while not self._messages:
                self._news.clear()
                await self._news.wait()
        except GeneratorExit:
            self.closed = True
            raise
        await asyncio.sleep(0)
        message = self._messages.pop(0)
        if isinstance(message, Exception):
            raise message
        return message


def test_what_is_there_comes_at_once() -> None:
    """No loop is needed for it."""

    async def there() -> int:
        return 7

    assert at_once(there()) == 7


def test_what_has_to_wait_goes_on_where_it_was() -> None:
    """Its result, its error, and a cancellation all arrive."""

    async def main() -> None:
        line = Line()
        with pytest.raises(Rest) as caught:
            at_once(line.receive())
        waiting = asyncio.ensure_future(asyncio.wait_for(caught.value, 5))
        await asyncio.sleep(0)
        line.put(REQUEST)
        assert await waiting == REQUEST

        with pytest.raises(Rest) as caught:
            at_once(line.receive())
        line.put(ValueError("broken"))
        with pytest.raises(ValueError, match="broken"):
            await caught.value

        ended: list[str] = []

        async def sleeping() -> None:
            try:
                await asyncio.Event().wait()
            finally:
                ended.append("cancelled")

        with pytest.raises(Rest) as caught:
            at_once(sleeping())
        task = asyncio.ensure_future(asyncio.wait_for(caught.value, 5))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert (task.cancelled(), ended) == (True, ["cancelled"])

    asyncio.run(main())


@pytest.mark.parametrize("ending", [GONE, OSError()])
def test_a_watch_tells_when_the_caller_hangs_up_and_nothing_before(ending: Any) -> None:
    """Other messages mean nothing; a broken line is an end too."""

    async def main() -> None:
        line, gone = Line(REQUEST), asyncio.Event()
        watch = Watch(line.receive, gone.set)
        watch.begin()
        for _ in range(5):
            await asyncio.sleep(0)
        assert not gone.is_set()
        line.put(ending)
        await asyncio.wait_for(gone.wait(), 5)
        watch.end()

    asyncio.run(main())


def test_a_watch_that_has_ended_hears_nothing_and_leaves_nothing() -> None:
    """The server's coroutine is closed, not forgotten."""

    async def main() -> None:
        line, gone = Line(), asyncio.Event()
        watch = Watch(line.receive, gone.set)
        watch.begin()
        watch.end()
        assert line.closed
        line.put(GONE)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not gone.is_set()

    asyncio.run(main())
