"""What the gateway does in front of a provider on this machine: a core for it, the others around it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from subprocess import Popen
from typing import Self

import msgspec

from anymedia.bench.gateway import PATH, Served, question, serving
from anymedia.bench.plan import Ask, Found, Plan
from anymedia.bench.processes import Cores, Used, line, running, used
from anymedia.bench.upstream import MODEL

AT_ONCE = 32
WARM_SECONDS = 1.0
PROVIDER, PACED = "far", "paced"


class Unmeasured(Exception):
    """A part could not be measured; the words say why."""


@contextmanager
def provider(on: frozenset[int], log: Path) -> Iterator[int]:
    """The provider that always answers the same, as a process; its port."""
    command = [sys.executable, "-m", "anymedia.bench.upstream"]
    with running(command, on=on, log=log) as process:
        yield int(line(process, log))


class Through:
    """A gateway, the provider behind it, and who asks."""

    def __init__(self, folder: Path, cores: Cores) -> None:
        self._folder = folder
        self._cores = cores
        self._stack = ExitStack()
        self._log = folder / "around"

    def __enter__(self) -> Self:
        folder = self._folder / "gateway"
        folder.mkdir()
        with ExitStack() as stack:
            self._port = stack.enter_context(provider(self._cores.around, self._log))
            base = f"http://127.0.0.1:{self._port}"
            far_ends = {PROVIDER: f"{base}/v1", PACED: f"{base}/paced/v1"}
            self._served: Served = stack.enter_context(
                serving(folder, far_ends, on=self._cores.measured)
            )
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def ready(self) -> dict[str, float | None]:
        """How it started; and then it is warmed."""
        found = {"gateway_ready_seconds": self._served.ready_seconds}
        size = self._used()
        self._asked(self._served.ask(PROVIDER), AT_ONCE, WARM_SECONDS)
        return {**found, "gateway_ready_megabytes": size.megabytes if size else None}

    def alone(self, seconds: float) -> dict[str, float | None]:
        """One request after another: what it adds to the provider's own time."""
        direct = Ask(port=self._port, path=PATH, body=question(MODEL, stream=False))
        bare = self._asked(direct, 1, seconds / 2)
        found = self._asked(self._served.ask(PROVIDER), 1, seconds)
        return {
            "gateway_added_p50_milliseconds": more(found.p50_ms, bare.p50_ms),
            "gateway_added_p99_milliseconds": more(found.p99_ms, bare.p99_ms),
        }

    def together(self, seconds: float) -> dict[str, float | None]:
        """Many requests at once."""
        before = self._used()
        found = self._asked(self._served.ask(PROVIDER), AT_ONCE, seconds)
        return {
            "gateway_requests_per_second": found.per_second,
            "gateway_cpu_microseconds_per_request": self._each(before, found.answered),
        }

    def streamed(self, seconds: float) -> dict[str, float | None]:
        """Streams as fast as they are taken."""
        before = self._used()
        found = self._asked(self._served.ask(PROVIDER, stream=True), AT_ONCE, seconds)
        return {
            "gateway_chunks_per_second": found.events / found.seconds,
            "gateway_cpu_microseconds_per_chunk": self._each(before, found.events),
        }

    def held(self, streams: int, seconds: float) -> dict[str, float | None]:
        """Streams that stay open."""
        plan = Plan(
            ask=self._served.ask(PACED, stream=True),
            connections=streams,
            seconds=seconds,
            hold=True,
            patience_seconds=60.0,
        )
        with self._loading(plan) as process:
            begun = msgspec.json.decode(line(process, self._log), type=Found)
            line(process, self._log)
            size = self._used()
        return {
            "open_streams": streams - begun.unanswered,
            "gateway_megabytes_with_open_streams": size.megabytes if size else None,
        }

    def _asked(self, ask: Ask, connections: int, seconds: float) -> Found:
        plan = Plan(ask=ask, connections=connections, seconds=seconds)
        with self._loading(plan) as process:
            found = msgspec.json.decode(line(process, self._log), type=Found)
        if not found.answered:
            raise Unmeasured(f"nobody was answered: {found.statuses or 'no connection'}")
        return found

    def _loading(self, plan: Plan) -> AbstractContextManager[Popen[str]]:
        words = msgspec.json.encode(plan).decode()
        command = [sys.executable, "-m", "anymedia.bench.load", words]
        return running(command, on=self._cores.around, log=self._log)

    def _used(self) -> Used | None:
        return used(self._served.process.pid)

    def _each(self, before: Used | None, number: int) -> float | None:
        after = self._used()
        if before is None or after is None or not number:
            return None
        return 1e6 * (after.cpu_seconds - before.cpu_seconds) / number


def more(found: float | None, bare: float | None) -> float | None:
    """The difference, where both are known."""
    return None if found is None or bare is None else found - bare
