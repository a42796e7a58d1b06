"""Runs the command: in this process with a session of the test's, or as a user does."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymedia.cli.launch import launch
from anymedia.cli.session import Session, Setup
from anymedia.client import AsyncClient
from anymedia.contracts.configuration import ProviderSettings, Settings


class Screen(io.TextIOWrapper):
    """A stream that remembers, and is a terminal or not."""

    def __init__(self, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), "utf-8", write_through=True)
        self._terminal = terminal

    def isatty(self) -> bool:
        """Whether it passes for a terminal."""
        return self._terminal

    @property
    def shown(self) -> bytes:
        """Everything that was written."""
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue()


@dataclass(frozen=True)
class Ran:
    """What came of a command."""

    code: int
    output: bytes
    err: str

    @property
    def out(self) -> str:
        """What it printed."""
        return self.output.decode()

    @property
    def json(self) -> Any:
        """The one document that it printed."""
        return json.loads(self.out)


ECHO = Settings(providers=(ProviderSettings(name="echo"),))


@dataclass
class Cli:
    """The command in this process: `echo` answers, everything lies in a temporary directory."""

    directory: Path
    settings: Settings = ECHO
    terminal: bool = False

    @property
    def data(self) -> Path:
        """Where jobs and artifacts are kept."""
        return self.directory / "data"

    def __call__(
        self, *words: str, stdin: str | bytes = "", client: Callable[..., Any] | None = None
    ) -> Ran:
        """Run a command to its end."""
        (work := self.directory / "work").mkdir(exist_ok=True)
        typed = stdin.encode() if isinstance(stdin, str) else stdin
        out, err = Screen(terminal=self.terminal), Screen(terminal=self.terminal)
        session = Session(
            stdin=io.TextIOWrapper(io.BytesIO(typed), "utf-8"),
            stdout=out,
            stderr=err,
            directory=work,
            client=client or self.client,
        )
        code = launch(words, session)
        return Ran(code, out.shown, err.shown.decode())

    def client(self, _: Setup) -> AsyncClient:
        """A client that knows nothing of the machine that the test runs on."""
        return AsyncClient(self.settings, data_dir=self.data)

    def files(self) -> list[str]:
        """What was saved."""
        return sorted(path.name for path in (self.directory / "work").iterdir())

    def file(self, name: str) -> bytes:
        """One saved file."""
        return (self.directory / "work" / name).read_bytes()


PROGRAM = [sys.executable, "-m", "anymedia"]


def environment(home: Path, **more: str) -> dict[str, str]:
    """A user's environment with nothing set."""
    return {"HOME": str(home), "PATH": os.defpath, "ANYMEDIA_DATA_DIR": str(home / "data"), **more}


def command(
    home: Path, *words: str, stdin: str = "", timeout: float = 60.0, **variables: str
) -> subprocess.CompletedProcess[str]:
    """The command as a user runs it, in an empty home."""
    return subprocess.run(
        [*PROGRAM, *words],
        cwd=home,
        env=environment(home, **variables),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


def started(home: Path, words: Sequence[str], **variables: str) -> subprocess.Popen[str]:
    """The command under way, as a user runs it."""
    return subprocess.Popen(
        [*PROGRAM, *words],
        cwd=home,
        env=environment(home, **variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
