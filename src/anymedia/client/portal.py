"""A loop of our own in a thread: how blocking code calls awaited code, from anywhere.

It works in scripts, in notebooks (whose own loop is busy) and from several threads at once.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, Coroutine, Iterator
from typing import Any, TypeVar

from anymedia.contracts.errors import InvalidRequest

T = TypeVar("T")


class Portal:
    """Runs coroutines in its own thread and waits for them."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        started = threading.Event()
        self._loop.call_soon(started.set)
        self._thread = threading.Thread(target=self._loop.run_forever, name="anymedia", daemon=True)
        self._thread.start()
        started.wait()

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """The coroutine's result. When the caller is interrupted, so is the coroutine."""
        if self.closed:
            coroutine.close()
            raise InvalidRequest("the client is closed; make a new one")
        future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    def iterate(self, generator: AsyncGenerator[T, None]) -> Iterator[T]:
        """An async generator's items; stopping early closes it."""
        try:
            while True:
                try:
                    yield self.call(generator.__anext__())
                except StopAsyncIteration:
                    return
        finally:
            if not self.closed:
                self.call(generator.aclose())

    @property
    def closed(self) -> bool:
        """Whether nothing can be called any more."""
        return not self._loop.is_running()

    def close(self) -> None:
        """Stop the loop and the thread."""
        if self.closed:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
