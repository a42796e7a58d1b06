"""What has to be installed beside the project: nginx plays the far end, wrk asks."""

from __future__ import annotations

import argparse
import os
import platform
import resource
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from anymedia.bench.processes import cores

SBIN = ("/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin")
"""nginx is no command for everybody, so it need not be on the path."""
PACKAGES = {"nginx": "nginx-light (Debian, Ubuntu) or nginx", "wrk": "wrk"}
FILES = 16_384


class Missing(Exception):
    """Something has to be installed or said first; the words say what."""


def program(name: str, path: str | None = None) -> str:
    """Where a program is. `Missing` says what to install."""
    where = os.environ.get("PATH", os.defpath) if path is None else path
    found = shutil.which(name, path=os.pathsep.join((where, *SBIN)) if path is None else path)
    if found is None:
        raise Missing(
            f"`{name}` is not installed: install the package {PACKAGES[name]} and run it again"
        )
    return found


def checked(names: Sequence[str], path: str | None = None) -> None:
    """All of them are there, on Linux. `Missing` tells every one that is not."""
    missing = []
    for name in names:
        try:
            program(name, path)
        except Missing as error:
            missing.append(str(error))
    if not Path("/proc/self/stat").exists():
        missing.append("what a process uses is read from /proc, which only Linux has")
    if missing:
        raise Missing("; ".join(missing))


def end_in_order() -> None:
    """Whoever terminates this ends what it has started as well, as an interrupt does."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def many_files() -> None:
    """Let this process and what it starts hold thousands of connections."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def free_port() -> int:
    """A port that nobody listens on at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def machine() -> dict[str, Any]:
    """On what it was measured."""
    told = subprocess.run([program("nginx"), "-v"], capture_output=True, text=True, check=False)
    wrk = subprocess.run([program("wrk"), "-v"], capture_output=True, text=True, check=False)
    models = [
        one.partition(":")[2].strip()
        for one in Path("/proc/cpuinfo").read_text().splitlines()
        if one.startswith("model name")
    ]
    return {
        "processor": models[0] if models else platform.machine(),
        "cores": os.cpu_count(),
        "pinned": cores().pinned,
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "nginx": told.stderr.strip().rpartition("/")[2],
        "wrk": wrk.stdout.partition("[")[0].replace("wrk", "").strip(),
        "load_at_start": round(os.getloadavg()[0], 2),
    }


def positive(words: str) -> float:
    """A number above nothing, for `argparse`."""
    try:
        number = float(words)
    except ValueError:
        number = 0.0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"`{words}` is not a number above 0")
    return number


def count(words: str) -> int:
    """A whole number above nothing, for `argparse`."""
    if not words.isdigit() or not 0 < int(words) < 10**9:
        raise argparse.ArgumentTypeError(f"`{words}` is not a whole number above 0")
    return int(words)


def file(ending: str) -> Any:
    """For `argparse`: a file to write, whose folder is there and whose name ends like that."""

    def checked_path(words: str) -> Path:
        path = Path(words)
        if path.suffix != ending:
            raise argparse.ArgumentTypeError(f"`{words}` does not end in {ending}")
        if not path.absolute().parent.is_dir():
            raise argparse.ArgumentTypeError(f"the folder of `{words}` does not exist")
        return path

    return checked_path
