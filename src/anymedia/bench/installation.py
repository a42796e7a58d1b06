"""Everything that `anymedia bench` measures, part after part.

Nothing of the user's is touched or read: each part lies in a temporary folder, and its processes
get an environment without anybody's keys, settings or data.
"""

from __future__ import annotations

import asyncio
import json
import os
import platform
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from anymedia import __version__
from anymedia.bench import jobs, startup
from anymedia.bench.library import AT_ONCE
from anymedia.bench.processes import clean, cores, line, running
from anymedia.bench.throughput import Through, Unmeasured, provider

TIMES = 5
"""Fresh processes of each kind."""
STREAMS, FEW_STREAMS = 1000, 50
"""Open at once; few where somebody only wants to see that it works."""
JOBS_PER_SECOND = 100
"""So many jobs for each second that a measurement may take."""
SPARE_FILES = 200
GATEWAY = ("fastapi", "uvicorn", "prometheus_client")


@dataclass(slots=True)
class Installation:
    """What was found so far; figures by name, and why some parts have none."""

    figures: dict[str, float | None] = field(default_factory=dict)
    missing: dict[str, str] = field(default_factory=dict)

    def document(self, seconds: float) -> dict[str, Any]:
        """All of it, for machines."""
        return {
            "anymedia": __version__,
            "at": datetime.now(UTC).isoformat(timespec="seconds"),
            "machine": machine(),
            "seconds": seconds,
            "figures": {
                name: None if value is None else round(value, 4)
                for name, value in self.figures.items()
            },
            "missing": self.missing,
        }


def measured(seconds: float, tell: Callable[[str, float], None]) -> Installation:
    """Measure it all; `tell` hears what is being done, and which share is done."""
    found = Installation()
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        tell("fresh processes", 0.0)
        times = TIMES if seconds >= 1 else 1
        found.figures |= startup.measured(home, times)
        tell("library calls", 0.15)
        with part(found, "library"):
            found.figures |= library(home, seconds)
        with part(found, "gateway"):
            gateway(home, seconds, found, tell)
        tell("jobs", 0.85)
        with part(found, "jobs"):
            found.figures |= kept(seconds)
    tell("done", 1.0)
    return found


@contextmanager
def part(found: Installation, name: str) -> Iterator[None]:
    """A part that may fail, and the others go on."""
    try:
        yield
    except (Unmeasured, RuntimeError, OSError, subprocess.SubprocessError) as error:
        found.missing[name] = str(error) or type(error).__name__


def library(home: Path, seconds: float) -> dict[str, float | None]:
    """Calls of the library, in a process of its own."""
    apart, log = cores(), home / "library"
    with provider(apart.around, log) as port:
        words = [sys.executable, "-m", "anymedia.bench.library", str(port), str(seconds)]
        environment = clean(home)
        with running(
            words, on=apart.measured, environment=environment, directory=home, log=log
        ) as process:
            told = json.loads(line(process, log))
    return {
        "bare_call_milliseconds": told["bare"]["milliseconds"],
        "call_milliseconds": told["ours"]["milliseconds"],
        "call_cpu_microseconds": told["ours"]["cpu_microseconds"],
        f"calls_per_second_at_{AT_ONCE}": told["ours"]["per_second"],
        "cached_call_microseconds": 1000 * told["cached"]["milliseconds"],
    }


def gateway(
    home: Path, seconds: float, found: Installation, tell: Callable[[str, float], None]
) -> None:
    """The gateway, in processes of its own."""
    if missing := [name for name in GATEWAY if find_spec(name) is None]:
        raise Unmeasured(f"it needs {', '.join(missing)}: install `anymedia[gateway]`")
    tell("gateway: starts", 0.35)
    with Through(home, cores()) as through:
        found.figures |= through.ready()
        tell("gateway: one after another", 0.45)
        found.figures |= through.alone(seconds)
        tell("gateway: many at once", 0.55)
        found.figures |= through.together(seconds)
        tell("gateway: streams", 0.65)
        found.figures |= through.streamed(seconds)
        streams = room_for(STREAMS if seconds >= 1 else FEW_STREAMS)
        tell(f"gateway: {streams:,} open streams", 0.75)
        found.figures |= through.held(streams, seconds)


def room_for(streams: int) -> int:
    """So many of these as this process and what it starts may hold: each takes two files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * streams + SPARE_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
        soft = most
    return streams if soft == resource.RLIM_INFINITY else min(streams, (soft - SPARE_FILES) // 2)


def kept(seconds: float) -> dict[str, float | None]:
    """Jobs on SQLite, accepted and guarded."""
    count = max(10, round(seconds * JOBS_PER_SECOND))
    told = asyncio.run(jobs.measured(None, count, 1, 0.0))
    return {
        "jobs_accepted_per_second": told["accepted_per_second"],
        "jobs_guarded_per_second": told["accepted_and_guarded_per_second"],
        "job_cpu_milliseconds": told["cpu_milliseconds_per_job"],
    }


def machine() -> dict[str, Any]:
    """On what it was measured, without anything that tells whose it is."""
    return {
        "system": platform.system(),
        "architecture": platform.machine(),
        "cores": os.cpu_count(),
        "pinned": cores().pinned,
        "python": platform.python_version(),
        "load_at_end": round(os.getloadavg()[0], 2),
    }
