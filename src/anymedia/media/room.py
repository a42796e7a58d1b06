"""The process that touches strangers' media: `python -m anymedia.media.room`.

It reads tasks as lines of JSON and forks for each, so that the libraries are loaded once and what
a file does to its decoder it does to a copy: the copy has limits on memory, time and output, and
may crash. Each task is answered by lines with its number: `progress`, `result` or `problem`, and
at last `over`. When nobody sends any more, everything ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import signal
from typing import Any, NoReturn

IDLE_SECONDS = 60.0
LONGEST_LINE = 3500
"""Bytes; a pipe takes that much at once, so that lines of several copies do not mix."""
NICENESS = 5
"""Whoever serves callers goes first."""


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
    copies: dict[int, int] = {}
    pending = b""
    try:
        while True:
            ready, _, _ = select.select([0, woken], [], [], IDLE_SECONDS)
            if woken in ready:
                with contextlib.suppress(BlockingIOError):
                    os.read(woken, 4096)
                reap(copies)
            if 0 in ready:
                data = os.read(0, 65_536)
                if not data:
                    return
                *lines, pending = (pending + data).split(b"\n")
                for line in lines:
                    take(json.loads(line), copies)
            if not ready and not copies:
                return
    finally:
        for pid in copies:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def warm() -> None:
    """Load what every copy needs, once."""
    with contextlib.suppress(ImportError):
        import av
        import av.logging

        av.logging.set_level(None)
    with contextlib.suppress(ImportError):
        from PIL import Image

        Image.init()


def take(message: dict[str, Any], copies: dict[int, int]) -> None:
    """Begin a task, or stop one."""
    if "stop" in message:
        for pid, number in copies.items():
            if number == message["stop"]:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
        return
    pid = os.fork()
    if pid == 0:
        work(message)
    copies[pid] = message["number"]


def reap(copies: dict[int, int]) -> None:
    """Tell of copies that have ended."""
    while copies:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        number = copies.pop(pid, None)
        if number is not None:
            say(number, over=os.waitstatus_to_exitcode(status))


def work(message: dict[str, Any]) -> NoReturn:
    """In the copy: do the task under its limits, and end."""
    number = message["number"]
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.close(0)
        limit(message["limits"])
        from anymedia.media.tasks import done

        told = [0.0]

        def progress(share: float) -> None:
            if share - told[0] >= 0.05:
                told[0] = share
                say(number, progress=round(min(share, 1.0), 2))

        result = done(message["task"], message["given"], progress)
        say(number, result=result)
        code = 0
    except MemoryError:
        say(number, problem="it needs more memory than is allowed")
    except Exception as error:  # noqa: BLE001  whatever a stranger's file brings about
        say(number, problem=told_of(error))
    finally:
        os._exit(code)


def told_of(error: Exception) -> str:
    """A failure in one line, without paths of ours."""
    words = getattr(error, "strerror", None) or str(error).partition("\n")[0]
    return f"{type(error).__name__}: {words}"[:300] if words else type(error).__name__


def limit(limits: dict[str, float]) -> None:
    """What a copy may use. The alarm is there in case that nobody watches any more."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.setitimer(signal.ITIMER_REAL, limits["seconds"] + 5)
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
