"""Our gateway alone, in front of nginx, for what is about it alone: soaking, overload, slow readers."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymedia.bench.gateway import Served, serving
from anymedia.bench.plan import Ask, Found, Plan
from anymedia.bench.processes import Cores, Used, cores, used
from benchmarks.gateway import nginx, tools, wrk
from benchmarks.gateway.measuring import loading, said

KINDS = ("chat", "stream", "long")
WARM_SECONDS = 3.0
"""Before anything is measured."""


@dataclass(frozen=True, slots=True)
class Rig:
    """A gateway that serves, and how it is asked."""

    folder: Path
    cores: Cores
    served: Served
    provider_port: int
    """Where the provider listens."""

    def ask(self, kind: str, words: str = "Say hello.") -> Ask:
        """A chat, or a stream."""
        return self.served.ask(kind, stream=kind != "chat", words=words)

    def maximum(self, seconds: float) -> float:
        """Chats a second, with as many as it answers."""
        found = wrk.asked(
            self.folder, self.ask("chat"), connections=64, seconds=seconds, on=self.cores.around
        )
        return found.good / found.seconds

    def used(self) -> Used:
        """What it has used so far, and holds."""
        found = used(self.served.process.pid)
        if found is None:
            raise RuntimeError("the gateway ended while it was measured")
        return found

    @contextmanager
    def load(self, plan: Plan) -> Iterator[Callable[[], Found]]:
        """A load while the block runs; what is given returns its next line."""
        log = self.folder / "load"
        with loading(plan, self.cores.around, log) as process:
            yield lambda: said(process, log)

    def loaded(self, plan: Plan) -> Found:
        """A load to its end."""
        with self.load(plan) as line:
            return line()


@contextmanager
def rig(more: str = "") -> Iterator[Rig]:
    """The gateway with everything on; `more` are further lines of its configuration."""
    tools.many_files()
    apart = cores()
    with (
        tempfile.TemporaryDirectory() as name,
        nginx.providing(Path(name) / "provider", apart.around) as port,
        # Filling the kernel for thousands keeps a provider so busy that it would answer nobody else.
        nginx.providing(Path(name) / "another", apart.around) as another,
    ):
        folder = Path(name) / "anymedia"
        folder.mkdir()
        ports = dict.fromkeys(KINDS, port) | {"long": another}
        far_ends = {kind: f"http://127.0.0.1:{ports[kind]}/{kind}/v1" for kind in KINDS}
        with serving(folder, far_ends, on=apart.measured, more=more) as served:
            one = Rig(folder, apart, served, port)
            one.maximum(WARM_SECONDS)
            yield one


def run(parser: argparse.ArgumentParser, work: Callable[[argparse.Namespace], Any]) -> int:
    """Read the words, check what is needed, do it, and print what was found; the exit code."""
    parser.add_argument("--json", type=tools.file(".json"), metavar="FILE.json")
    asked = parser.parse_args()
    tools.end_in_order()
    try:
        tools.checked(("nginx", "wrk"))
        found = work(asked)
    except (tools.Missing, RuntimeError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2 if isinstance(error, tools.Missing) else 1
    if asked.json is not None:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    found.pop("samples", None)  # hundreds of lines, which nobody reads
    print(json.dumps(found, indent=2))
    return 0 if found["reached"] else 1
