"""One candidate, measured once: started anew, warmed, asked, and ended."""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from typing import Any, TypeAlias

import msgspec

from anymedia.bench.plan import Ask, Found, Plan
from anymedia.bench.processes import Cores, Used, line, running, used
from anymedia.bench.upstream import USAGE
from benchmarks.gateway import wrk
from benchmarks.gateway.candidates import Candidate, Place, Started, direct
from benchmarks.gateway.nginx import PIECES

Figures: TypeAlias = dict[str, float | None]
"""By name. `None` where nothing came of which it could be told."""

AT_ONCE = 32
"""Connections with which throughput is measured."""
BEGIN_SECONDS = 90.0
"""So long streams may take to begin."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Extent:
    """How long and how much."""

    seconds: float
    streams: int
    """Open at the same time."""


def measured(
    candidate: Candidate,
    folder: Path,
    provider: int,
    cores: Cores,
    extent: Extent,
    tell: Callable[[str], None],
) -> tuple[Figures, str | None]:
    """All figures of one candidate in one round, and why some are missing.

    `RuntimeError` when it does not start or does not answer.
    """
    folder.mkdir(parents=True)
    place = Place(folder=folder, on=cores.measured, provider=provider)
    tell("starts")
    with candidate.start(place) as started:
        found: Figures = {"ready_seconds": started.ready_seconds}
        missing = verify(candidate, started)
        found["ready_megabytes"] = now(started).megabytes
        one = Round(started, provider, folder, cores)
        tell("warms up")
        one.ask("chat", AT_ONCE, min(2.0, extent.seconds))
        tell("one after another")
        found |= one.latency(extent.seconds)
        tell(f"{AT_ONCE} at once")
        found |= one.throughput(extent.seconds)
        if missing is None:
            tell("streams")
            found |= one.streaming(extent.seconds)
            tell(f"{extent.streams:,} open streams")
            found |= one.holding(extent.streams, extent.seconds)
    return found, missing


class Round:
    """A candidate that runs, and what it is asked."""

    def __init__(self, started: Started, provider: int, folder: Path, cores: Cores) -> None:
        self._started = started
        self._provider = direct(provider)
        self._folder = folder
        self._cores = cores

    def latency(self, seconds: float) -> Figures:
        """What it adds to the provider's own time, at one connection."""
        bare = wrk.asked(
            self._folder,
            self._provider["chat"],
            connections=1,
            seconds=seconds / 2,
            on=self._cores.around,
        )
        answers = self.ask("chat", 1, seconds)
        return {
            "added_p50_ms": answers.p50_ms - bare.p50_ms,
            "added_p99_ms": answers.p99_ms - bare.p99_ms,
            "alone_requests_per_second": answers.good / answers.seconds,
        }

    def throughput(self, seconds: float) -> Figures:
        """Whole answers."""
        before = now(self._started)
        answers = self.ask("chat", AT_ONCE, seconds)
        spent = now(self._started).cpu_seconds - before.cpu_seconds
        return {
            "requests_per_second": answers.good / answers.seconds,
            "cpu_microseconds_per_request": each(spent, answers.good),
            "busy_p99_ms": answers.p99_ms,
            "failed_requests": answers.refused + answers.broken,
        }

    def streaming(self, seconds: float) -> Figures:
        """Events of streams that come as fast as they are taken."""
        before = now(self._started)
        if self._started.process is not None:
            told = spoken(self._started.process, plan_of("stream", AT_ONCE, seconds))
            events, lasted, failed = told["events"], told["seconds"], told["refused"]
        else:
            found = self._events(seconds)
            events, lasted, failed = found.events, found.seconds, found.refused + found.failed
        spent = now(self._started).cpu_seconds - before.cpu_seconds
        return {
            "chunks_per_second": events / lasted,
            "cpu_microseconds_per_chunk": each(spent, events),
            "failed_streams": failed,
        }

    def holding(self, streams: int, seconds: float) -> Figures:
        """Streams that stay open, each with a few events a second."""
        if self._started.process is not None:
            begun, before, events, lasted, after = self._held_inside(streams, seconds)
        else:
            begun, before, events, lasted, after = self._held(streams, seconds)
        return {
            "open_streams": begun,
            "open_megabytes": after.megabytes,
            "paced_chunks_per_second": events / lasted,
            "cpu_microseconds_per_paced_chunk": each(
                after.cpu_seconds - before.cpu_seconds, events
            ),
        }

    def ask(self, kind: str, connections: int, seconds: float) -> wrk.Answers:
        """The same again and again."""
        process = self._started.process
        if process is None:
            return wrk.asked(
                self._folder,
                self._started.asks[kind],
                connections=connections,
                seconds=seconds,
                on=self._cores.around,
            )
        told = spoken(process, plan_of(kind, connections, seconds))
        return wrk.Answers(**{name: value for name, value in told.items() if name != "events"})

    def _events(self, seconds: float) -> Found:
        # wrk counts answers; who is slow would not have finished one yet.
        plan = Plan(
            ask=self._started.asks["stream"],
            connections=AT_ONCE,
            seconds=seconds,
            patience_seconds=0.0,
        )
        with loading(plan, self._cores.around, self._folder / "load") as load:
            return said(load, self._folder / "load")

    def _held(self, streams: int, seconds: float) -> tuple[int, Used, int, float, Used]:
        plan = Plan(
            ask=self._started.asks["paced"],
            connections=streams,
            seconds=seconds,
            hold=True,
            patience_seconds=BEGIN_SECONDS,
        )
        with loading(plan, self._cores.around, self._folder / "load") as load:
            begun = said(load, self._folder / "load")
            before = now(self._started)
            found = said(load, self._folder / "load")
            after = now(self._started)
        return streams - begun.unanswered, before, found.events, found.seconds, after

    def _held_inside(self, streams: int, seconds: float) -> tuple[int, Used, int, float, Used]:
        process = self._started.process
        assert process is not None
        plan = plan_of("paced", streams, seconds) | {"hold": True, "patience": BEGIN_SECONDS}
        begun = spoken(process, plan)["begun"]
        before = now(self._started)
        found = json.loads(line(process))
        after = now(self._started)
        return begun, before, found["events"], found["seconds"], after


def loading(plan: Plan, on: frozenset[int], log: Path) -> Any:
    """Our own load generator, with a plan, as a process while a block runs."""
    words = msgspec.json.encode(plan).decode()
    return running([sys.executable, "-m", "anymedia.bench.load", words], on=on, log=log)


def said(load: Popen[str], log: Path) -> Found:
    """Its next line."""
    return msgspec.json.decode(line(load, log), type=Found)


def plan_of(kind: str, connections: int, seconds: float) -> dict[str, Any]:
    """What somebody embedded is told to do."""
    return {"kind": kind, "connections": connections, "seconds": seconds, "hold": False}


def spoken(process: Popen[str], plan: dict[str, Any]) -> dict[str, Any]:
    """Tell somebody embedded what to do, and hear what came of it."""
    assert process.stdin is not None
    process.stdin.write(json.dumps(plan) + "\n")
    process.stdin.flush()
    found: dict[str, Any] = json.loads(line(process))
    return found


def each(seconds: float, number: int) -> float | None:
    """Microseconds for each of so many."""
    return 1e6 * seconds / number if number else None


def now(started: Started) -> Used:
    """What a candidate has used so far."""
    found = used(started.pid)
    if found is None:
        raise RuntimeError("it ended while it was measured")
    return found


def verify(candidate: Candidate, started: Started) -> str | None:
    """What is measured are right answers: `RuntimeError` tells what came to a chat instead.

    Returns what is wrong with its streams, if anything is.
    """
    if started.process is not None:
        return None
    chat = json.loads(content(started.asks["chat"]))
    if chat.get("usage", {}).get("completion_tokens") != USAGE["completion_tokens"]:
        raise RuntimeError(f"{candidate.title} answers a chat without its usage")
    try:
        stream = content(started.asks["stream"])
    except RuntimeError as error:
        return f"its streams: {error}"
    if f"word{PIECES - 1:05}".encode() not in stream:
        return f"its streams do not go to their end: {stream[-200:]!r}"
    return None


def content(ask: Ask) -> bytes:
    """One answer."""
    request = urllib.request.Request(
        f"http://{ask.host}:{ask.port}{ask.path}",
        data=ask.body.encode(),
        headers={"content-type": "application/json", **ask.headers},
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        raise RuntimeError(f"HTTP {error.code}: {error.read()[:400]!r}") from None
