"""Clients as processes: each in the environment it is installed in, asked line by line."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from tests.clients.matrix import Cell, Client

HERE = Path(__file__).parent
NODE = HERE / "node"
HOME = HERE.parents[1] / ".venv-clients"
PATIENCE_SECONDS = 120
"""How long an answer may take before the client counts as stuck."""


def command(client: Client, address: str) -> list[str]:
    """How a client is started. Skips where it cannot be, which CI does not do."""
    if client.home == "node":
        node = shutil.which("node")
        if node is None:
            pytest.skip("there is no `node` on this machine")
        if not (NODE / "node_modules" / ".ready").is_file():
            missing("`ai` for Node is not installed")
        return [node, str(NODE / "run.mjs"), client.driver, address]
    python = Path(sys.executable)
    if client.home == "clients":
        python = HOME / "bin" / "python"
        if not (HOME / ".ready").is_file():
            missing(f"{HOME.name} is not there")
    return [str(python), "-P", str(HERE / "drivers" / "run.py"), client.driver, address]


def missing(what: str) -> None:
    """An environment is not there: tell how to make it."""
    words = f"{what}: `make clients` makes it, where packages can be installed"
    if os.environ.get("CI") == "true":
        pytest.fail(words)
    pytest.skip(words)


@dataclass
class Clients:
    """Those that have been started, each once."""

    address: str
    """The gateway's."""
    running: dict[tuple[str, str], subprocess.Popen[str]] = field(default_factory=dict)

    def got(self, cell: Cell, **asked: Any) -> Any:
        """What a client got; fails with what it raised."""
        answer = self.answer(cell, **asked)
        assert "got" in answer, answer["raised"]
        return answer["got"]

    def raised(self, cell: Cell, **asked: Any) -> str:
        """What a client raised; fails where it got an answer."""
        answer = self.answer(cell, **asked)
        assert "raised" in answer, answer["got"]
        return str(answer["raised"])

    def answer(self, cell: Cell, **asked: Any) -> dict[str, Any]:
        """What came of a question."""
        process = self.process(cell.client)
        assert process.stdin is not None
        assert process.stdout is not None
        operation = cell.row.function or cell.row.operation
        question = {"operation": operation, "model": cell.model, **asked}
        process.stdin.write(json.dumps(question) + "\n")
        process.stdin.flush()
        with selectors.DefaultSelector() as waiting:
            waiting.register(process.stdout, selectors.EVENT_READ)
            if not waiting.select(PATIENCE_SECONDS):
                process.kill()
                pytest.fail(f"{cell.client.name} did not answer in {PATIENCE_SECONDS} s")
        line = process.stdout.readline()
        assert line, f"{cell.client.name} ended: {process.wait()}"
        answer: dict[str, Any] = json.loads(line)
        return answer

    def process(self, client: Client) -> subprocess.Popen[str]:
        """The client's, started when it is first asked."""
        key = (client.home, client.driver)
        if key not in self.running:
            self.running[key] = subprocess.Popen(
                command(client, self.address),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        return self.running[key]


@contextmanager
def clients(address: str) -> Iterator[Clients]:
    """Clients of a gateway, which end with the block."""
    asking = Clients(address)
    try:
        yield asking
    finally:
        for process in asking.running.values():
            assert process.stdin is not None
            process.stdin.close()  # nobody asks any more, so they end
        for process in asking.running.values():
            process.wait(PATIENCE_SECONDS)
            assert process.stdout is not None
            process.stdout.close()
