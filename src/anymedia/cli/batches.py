"""`anymedia batch`: many requests as one, from a file of lines to a file of lines."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO, Literal

import msgspec
from cyclopts import Parameter

from anymedia.cli.options import OUT, SETUP, Run, Setup
from anymedia.cli.progress import Progress
from anymedia.cli.session import DASH
from anymedia.cli.words import ago, money, safe, seconds, shortened, table
from anymedia.contracts.errors import Conflict, InvalidRequest, StorageFailed
from anymedia.contracts.media import Medium

if TYPE_CHECKING:
    from collections.abc import AsyncIterable

    from anymedia.cli.session import Session
    from anymedia.client import AsyncClient
    from anymedia.contracts.batch import Batch, BatchItem

FAILED, UNKNOWN = 1, 3
BatchId = Annotated[
    str, Parameter(name="ID", help="The batch's id, as `anymedia batch list` shows it.")
]
Lines = Annotated[
    str, Parameter(name="FILE", help="A request a line, as JSON; `-` reads them from stdin.")
]
Output = Annotated[
    str | None,
    Parameter(name=["--output", "-o"], group=OUT, help="File for the results; stdout unless said."),
]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Wishes(Setup):
    """What is wanted of all requests together."""

    name: Annotated[str | None, Parameter(help="What to call it.")] = None
    media_type: Annotated[Medium | None, Parameter(help="Of lines that do not say.")] = None
    completion_window: Annotated[
        str | None,
        Parameter(
            help="How long it may take. From `24h` on, text goes through providers' batch APIs, "
            "at their discount."
        ),
    ] = None
    on_invalid: Annotated[
        Literal["refuse", "skip"] | None, Parameter(help="What one bad line means for the rest.")
    ] = None
    on_expired: Annotated[
        Literal["fallback", "fail"] | None,
        Parameter(help="What becomes of lines that a provider's batch did not get to."),
    ] = None
    max_cost: Annotated[
        Decimal | None,
        Parameter(help="US dollars for all of it; what could exceed it is not begun."),
    ] = None
    timeout: Annotated[
        float | None, Parameter(help="Seconds after which nothing more is begun.")
    ] = None
    concurrency: Annotated[
        int | None,
        Parameter(group=SETUP, help="How many requests are under way at the same time."),
    ] = None
    tag: Annotated[list[str] | None, Parameter(help="A label for its costs.")] = None

    def fields(self) -> dict[str, Any]:
        """The same in the words of the contract."""
        return {
            "name": self.name,
            "completion_window": self.completion_window,
            "on_invalid": self.on_invalid,
            "on_expired": self.on_expired,
            "max_cost": self.max_cost,
            "timeout_seconds": self.timeout,
            "concurrency": self.concurrency,
            "tags": self.tag,
        }


async def run(
    file: Lines,
    /,
    *,
    output: Output = None,
    wishes: Wishes = Wishes(),
    session: Run,
) -> int:
    """Do what a file of requests asks for, and write a file of results."""
    target = None if output in {None, DASH} else session.directory / str(output)
    resumed = Resumption(target)
    key = resumed.key()
    async with session.client(wishes) as client:
        try:
            batch = await taken(client, session, file, wishes, key)
        except Conflict:
            raise resumed.another() from None
        except InvalidRequest:
            resumed.over()  # nothing was taken on
            raise
        told_mistakes(session, batch)
        with BatchProgress(session, f"{batch.id} {batch.status}") as progress:
            try:
                batch = await client.batches.wait(batch.id, on_progress=progress.show)
            except asyncio.CancelledError:
                session.tell(f"batch {batch.id} goes on when you run this again")
                raise
        await written(client, session, batch, target)
    resumed.over()
    if wishes.json and target is not None:
        session.json(batch.model_dump(mode="json"))
    session.tell(summary(batch))
    return code_of(batch)


async def submit(file: Lines, /, *, wishes: Wishes = Wishes(), session: Run) -> None:
    """Hand in a file of requests and come back at once."""
    async with session.client(wishes) as client:
        batch = await taken(client, session, file, wishes, None)
    told_mistakes(session, batch)
    if wishes.json:
        session.json(batch.model_dump(mode="json"))
    else:
        session.print(batch.id)
        session.tell("`anymedia serve` and `anymedia batch work` carry it on")


async def list_(
    *,
    limit: Annotated[int, Parameter(help="How many at most.")] = 20,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Batches, the newest first."""
    async with session.client(setup) as client:
        found = await client.batches.list(limit=limit)
    if setup.json:
        session.json([batch.model_dump(mode="json") for batch in found])
    elif found:
        head = ("ID", "STATUS", "DONE", "FAILED", "COST", "CREATED", "NAME")
        session.print(table(head, map(row, found)))
    else:
        session.tell("no batches")


async def show(batch_id: BatchId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """One batch: how its lines stand, what it has cost, and how long it still takes."""
    async with session.client(setup) as client:
        batch = await client.batches.get(batch_id)
    if setup.json:
        session.json(batch.model_dump(mode="json"))
    else:
        session.print(described(batch))


async def results(
    batch_id: BatchId, /, *, output: Output = None, setup: Setup = Setup(), session: Run
) -> None:
    """What became of a batch's lines so far, in their order, one JSON object a line."""
    target = None if output in {None, DASH} else session.directory / str(output)
    async with session.client(setup) as client:
        batch = await client.batches.get(batch_id)
        await written(client, session, batch, target)
    if not batch.final:
        session.tell(summary(batch))


async def cancel(batch_id: BatchId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """Begin nothing more of a batch, and stop what can be stopped."""
    async with session.client(setup) as client:
        batch = await client.batches.cancel(batch_id)
    if setup.json:
        session.json(batch.model_dump(mode="json"))
    else:
        session.print(f"{batch.id} {batch.status}")


async def work(
    *,
    until_idle: Annotated[bool, Parameter(help="Return when no batch is left.")] = False,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Carry batches and their jobs on in this process until it is stopped."""
    stopped_by: list[int] = []
    stopping = asyncio.Event()
    async with session.client(setup) as client:

        def stop(number: int) -> None:
            stopped_by.append(number)
            stopping.set()

        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop, number)
        session.tell(
            "carrying batches on; Ctrl-C stops" if not until_idle else "carrying batches on"
        )
        idle = asyncio.create_task(client.batches.work(until_idle=until_idle))
        waiting = asyncio.create_task(stopping.wait())
        await asyncio.wait((idle, waiting), return_when=asyncio.FIRST_COMPLETED)
        client.batches.stop()
        await idle
        waiting.cancel()
    return 130 if signal.SIGINT in stopped_by else 0


# --- handing in -----------------------------------------------------------------------------


async def taken(
    client: AsyncClient, session: Session, file: str, wishes: Wishes, key: str | None
) -> Batch:
    """The batch of a file, taken on and not begun."""
    fields = wishes.fields() | {"idempotency_key": key, "start": False}
    if file == DASH:
        buffer: BinaryIO = session.stdin.buffer
        return await client.batches.create(chunks(buffer), media_type=wishes.media_type, **fields)
    return await client.batches.create(
        session.directory / file, media_type=wishes.media_type, **fields
    )


async def chunks(file: BinaryIO) -> AsyncIterable[bytes]:
    """Stdin in pieces."""
    while piece := file.read(64 * 1024):
        yield piece


class Resumption:
    """A note beside the output, so that the same command after a crash goes on with the same batch.

    It is written before the batch is handed in, and removed when the results are there.
    """

    def __init__(self, target: Path | None) -> None:
        self._note = None if target is None else target.with_name(target.name + ".batch")

    def key(self) -> str | None:
        """The key of the batch that this run is about."""
        if self._note is None:
            return None
        try:
            if self._note.exists():
                return self._note.read_text("ascii").strip() or None
            key = f"run_{secrets.token_hex(16)}"
            with self._note.open("x", encoding="ascii") as file:
                file.write(key + "\n")
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            raise InvalidRequest(
                f"`{self._note.parent}` cannot be written: {error.strerror or error}; name another "
                f"place with `-o`"
            ) from None
        return key

    def another(self) -> Conflict:
        """The note is about a batch of other lines, or with other options."""
        return Conflict(
            f"`{self._note}` says that a batch for this output is under way, with other lines or "
            f"options. Run it as it was to go on with it, or remove that file to begin anew"
        )

    def over(self) -> None:
        """The results are written; the next run is another."""
        if self._note is not None:
            self._note.unlink(missing_ok=True)


# --- results --------------------------------------------------------------------------------


async def written(client: AsyncClient, session: Session, batch: Batch, target: Path | None) -> None:
    """Every line's end, in the order of the input; the file is there whole or not at all."""
    if target is None:
        async for item in client.batches.results(batch.id):
            session.print(line(item).decode())
        return
    partial = target.with_name(target.name + ".new")
    try:
        with partial.open("wb") as file:
            async for item in client.batches.results(batch.id):
                file.write(line(item) + b"\n")
        partial.replace(target)
    except OSError as error:
        raise StorageFailed(f"`{target}` cannot be written: {error.strerror or error}") from None


def line(item: BatchItem) -> bytes:
    """A line of the results."""
    return msgspec.json.encode(item.model_dump(mode="json", exclude_none=True))


# --- as people read them --------------------------------------------------------------------


class BatchProgress(Progress):
    """How far a batch is."""

    def show(self, batch: Batch) -> None:
        """How it stands now."""
        self._words = standing(batch, left=self._session.stderr.isatty())
        self._fraction = batch.progress
        if self._shown:
            self._show()


def standing(batch: Batch, *, left: bool) -> str:
    """Where a batch stands, in a few words; with how much time is left, which always changes."""
    counts = batch.counts
    words = [f"{batch.id} {batch.status}: {counts.ended} of {counts.total}"]
    bad = counts.failed + counts.outcome_unknown
    if bad:
        words.append(f"{bad} failed")
    words.append(money(batch.cost))
    if left and batch.eta_seconds:
        words.append(f"about {seconds(batch.eta_seconds)} left")
    return safe(", ".join(words))


def summary(batch: Batch) -> str:
    """What a batch came to, in a line."""
    shown = ", ".join(f"{count} {name}" for name, count in numbers(batch))
    why = f" ({safe(batch.problem.message)})" if batch.problem else ""
    return f"{batch.id} {batch.status}{why}: {shown}; {money(batch.cost)}"


def numbers(batch: Batch) -> Iterator[tuple[str, int]]:
    """How many lines stand how, as far as there are any."""
    for name, count in batch.counts:
        if name != "total" and count:
            yield name.replace("_", " "), count


def told_mistakes(session: Session, batch: Batch) -> None:
    """Lines that are left out."""
    for one in batch.mistakes[:10]:
        session.tell(f"line {one.line} is left out: {safe(one.message)}")
    more = batch.counts.invalid - min(len(batch.mistakes), 10)
    if more > 0:
        session.tell(f"{more} more lines are left out")


def code_of(batch: Batch) -> int:
    """0 where every line has its result."""
    counts = batch.counts
    if counts.outcome_unknown:
        return UNKNOWN
    return 0 if counts.succeeded + counts.invalid == counts.total else FAILED


def row(batch: Batch) -> tuple[str, ...]:
    """One batch as a line."""
    counts = batch.counts
    return (
        batch.id,
        batch.status,
        f"{counts.ended}/{counts.total}",
        str(counts.failed + counts.outcome_unknown),
        money(batch.cost),
        ago(batch.created_at, datetime.now(UTC)),
        shortened(batch.settings.name or "", 40),
    )


def described(batch: Batch) -> list[str]:
    """One batch as a page."""
    facts = {
        "batch": batch.id,
        "name": batch.settings.name or "",
        "status": f"{batch.status}, {batch.progress:.0%}",
        "lines": ", ".join(f"{count} {name}" for name, count in numbers(batch)),
        "cost": money(batch.cost) + (f", {batch.pending} pending" if batch.pending else ""),
        "left": seconds(batch.eta_seconds) if batch.eta_seconds else "",
        "window": batch.settings.completion_window or "",
        "problem": batch.problem.message if batch.problem else "",
    }
    shown = [f"{name:<8}  {safe(value)}" for name, value in facts.items() if value]
    if batch.parts:
        shown += ["", "at batch APIs of providers"]
        shown += [
            safe(
                f"  {one.provider}/{one.model}  {one.state}  {one.requests} requests  "
                f"{one.handle or ''}" + (f"  {one.problem.message}" if one.problem else "")
            ).rstrip()
            for one in batch.parts
        ]
    if batch.mistakes:
        shown += ["", "left out"]
        shown += [f"  line {one.line}: {safe(one.message)}" for one in batch.mistakes]
    return shown
