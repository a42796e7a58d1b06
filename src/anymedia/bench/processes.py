"""Processes that are measured: started, pinned, ended, and what they use meanwhile.

What is used is read of the kernel's files on Linux; elsewhere it stays unknown (`None`), and times
are still told.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
END_SECONDS = 10.0
"""So long a process may take to end before it is killed."""
GONE_SECONDS = 1.0
"""So long we wait for what was killed to be gone."""
KEPT = (
    "PATH",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "PYTHONPATH",
    "PYTHONSAFEPATH",
    "VIRTUAL_ENV",
    "SYSTEMROOT",
)
"""Of the environment. All else could be somebody's keys or settings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What a process and its children have used so far, and hold at the moment."""

    cpu_seconds: float
    megabytes: float
    """Resident, of 2**20 bytes."""
    threads: int
    files: int
    """Open file descriptors."""


def used(pid: int) -> Used | None:
    """Of a process and all below it; `None` where the kernel does not tell, or when it has ended."""
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    cpu = size = threads = files = 0
    try:
        for one in family(pid):
            folder = PROC / str(one)
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            # proc(5): 14 and 15 are user and system time, 20 is threads; the first two are cut off.
            cpu += int(fields[11]) + int(fields[12])
            threads += int(fields[17])
            size += int((folder / "statm").read_text().split()[1])
            files += sum(1 for _ in (folder / "fd").iterdir())
    except OSError:
        return None
    return Used(
        cpu_seconds=cpu / ticks, megabytes=size * page / 2**20, threads=threads, files=files
    )


def family(pid: int) -> Iterator[int]:
    """A process and all below it."""
    yield pid
    for task in (PROC / str(pid) / "task").iterdir():
        for child in (task / "children").read_text().split():
            yield from family(int(child))


@dataclass(frozen=True, slots=True)
class Cores:
    """Which cores do what: one for what is measured, the others for all around it."""

    measured: frozenset[int] = frozenset()
    """Empty where nothing can be pinned: all run anywhere."""
    around: frozenset[int] = frozenset()

    @property
    def pinned(self) -> bool:
        """Whether they are apart."""
        return bool(self.measured)


def cores() -> Cores:
    """Of this machine: the first one that we may use is for what is measured."""
    if not hasattr(os, "sched_getaffinity"):
        return Cores()
    first, *others = sorted(os.sched_getaffinity(0))
    return Cores(frozenset({first}), frozenset(others)) if others else Cores()


@contextmanager
def running(
    command: Sequence[str],
    *,
    on: frozenset[int] = frozenset(),
    environment: Mapping[str, str] | None = None,
    directory: Path | None = None,
    log: Path | None = None,
    talks: bool = True,
) -> Iterator[subprocess.Popen[str]]:
    """A process while the block runs: stdin and stdout are pipes, stderr goes to a file.

    `on` are the cores that it may use; empty means any. What does not talk to us would block on a
    full pipe some day: its stdout goes to the file too.
    """
    with open(log or os.devnull, "a", encoding="utf-8") as errors:  # noqa: PTH123  may be no path
        process = subprocess.Popen(  # noqa: S603  commands of our own
            command,
            cwd=directory,
            env=None if environment is None else dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE if talks else errors,
            stderr=errors,
            text=True,
            start_new_session=True,
        )
    try:
        if on:
            os.sched_setaffinity(process.pid, on)  # what it starts later inherits that
        yield process
    finally:
        end(process)


def end(process: subprocess.Popen[str]) -> None:
    """Ask a process to end, and see to it, with all it has started."""
    process.terminate()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    deadline = time.monotonic() + GONE_SECONDS
    with suppress(ProcessLookupError, PermissionError):
        while time.monotonic() < deadline:  # children may have outlived it
            os.killpg(process.pid, signal.SIGKILL)
            time.sleep(0.01)
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(OSError):
                pipe.close()


def line(process: subprocess.Popen[str], log: Path | None = None) -> str:
    """The next line that a process prints. `RuntimeError` with its last words when it has ended."""
    assert process.stdout is not None
    said = process.stdout.readline().strip()
    if not said:
        words = log.read_text(encoding="utf-8").strip()[-600:] if log is not None else ""
        raise RuntimeError(f"`{Path(process.args[0]).name}` ended before it was done. {words}")  # type: ignore[index,arg-type]  # a list, always
    return said


def clean(home: Path, **more: str) -> dict[str, str]:
    """An environment in which nobody's configuration, keys or data are found."""
    return {
        **{name: os.environ[name] for name in KEPT if name in os.environ},
        "HOME": str(home),
        "ANYMEDIA_DATA_DIR": str(home / "data"),
        **more,
    }


def fresh(code: str, home: Path, *, times: int) -> tuple[float, float | None]:
    """Seconds and megabytes of a fresh process that runs some code; the best of several."""
    # The kernel says the size of this very program; `ru_maxrss` is handed down through `exec`.
    probe = (
        f"{code}\nfrom pathlib import Path\nstatus = Path('/proc/self/status')\n"
        "print(*[l.split()[1] for l in (status.read_text().splitlines() if status.exists() else [])"
        " if 'VmHWM' in l])"
    )
    best, size = float("inf"), None
    for _ in range(times):
        began = time.perf_counter()
        shown = subprocess.run(  # noqa: S603  code of our own
            [sys.executable, "-c", probe],
            cwd=home,
            env=clean(home),
            capture_output=True,
            text=True,
            check=True,
        )
        best = min(best, time.perf_counter() - began)
        said = shown.stdout.split()
        size = int(said[-1]) / 1024 if said else None
    return best, size
