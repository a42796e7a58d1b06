"""The bill adds up: what doubles charge is what the ledger says, to the nano-dollar.

Two thousand requests of every medium go to nineteen doubles that fail, refuse, answer late and cut
connections; jobs are cancelled, and the processes that ask are killed. Each double keeps an
invoice by its own reckoning. Afterwards every line of it stands in the ledger as settled at that
amount, or belongs to a try of which the ledger says that it may have been billed.
"""

from __future__ import annotations

import asyncio
import json
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from sqlalchemy import Table, select

from anymedia.client.aio import AsyncClient
from anymedia.store.database import database_at
from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER
from anymedia.store.ledger import nano
from anymedia.store.schema import attempts, jobs, ledger
from anymedia.testing.double import Double, serving
from tests.money.market import LAST_PACE, WISHES, configured, doubles, hurried, wish
from tests.support.hurried import HurriedClock

# What the tests look at is made once: in one process.
pytestmark = pytest.mark.xdist_group("invoices")
ROOT = Path(__file__).parents[2]
PROCESSES = 4
KILLS_EACH = 2
PATIENCE_SECONDS = 600
TAG = re.compile(r"#\d{4}")


@dataclass(slots=True)
class Share:
    """The wishes of one process after another, of which all but the last are killed."""

    numbers: list[int]
    begun: set[int] = field(default_factory=set)
    """Asked for since the last kill, and not known to have ended."""
    done: set[int] = field(default_factory=set)
    cut: set[int] = field(default_factory=set)
    """Asked for by a process that died meanwhile: nobody was ever told what came of them."""
    outcomes: dict[int, str] = field(default_factory=dict)
    kills: int = 0
    failure: str = ""

    def left(self) -> list[int]:
        """What the next process asks for.

        A text that was cut is not asked for again; a job is, under the same key.
        """
        return [one for one in self.numbers if one not in self.done | self.cut]

    def heard(self, line: str) -> None:
        """A process tells of a wish. The last words of one that is killed may be cut short."""
        if not line.endswith("\n"):
            return
        word, number, *rest = line.split()
        if word == "begun":
            self.begun.add(int(number))
        elif word == "ended":
            self.begun.discard(int(number))
            self.done.add(int(number))
            self.outcomes[int(number)] = rest[0]

    def died(self) -> None:
        """The process was killed."""
        self.kills += 1
        self.cut |= {one for one in self.begun if wish(one).stall.medium == "text"}
        self.begun.clear()

    def run(self, directory: Path, clock: HurriedClock, name: str) -> None:
        """One process after another: each is killed after it has told of so many ends."""
        chance = random.Random(name)
        each = len(self.numbers) // (KILLS_EACH + 1)
        for _ in range(KILLS_EACH):
            ends = len(self.done) + chance.randint(each // 2, each)
            self.one(directory, clock, name, until=ends)
        self.one(directory, clock, name)

    def one(
        self, directory: Path, clock: HurriedClock, name: str, *, until: int | None = None
    ) -> None:
        """A process, to its end or until so many wishes have ended."""
        plan = directory / f"plan-{name}.json"
        plan.write_text(json.dumps(self.left()))
        times = (clock.real, clock.here, clock.pace)
        arguments = [directory / "data", directory / "configuration.json", *times, plan]
        with (directory / f"errors-{name}.txt").open("w+") as errors:
            with subprocess.Popen(
                [sys.executable, "-m", "tests.money.spender", *map(str, arguments)],
                cwd=ROOT,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            ) as process:
                assert process.stdout is not None
                for line in process.stdout:  # what it said before it died is still read
                    self.heard(line)
                    if until is not None and len(self.done) >= until:
                        process.kill()
                        until = None
                code = process.wait()
            if code == -signal.SIGKILL:
                self.died()
            elif code != 0:
                errors.seek(0)
                self.failure = errors.read()[-3000:]


@dataclass(frozen=True, slots=True)
class Billed:
    """Both sides of one request."""

    lines: Counter[int]
    """Nano-dollars of the invoice's lines."""
    settled: Counter[int]
    """Nano-dollars that the ledger has settled."""
    open: int
    """Tries of which the ledger says that they may have been billed."""

    def unexplained(self, *, cut: bool) -> str:
        """What is on one side alone and should not be; nothing if both agree."""
        if missing := self.settled - self.lines:
            return f"the ledger has {dict(missing)}, which nobody charges"
        more = self.lines - self.settled
        if more.total() > self.open + cut:
            return f"{dict(more)} is charged; the ledger knows of {self.open} open tries"
        return ""


def kept(directory: Path, table: Table) -> list[Mapping[str, Any]]:
    """All rows of a table, in order, with what lies in journals."""

    async def read() -> list[Mapping[str, Any]]:
        database = database_at(directory)
        try:
            await take_in(database, directory / FOLDER)
            query = select(table)
            if "row" in table.c:
                query = query.order_by(table.c.row)
            return await database.read(lambda c: [dict(row) for row in c.execute(query).mappings()])
        finally:
            await database.close()

    return asyncio.run(read())


def entries(directory: Path) -> list[Mapping[str, Any]]:
    """The last word of the ledger on every try."""
    return list({row["attempt_id"]: row for row in kept(directory, ledger)}.values())


def both_sides(rows: list[Mapping[str, Any]], found: Mapping[str, Double]) -> dict[str, Billed]:
    """Invoices and ledger by request."""
    lines: defaultdict[str, Counter[int]] = defaultdict(Counter)
    settled: defaultdict[str, Counter[int]] = defaultdict(Counter)
    unknown: Counter[str] = Counter()
    for name, double in found.items():
        for line in double.invoice():
            tag = TAG.search(line.words)
            assert tag is not None, f"{name} charges {line} for something nobody asked for"
            lines[tag[0]][nano(line[1]) or 0] += 1
    for row in rows:
        (tag_of,) = json.loads(row["tags"])
        if row["amount"]:
            settled[tag_of][row["amount"]] += 1
        elif row["amount"] is None:
            assert (row["basis"], row["maybe_billed"]) == ("pending", True), json.dumps(dict(row))
            unknown[tag_of] += 1
    tags = {*lines, *settled, *unknown}
    return {tag: Billed(lines[tag], settled[tag], unknown[tag]) for tag in tags}


@dataclass(frozen=True, slots=True)
class Run:
    """What is left when everything is over."""

    directory: Path
    found: Mapping[str, Double]
    shares: list[Share]
    rows: list[Mapping[str, Any]]
    sides: dict[str, Billed]

    @property
    def cut(self) -> set[str]:
        """Requests of which nobody was ever told what came of them."""
        return {wish(one).tag for share in self.shares for one in share.cut}

    @property
    def charged(self) -> int:
        """Nano-dollars on all invoices."""
        return sum(sum(side.lines.elements()) for side in self.sides.values())


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """All two thousand, once."""
    directory = tmp_path_factory.mktemp("market")
    began = time.time()
    clock = hurried(began)
    found = doubles(clock)
    shares = [Share(list(range(place, WISHES, PROCESSES))) for place in range(PROCESSES)]
    with ExitStack() as stack:
        for double in found.values():
            stack.enter_context(serving(double))
        (directory / "configuration.json").write_text(json.dumps(configured(found)))
        asking = [
            threading.Thread(target=share.run, args=(directory, clock, f"p{place}"), daemon=True)
            for place, share in enumerate(shares)
        ]
        for thread in asking:
            thread.start()
        for thread in asking:
            thread.join(PATIENCE_SECONDS)
        assert not any(thread.is_alive() for thread in asking), "somebody is still asking"
        clock.hurry(LAST_PACE)
        last = Share([])
        last.one(directory, clock, "last")
        assert not "".join(share.failure for share in (*shares, last))
        data = directory / "data"
        rows = entries(data)
        whole = Run(data, found, shares, rows, both_sides(rows, found))
        print(f"\n{told(whole)}, {time.time() - began:.0f} s")
        yield whole


def told(run: Run) -> str:
    """The run in one line."""
    settled = sum(row["amount"] or 0 for row in run.rows)
    faults = sum(
        one.record.mishaps.happened.total() for one in run.found.values() if one.record.mishaps
    )
    return (
        f"{sum(len(one.done) + len(one.cut) for one in run.shares)} requests, {len(run.rows)} tries, "
        f"{faults} faults, {sum(one.kills for one in run.shares)} kills, "
        f"{sum(wish(one).cancelled for one in range(WISHES))} cancels, {len(run.cut)} cut; "
        f"invoices {run.charged / 1e9:.9f} USD = ledger {settled / 1e9:.9f} + open "
        f"{(run.charged - settled) / 1e9:.9f} in {sum(one.open for one in run.sides.values())} tries"
    )


def test_every_line_of_every_invoice_stands_in_the_ledger(run: Run) -> None:
    """Settled at its amount, or of a try that may have been billed; and nothing else is there."""
    wrong = {
        tag: (why, wish(int(tag[1:])).stall.label, wish(int(tag[1:])).words)
        for tag, side in sorted(run.sides.items())
        if (why := side.unexplained(cut=tag in run.cut))
    }
    assert not wrong, "\n".join(f"{tag}: {why}" for tag, why in wrong.items())


def test_what_is_open_explains_the_difference_of_the_sums(run: Run) -> None:
    """Invoices are the ledger's sum and the lines of open tries, to the nano-dollar."""
    settled = sum(row["amount"] or 0 for row in run.rows)
    more = sum(
        sum((side.lines - side.settled).elements())
        for tag, side in run.sides.items()
        if side.open or tag in run.cut
    )
    assert run.charged == settled + more
    assert settled > 0.8 * run.charged, "most of it is known"


def test_the_report_is_the_sum_of_the_ledger(run: Run) -> None:
    """`costs` says the same as the rows, by provider too."""

    async def reported() -> Any:
        async with AsyncClient({}, data_dir=run.directory) as client:
            return await client.costs("provider")

    costs = asyncio.run(reported())
    by_provider: Counter[str] = Counter()
    for row in run.rows:
        by_provider[row["provider"]] += row["amount"] or 0
    assert {line.group: nano(line.amount) for line in costs.lines} == dict(by_provider)
    assert costs.total.pending == sum(one.open for one in run.sides.values())


def test_a_request_that_was_acknowledged_has_its_row(run: Run) -> None:
    """However often the process that asked was killed: what was answered, and every job."""
    tags = {json.loads(row["tags"])[0] for row in run.rows}
    done = {wish(one).tag for share in run.shares for one in share.done}
    outcomes = {wish(n).tag: said for share in run.shares for n, said in share.outcomes.items()}
    # Nobody was asked: it was cancelled before, or its provider had asked for patience.
    idle = {tag for tag in done if outcomes[tag] in {"cancelled", "LimitReached"}}
    tried = {one["job_id"] for one in kept(run.directory, attempts) if one["state"] != "skipped"}
    # The same of a job that was left to others: nobody had room, or all were left alone.
    unasked = {
        tag
        for job in kept(run.directory, jobs)
        if job["id"] not in tried and job["status"] in {"failed", "cancelled"}
        for tag in json.loads(job["request"]).get("tags", ())
    }
    missing = done - idle - unasked - tags
    whose = [
        (job["status"], job["cancel"], job["problem"])
        for job in kept(run.directory, jobs)
        if set(json.loads(job["request"]).get("tags", ())) & missing
    ]
    assert {tag: outcomes[tag] for tag in missing} == {}, whose
    assert len(unasked) < WISHES / 10
    assert len(idle - tags) < WISHES / 10


def test_jobs_are_over_and_open_ones_say_so(run: Run) -> None:
    """Nothing hangs; an outcome that nobody knows is pending in the ledger."""
    found = kept(run.directory, jobs)
    assert all(job["due_at"] is None for job in found)
    unknown = {job["id"] for job in found if job["status"] == "outcome_unknown"}
    pending = {row["job_id"] for row in run.rows if row["basis"] == "pending"}
    assert unknown <= pending


def test_the_run_was_what_it_says(run: Run) -> None:
    """Enough of everything that can go wrong went wrong."""
    assert sum(len(one.done) + len(one.cut) for one in run.shares) == WISHES
    assert sum(one.kills for one in run.shares) == PROCESSES * KILLS_EACH
    happened: Counter[str] = Counter()
    for double in run.found.values():
        assert double.record.mishaps is not None
        assert double.invoice(), "everybody was asked and has charged"
        happened += double.record.mishaps.happened
    assert min(happened.values()) > 20
    assert {"rate_limit", "server", "overloaded", "garbage", "lost", "cut"} <= set(happened)
    bases = {row["basis"] for row in run.rows}
    assert {"computed", "reported", "pending"} <= bases
    # Whether a cancel comes before anybody is asked, and leaves no row, depends on the machine.
    assert [row for row in run.rows if row["outcome"] == "cancelled"]
    wished = sum(wish(one).cancelled for share in run.shares for one in share.done)
    stopped = [job for job in kept(run.directory, jobs) if job["status"] == "cancelled"]
    assert len(stopped) > wished / 2 > 10, f"{len(stopped)} of {wished}"


def test_an_invoice_can_be_read_from_elsewhere(run: Run) -> None:
    """Over HTTP, for those in another process."""
    double = run.found["openai"]
    with urlopen(f"{double.base_url}/_double/invoice", timeout=10) as answer:
        said = json.load(answer)
    assert len(said["lines"]) == len(double.invoice())
    assert Decimal(said["usd"]) == sum(usd for _, usd in double.invoice())
