"""What a command runs in: where it reads and prints, and how it gets its client."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TextIO

DASH = "\0"
"""Stands for the word `-`, which the parser would take for an option."""

if TYPE_CHECKING:
    from anymedia.client import AsyncClient


class Setup(Protocol):
    """Where the configuration and the data are, as the options of a command say."""

    @property
    def config(self) -> Path | None: ...
    @property
    def data_dir(self) -> Path | None: ...


def client_of(setup: Setup) -> AsyncClient:
    """The client that the options of a command ask for."""
    from anymedia.client import AsyncClient

    return AsyncClient(setup.config, data_dir=setup.data_dir)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """One run of the command."""

    stdin: TextIO = field(default_factory=lambda: sys.stdin)
    stdout: TextIO = field(default_factory=lambda: sys.stdout)
    stderr: TextIO = field(default_factory=lambda: sys.stderr)
    directory: Path = field(default_factory=Path.cwd)
    """Where results are saved that nobody gave a place."""
    client: Callable[[Setup], AsyncClient] = client_of

    def print(self, lines: str | Iterable[str]) -> None:
        """Results, for people and pipes."""
        for line in [lines] if isinstance(lines, str) else lines:
            print(line, file=self.stdout)

    def tell(self, line: str) -> None:
        """What is said beside the results."""
        print(line, file=self.stderr, flush=True)

    def json(self, document: Any) -> None:
        """The one document of `--json`."""
        print(json.dumps(document, indent=2, ensure_ascii=False), file=self.stdout)

    def prompt(self, given: str) -> str:
        """The prompt, from stdin where it is `-`."""
        from anymedia.contracts.errors import InvalidRequest

        if given != DASH:
            return given
        try:
            return self.stdin.read().rstrip("\n")
        except UnicodeDecodeError:
            raise InvalidRequest("the prompt on stdin is not text in UTF-8") from None
