"""The process that touches strangers' media: `python -m anymedia.media.room`.

It reads tasks as lines of JSON and forks for them, so that the libraries are loaded once and what
a file does to its decoder it does to a copy: the copy has limits on memory, time and output, and
may crash. Each task is answered by lines with its number: `progress`, `result` or `problem`, and
at last `over`. When nobody sends any more, everything ends.

To begin a copy takes longer than to look at a picture. So one that has looked at something without
trouble looks at the next thing too, for a while; whatever fails, or takes much, ends its copy.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import resource
import select
import signal
import struct
import sys
from dataclasses import dataclass
from typing import Any, NoReturn

IDLE_SECONDS = 60.0
LONGEST_LINE = 3500
"""Bytes; a pipe takes that much at once, so that lines of several copies do not mix."""
NICENESS = 5
"""Whoever serves callers goes first."""
SHORT = frozenset({"examine", "preview"})
"""Tasks after which a copy may do another."""
MOST_TASKS = 50
"""Of one copy; then another begins with fresh memory."""
MUCH = 0.1
"""The share of a task's bounds that a copy may have used up and still take another."""
PID = struct.Struct("i")


@dataclass(slots=True)
class Copy:
    """A process that does tasks."""

    number: int | None
    """Of the task that it does now."""
    limits: dict[str, float]
    door: int
    """The pipe that it gets further tasks by."""


class Copies:
    """All of them, by process."""

    def __init__(self) -> None:
        self._copies: dict[int, Copy] = {}
        self.free, self._freed = os.pipe()
        """The pipe by which copies tell that they are free, by their process' number."""

    @property
    def busy(self) -> bool:
        """Whether anything is being done."""
        return any(one.number is not None for one in self._copies.values())

    def take(self, message: dict[str, Any]) -> None:
        """Begin a task, or stop one."""
        if "stop" in message:
            self._stop(message["stop"])
        elif message["task"] not in SHORT or not self._given(message):
            self._begin(message)

    def freed(self) -> None:
        """Hear which of them have ended a task and wait for another."""
        told = os.read(self.free, PID.size * 64)
        for (pid,) in PID.iter_unpack(told):
            if pid in self._copies:
                self._copies[pid].number = None

    def reap(self) -> None:
        """Tell of those that have ended."""
        while self._copies:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            one = self._copies.pop(pid, None)
            if one is None:
                continue
            os.close(one.door)
            if one.number is not None:
                say(one.number, over=os.waitstatus_to_exitcode(status))

    def kill(self) -> None:
        """End all."""
        for pid in self._copies:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def _stop(self, number: int) -> None:
        for pid, one in self._copies.items():
            if one.number == number:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)

    def _given(self, message: dict[str, Any]) -> bool:
        for one in self._copies.values():
            if one.number is None and one.limits == message["limits"]:
                with contextlib.suppress(BrokenPipeError):  # it has just ended
                    os.write(one.door, json.dumps(message).encode() + b"\n")
                    one.number = message["number"]
                    return True
        return False

    def _begin(self, message: dict[str, Any]) -> None:
        door, way_in = os.pipe()
        pid = os.fork()
        if pid == 0:
            # Else a copy would keep the others' doors open, and they would wait for ever.
            for fd in (way_in, self.free, *(one.door for one in self._copies.values())):
                os.close(fd)
            work(message, door, self._freed)
        os.close(door)
        self._copies[pid] = Copy(message["number"], message["limits"], way_in)


def main() -> None:
    """Take tasks until there are none any more."""
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    os.set_blocking(woken, False)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    with contextlib.suppress(OSError):
        os.nice(NICENESS)
    warm()
    copies = Copies()
    pending = b""
    try:
        while True:
            ready, _, _ = select.select([0, woken, copies.free], [], [], IDLE_SECONDS)
            if copies.free in ready:  # before new tasks: somebody may be free for them
                copies.freed()
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                copies.reap()
            if 0 in ready:
                data = os.read(0, 65_536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    copies.take(json.loads(line))
            if not ready and not copies.busy:
                return
    finally:
        copies.kill()


def warm() -> None:
    """Load what every copy needs, once, and leave it where it is: what is moved is copied."""
    from anymedia.media import examining, normalizing, preview, tasks  # noqa: F401  for the copies

    with contextlib.suppress(ImportError):
        import av
        import av.logging

        av.logging.set_level(None)
    with contextlib.suppress(ImportError):
        from PIL import Image, ImageDraw, ImageOps  # noqa: F401  as above

        Image.init()
    gc.collect()
    gc.freeze()


def work(message: dict[str, Any], door: int, freed: int) -> NoReturn:
    """In the copy: do the task under its limits, further ones while all is well, and end."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        os.close(0)
        limit(message["limits"])
        for count in range(1, MOST_TASKS + 1):
            code = 1 - did(message)
            last = count == MOST_TASKS or has_taken_much(message["limits"])
            if code != 0 or message["task"] not in SHORT or last:
                break
            os.write(freed, PID.pack(os.getpid()))
            say(message["number"], over=0)
            line = next_line(door)
            if not line:
                break
            message = json.loads(line)
    finally:
        os._exit(code)


def did(message: dict[str, Any]) -> bool:
    """Do one task; whether it went well. The alarm is there in case nobody watches any more."""
    from anymedia.media.tasks import done  # as `warm` has loaded it

    number, told = message["number"], [0.0]

    def progress(share: float) -> None:
        if share - told[0] >= 0.05:
            told[0] = share
            say(number, progress=round(min(share, 1.0), 2))

    signal.setitimer(signal.ITIMER_REAL, message["limits"]["seconds"] + 5)
    try:
        say(number, result=done(message["task"], message["given"], progress))
    except MemoryError:
        say(number, problem="it needs more memory than is allowed")
    except Exception as error:  # noqa: BLE001  whatever a stranger's file brings about
        say(number, problem=told_of(error))
    else:
        return True
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
    return False


def has_taken_much(limits: dict[str, float]) -> bool:
    """Whether so much of what one task may use is gone that the next might not have enough."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    unit = 1 if sys.platform == "darwin" else 1024
    return (
        used.ru_utime + used.ru_stime > limits["seconds"] * MUCH
        or used.ru_maxrss * unit > limits["memory_bytes"] * MUCH
    )


def next_line(door: int) -> bytes:
    """The next task, when there is one; nothing when there will be none."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(door, 65_536)
        if not piece:
            return b""
        line += piece
    return line


def told_of(error: Exception) -> str:
    """A failure in one line, without paths of ours."""
    words = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return f"{type(error).__name__}: {words}"[:300] if words else type(error).__name__


def limit(limits: dict[str, float]) -> None:
    """What a copy may use."""
    processors = os.cpu_count() or 1
    seconds = int(limits["seconds"] * processors) + 1
    bounds = (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_AS, int(limits["memory_bytes"])),
        (resource.RLIMIT_FSIZE, int(limits["file_bytes"])),
    )
    for what, most in bounds:
        # Not every system knows every limit; macOS has none on memory.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def say(number: int, **said: Any) -> None:
    """One line to whoever sent the task."""
    line = json.dumps({"number": number, **said}).encode() + b"\n"
    if len(line) > LONGEST_LINE:
        line = json.dumps({"number": number, "problem": "its answer is too long"}).encode() + b"\n"
    with contextlib.suppress(BrokenPipeError):
        os.write(1, line)


if __name__ == "__main__":
    main()
