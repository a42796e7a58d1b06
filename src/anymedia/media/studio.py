"""Work on media, done elsewhere: sent to the room, watched, and stopped when it takes too long.

Nothing that a file does to its decoder reaches this process. A crash, a timeout or a lack of
memory is a `MediaFailed`, which no job fails of.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from importlib.util import find_spec
from typing import Any

KEPT_VARIABLES = ("PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "SYSTEMROOT")
"""The room needs no credentials, so it gets none."""
GIGABYTE = 1024**3


class MediaFailed(Exception):
    """A task in the room came to nothing; says why."""


class StudioClosed(Exception):
    """This process ends; the work is for another."""


class RoomGone(MediaFailed):
    """The room itself ended, for no fault of the task that is known."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """What one task may use."""

    seconds: float
    memory_bytes: int


LOOKING = Bounds(seconds=30.0, memory_bytes=2 * GIGABYTE)
MAKING = Bounds(seconds=1800.0, memory_bytes=4 * GIGABYTE)


@dataclass(slots=True)
class Order:
    """A task that somebody waits for."""

    loop: asyncio.AbstractEventLoop
    outcome: asyncio.Future[dict[str, Any]]
    on_progress: Callable[[float], None] | None
    result: dict[str, Any] | None = None
    problem: str | None = None
    over: bool = False

    def heard(self, message: dict[str, Any]) -> None:
        """A line about it. Runs in its loop."""
        self.over = self.over or "over" in message
        if self.outcome.done():
            return
        if "closed" in message:
            self.outcome.set_exception(StudioClosed())
            return
        if "gone" in message:
            self.outcome.set_exception(RoomGone("the process for it was stopped"))
            return
        if "progress" in message and self.on_progress is not None:
            self.on_progress(message["progress"])
        self.result = message.get("result", self.result)
        self.problem = message.get("problem", self.problem)
        if "over" not in message:
            return
        if self.result is not None and message["over"] == 0:
            self.outcome.set_result(self.result)
        else:
            self.outcome.set_exception(MediaFailed(self.problem or ended(message["over"])))


def ended(code: int) -> str:
    """How a process ended that said nothing."""
    return f"the decoder crashed (signal {-code})" if code < 0 else "the decoder gave up"


@dataclass(slots=True)
class Room:
    """One process, and who waits for what from it."""

    process: subprocess.Popen[bytes]
    orders: dict[int, Order] = field(default_factory=dict)
    open: bool = True


class Studio:
    """Sends for work on media. Starts the room when it is first needed."""

    def __init__(
        self,
        *,
        file_bytes: int,
        looking: Bounds = LOOKING,
        making: Bounds = MAKING,
        processors: int | None = None,
    ) -> None:
        processors = processors or os.cpu_count() or 1
        self._file_bytes = file_bytes
        self._looking = looking
        self._making = making
        self._few = asyncio.Semaphore(processors)
        self._fewer = asyncio.Semaphore(max(1, processors // 2))
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._room: Room | None = None
        self._closed = False

    @cached_property
    def available(self) -> bool:
        """Whether the libraries are here: the extra `anymedia[media]`."""
        return find_spec("av") is not None and find_spec("PIL") is not None

    @property
    def busy(self) -> bool:
        """Whether as much is being made as this machine can do at a time."""
        return self._fewer.locked()

    async def examine(self, source: str, media_type: str) -> dict[str, Any]:
        """Facts, and what is wrong with it as `findings`."""
        async with self._few:
            return await self._sent(
                "examine", {"source": source, "media_type": media_type}, self._looking
            )

    async def preview(self, source: str, target: str, media_type: str) -> dict[str, Any]:
        """Write a small picture of it; its `media_type`."""
        given = {"source": source, "target": target, "media_type": media_type}
        async with self._few:
            return await self._sent("preview", given, self._looking)

    async def normalize(
        self,
        source: str,
        target: str,
        media_type: str,
        wanted: dict[str, Any],
        on_progress: Callable[[float], None] | None = None,
    ) -> dict[str, Any]:
        """Write it as it is wanted; its `media_type` and facts."""
        given = {"source": source, "target": target, "media_type": media_type, "wanted": wanted}
        async with self._fewer:
            return await self._sent("normalize", given, self._making, on_progress)

    def close(self) -> None:
        """Stop what is under way; whoever waits for it hears `StudioClosed`."""
        with self._lock:
            self._closed = True
            room, self._room = self._room, None
        if room is not None:
            for order in list(room.orders.values()):
                pass_on(order, {"closed": True})
            left(room)

    # --- sending --------------------------------------------------------------------------

    async def _sent(
        self,
        task: str,
        given: dict[str, Any],
        bounds: Bounds,
        on_progress: Callable[[float], None] | None = None,
    ) -> dict[str, Any]:
        try:
            return await self._tried(task, given, bounds, on_progress)
        except RoomGone:  # it goes home when nobody comes for a while, even as somebody does
            return await self._tried(task, given, bounds, on_progress)

    async def _tried(
        self,
        task: str,
        given: dict[str, Any],
        bounds: Bounds,
        on_progress: Callable[[float], None] | None,
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        number = next(self._numbers)
        order = Order(loop, loop.create_future(), on_progress)
        message = {
            "number": number,
            "task": task,
            "given": given,
            "limits": {
                "seconds": bounds.seconds,
                "memory_bytes": bounds.memory_bytes,
                "file_bytes": self._file_bytes,
            },
        }
        room = await asyncio.to_thread(self._handed_in, number, order, message)
        try:
            return await asyncio.wait_for(order.outcome, bounds.seconds)
        except TimeoutError:
            raise MediaFailed(f"it took longer than {bounds.seconds:g} seconds") from None
        finally:
            room.orders.pop(number, None)
            if not order.over:
                written(room, {"stop": number})

    def _handed_in(self, number: int, order: Order, message: dict[str, Any]) -> Room:
        """Give a task to the room, to a new one if that has gone home meanwhile."""
        with self._lock:
            for _ in range(2):
                if self._closed:
                    raise StudioClosed
                if self._room is None or not self._room.open:
                    self._room = started()
                room = self._room
                room.orders[number] = order
                if written(room, message) and room.open:
                    return room
                room.orders.pop(number, None)
                room.open = False
        raise MediaFailed("no process could be started for it")


def started() -> Room:
    """A new room, and a thread that hears what it says."""
    environment = {name: os.environ[name] for name in KEPT_VARIABLES if name in os.environ}
    environment["PYTHONPATH"] = os.pathsep.join(one for one in sys.path if one)
    try:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "anymedia.media.room"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
    except OSError as error:
        raise MediaFailed(f"no process could be started for it: {error.strerror}") from None
    room = Room(process)
    threading.Thread(target=hear, args=(room,), name="anymedia-room", daemon=True).start()
    return room


def hear(room: Room) -> None:
    """Pass on what the room says, until it is gone."""
    assert room.process.stdout is not None
    with room.process.stdout as lines:
        for line in lines:
            message = json.loads(line)
            pass_on(room.orders.get(message["number"]), message)
    room.open = False
    left(room)
    room.process.wait()
    for order in list(room.orders.values()):
        pass_on(order, {"gone": True})


def pass_on(order: Order | None, message: dict[str, Any]) -> None:
    """Tell whoever waits, in their own loop."""
    if order is not None:
        with contextlib.suppress(RuntimeError):  # their loop is over
            order.loop.call_soon_threadsafe(order.heard, message)


def written(room: Room, message: dict[str, Any]) -> bool:
    """Say something to the room. False when it does not listen any more."""
    assert room.process.stdin is not None
    try:
        room.process.stdin.write(json.dumps(message).encode() + b"\n")
        room.process.stdin.flush()
    except (OSError, ValueError):
        return False
    return True


def left(room: Room) -> None:
    """Send no more: the room ends by itself, with everything in it."""
    room.open = False
    assert room.process.stdin is not None
    with contextlib.suppress(OSError):
        room.process.stdin.close()
