"""`anymedia bench`: what this installation achieves, measured offline."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anymedia.cli.options import OUT, Run
from anymedia.cli.progress import Progress
from anymedia.cli.words import table
from anymedia.contracts.errors import GenerationError, InvalidRequest

if TYPE_CHECKING:
    from anymedia.cli.session import Session

MOST_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. What a quiet machine of two cores is to reach stands beside it."""

    name: str
    words: str
    unit: str
    digits: int = 0
    aim: float | None = None
    at_least: bool = False

    def row(self, value: float | None) -> tuple[str, str, str]:
        """As it is shown."""
        shown = "unknown" if value is None else f"{value:,.{self.digits}f} {self.unit}"
        if self.aim is None:
            return self.words, shown, ""
        return self.words, shown, f"{'>=' if self.at_least else '<='} {self.aim:,g}"


FIGURES = (
    Figure("import_seconds", "import, over an empty Python", "s", 3, 0.15),
    Figure("import_megabytes", "", "MB", 1, 40),
    Figure("first_answer_seconds", "first answer in a fresh process", "s", 3, 0.6),
    Figure("first_answer_megabytes", "", "MB", 1),
    Figure("bare_call_milliseconds", "HTTP call without anymedia", "ms", 3),
    Figure("call_milliseconds", "library call, one after another", "ms", 3, 0.3),
    Figure("call_cpu_microseconds", "", "µs CPU"),
    Figure("calls_per_second_at_20", "library calls, 20 at once", "/s", 0, 4000, at_least=True),
    Figure("cached_call_microseconds", "answer from the cache", "µs"),
    Figure("gateway_ready_seconds", "gateway, ready after its start", "s", 2, 1.5),
    Figure("gateway_ready_megabytes", "", "MB", 0, 120),
    Figure("gateway_added_p50_milliseconds", "it adds to a request alone, p50", "ms", 3, 0.35),
    Figure("gateway_added_p99_milliseconds", "p99", "ms", 3, 1.5),
    Figure("gateway_requests_per_second", "requests on one core, 32 at once", "/s"),
    Figure("gateway_cpu_microseconds_per_request", "", "µs CPU each"),
    Figure("gateway_chunks_per_second", "streamed chunks", "/s", 0, 25_000, at_least=True),
    Figure("gateway_cpu_microseconds_per_chunk", "", "µs CPU each", 1),
    Figure("open_streams", "streams open at once", ""),
    Figure("gateway_megabytes_with_open_streams", "memory with these", "MB", 0, 200),
    Figure("jobs_accepted_per_second", "jobs accepted, one by one", "/s"),
    Figure("jobs_guarded_per_second", "jobs accepted and guarded", "/s", 0, 300, at_least=True),
    Figure("job_cpu_milliseconds", "", "ms CPU each", 2),
)


async def bench(
    *,
    seconds: Annotated[
        float, Parameter(help="Of each measurement; there are a dozen, so 3 take a minute.")
    ] = 3.0,
    as_json: Annotated[
        bool,
        Parameter(
            name="--json", group=OUT, help="One JSON document on stdout, and nothing else there."
        ),
    ] = False,
    session: Run,
) -> int:
    """Throughput, latency and memory of this installation, measured without any network."""
    if not 0 < seconds <= MOST_SECONDS:
        raise InvalidRequest(f"`--seconds` is a number above 0, up to {MOST_SECONDS:g}")
    with Progress(session, "measuring") as progress:
        document = await measured(seconds, progress)
    if as_json:
        session.json(document)
    else:
        show(session, document)
    return 0


async def measured(seconds: float, progress: Progress) -> dict[str, Any]:
    """What a process of its own finds. Who interrupts us ends it, and all that it has started."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "anymedia.bench", str(seconds)),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        # A folder of the same name where we are called must not be taken for the package.
        env={**os.environ, "PYTHONSAFEPATH": "1"},
        start_new_session=True,
    )
    assert process.stdout is not None
    try:
        async for line in process.stdout:
            said: dict[str, Any] = json.loads(line)
            if "figures" in said:
                return said
            progress.say(said["doing"], said["done"])
    finally:
        if process.returncode is None:
            with suppress(ProcessLookupError):
                process.terminate()
            await process.wait()
    raise GenerationError("the measurement broke off; what it says stands above")


def show(session: Session, document: dict[str, Any]) -> None:
    """The table, and what could not be measured."""
    rows = [
        one.row(document["figures"][one.name]) for one in FIGURES if one.name in document["figures"]
    ]
    session.print(table(("figure", "found", "aim"), rows))
    for name, reason in document["missing"].items():
        session.tell(f"{name} was not measured: {reason}")
    machine = document["machine"]
    session.tell(
        f"Python {machine['python']}, {machine['cores']} cores, load {machine['load_at_end']:g}; "
        f"aims are those of a quiet machine with two cores"
    )
