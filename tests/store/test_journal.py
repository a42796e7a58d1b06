"""Journals and their intake: an acknowledged row is in the ledger, once, whatever happened."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, func, select

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import StorageFailed
from anymedia.store.intake import take_in
from anymedia.store.journal import Journal, journals, rows_of
from anymedia.store.ledger import LedgerRow, dollars, money, nano
from anymedia.store.schema import journals as marks, ledger
from anymedia.store.sqlite import SqliteDatabase

T = TypeVar("T")


def row(number: int, **facts: Any) -> LedgerRow:
    """A row of the ledger."""
    facts.setdefault("amount", 1000 + number)
    return LedgerRow(
        id=f"att_{number}:settle",
        at=1_795_000_000.0 + number,
        entry="settle",
        attempt_id=f"att_{number}",
        provider="acme",
        model="words-1",
        medium="text",
        usage={"input_tokens": number},
        tags=("a", "b"),
        **facts,
    )


def taking_in(
    directory: Path, work: Callable[[SqliteDatabase], Coroutine[Any, Any, T]] | None = None
) -> tuple[int, set[str]]:
    """Take journals in; how many rows were new, and which there are now."""

    async def working() -> tuple[int, set[str]]:
        database = SqliteDatabase(directory)
        try:
            new = await take_in(database, directory / "journal")
            return new, await database.read(ids)
        finally:
            await database.close()

    return asyncio.run(working())


def ids(connection: Connection) -> set[str]:
    """The ledger's rows, none of them twice."""
    found = list(connection.execute(select(ledger.c.id)).scalars())
    assert len(found) == len(set(found))
    return set(found)


def files(directory: Path) -> list[str]:
    """The journals that are there."""
    return sorted(path.name for path in (directory / "journal").glob("*"))


# --- the journal ----------------------------------------------------------------------------


def test_a_row_comes_back_as_it_was_written(tmp_path: Path) -> None:
    """Every field of it."""
    journal = Journal(tmp_path)
    written = [row(1), row(2, amount=None, basis="pending", maybe_billed=True, code="TIMEOUT")]
    for one in written:
        journal.record(one)
    (path,) = tmp_path.iterdir()
    assert rows_of(path, 0) == (written, path.stat().st_size)
    assert path.stat().st_mode & 0o777 == 0o600
    journal.close()


def test_nothing_is_made_before_the_first_row(tmp_path: Path) -> None:
    """Importing and asking for help leave no trace."""
    journal = Journal(tmp_path / "journal")
    journal.close()
    assert list(tmp_path.iterdir()) == []


def test_a_journal_that_has_grown_is_followed_by_another(tmp_path: Path) -> None:
    """So that what was taken in can go."""
    journal = Journal(tmp_path, largest_bytes=500)
    for number in range(10):
        journal.record(row(number))
    journal.close()
    rows = [one for path in tmp_path.iterdir() for one in rows_of(path, 0)[0]]
    assert len(list(tmp_path.iterdir())) > 1
    assert sorted(one.id for one in rows) == sorted(row(number).id for number in range(10))


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    """Eight of them at once."""
    journal = Journal(tmp_path, largest_bytes=20_000)

    def write(first: int) -> None:
        for number in range(first, first + 100):
            journal.record(row(number, explanation="x" * 300))

    threads = [threading.Thread(target=write, args=(first,)) for first in range(0, 800, 100)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    rows = [one for path in tmp_path.iterdir() for one in rows_of(path, 0)[0]]
    assert len({one.id for one in rows}) == len(rows) == 800


def test_whether_the_writer_lives_is_known_by_its_lock(tmp_path: Path) -> None:
    """Also within one process."""
    journal = Journal(tmp_path)
    journal.record(row(1))
    assert [abandoned for _, abandoned in journals(tmp_path)] == [False]
    journal.close()
    assert [abandoned for _, abandoned in journals(tmp_path)] == [True]
    assert list(journals(tmp_path / "nowhere")) == []


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """The caller gets no answer that has no row."""
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StorageFailed, match="cannot be written"):
        Journal(tmp_path / "file" / "journal").record(row(1))


TORN = """
import resource, signal, sys
from pathlib import Path
from anymedia.contracts.errors import StorageFailed
from anymedia.store.journal import Journal
from tests.store.test_journal import row

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
journal = Journal(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1500, resource.RLIM_INFINITY))
for number in range(12):
    try:
        journal.record(row(number))
        print(row(number).id, flush=True)
    except StorageFailed:
        pass
"""


def test_a_row_that_a_full_disk_tore_spoils_no_other(tmp_path: Path) -> None:
    """It was not acknowledged; all that were are there."""
    done = subprocess.run(
        [sys.executable, "-c", TORN, str(tmp_path / "journal")],
        capture_output=True,
        text=True,
        check=True,
    )
    acknowledged = set(done.stdout.split())
    assert 2 <= len(acknowledged) < 12
    assert taking_in(tmp_path) == (len(acknowledged), acknowledged)


# --- killed ---------------------------------------------------------------------------------

APPENDING = """
import sys
from pathlib import Path
from anymedia.store.journal import Journal
from tests.store.test_journal import row

journal = Journal(Path(sys.argv[1]), largest_bytes=30_000)
number = int(sys.argv[2])
while True:
    journal.record(row(number))
    print(row(number).id, flush=True)
    number += 1
"""


def appending(directory: Path, first: int) -> subprocess.Popen[str]:
    """A process that writes rows and says which, until it is killed."""
    return subprocess.Popen(
        [sys.executable, "-c", APPENDING, str(directory / "journal"), str(first)],
        stdout=subprocess.PIPE,
        text=True,
    )


def test_every_acknowledged_row_survives_a_kill(tmp_path: Path) -> None:
    """Three writers, killed in the middle of what they were doing, while others take in."""
    writers = [appending(tmp_path, first) for first in (0, 1_000_000, 2_000_000)]
    acknowledged: set[str] = set()
    for writer in writers:
        assert writer.stdout is not None
        for _ in range(500):
            acknowledged.add(writer.stdout.readline().strip())
        taking_in(tmp_path)  # while all of them write
    for writer in writers:
        writer.send_signal(signal.SIGKILL)
        assert writer.stdout is not None
        acknowledged |= {line.strip() for line in writer.stdout if line.endswith("\n")}
        writer.stdout.close()
        writer.wait()
    _, found = taking_in(tmp_path)
    assert acknowledged <= found
    # At most the one row of each that was written and not yet told.
    assert len(found - acknowledged) <= len(writers)
    assert files(tmp_path) == []


def test_a_killed_writers_journal_goes_when_it_is_taken_in(tmp_path: Path) -> None:
    """A living one's stays, and is read on from where it was left."""
    journal = Journal(tmp_path / "journal")
    journal.record(row(1))
    assert taking_in(tmp_path) == (1, {row(1).id})
    assert taking_in(tmp_path) == (0, {row(1).id})
    journal.record(row(2))
    assert len(files(tmp_path)) == 1
    assert taking_in(tmp_path) == (1, {row(1).id, row(2).id})
    journal.close()
    assert taking_in(tmp_path) == (0, {row(1).id, row(2).id})
    assert files(tmp_path) == []


# --- intake ---------------------------------------------------------------------------------


def test_what_was_taken_in_is_what_was_written(tmp_path: Path) -> None:
    """Amounts as whole nano-dollars, documents as JSON."""
    journal = Journal(tmp_path / "journal")
    journal.record(row(7, **money_fields("0.000000001")))
    journal.close()

    async def work() -> Any:
        database = SqliteDatabase(tmp_path)
        try:
            await take_in(database, tmp_path / "journal")
            found = await database.read(lambda c: dict(c.execute(select(ledger)).mappings().one()))
            left = await database.read(
                lambda c: c.execute(select(func.count()).select_from(marks)).scalar()
            )
            return found, left
        finally:
            await database.close()

    found, left = asyncio.run(work())
    assert (found["amount"], found["usage"], found["tags"]) == (
        1,
        '{"input_tokens":7}',
        '["a","b"]',
    )
    assert (found["owner"], found["outcome"], found["maybe_billed"]) == (
        "local",
        "succeeded",
        False,
    )
    assert left == 0, "no place mark stays for a journal that is gone"


def money_fields(usd: str) -> dict[str, Any]:
    """A computed cost as a row has it."""
    return money(Cost(amount=Decimal(usd), basis="computed"))


def test_a_crash_between_the_rows_and_the_removal_repeats_nothing(tmp_path: Path) -> None:
    """The journal is there again, and its rows are known."""
    journal = Journal(tmp_path / "journal")
    for number in range(50):
        journal.record(row(number))
    journal.close()
    (path,) = (tmp_path / "journal").iterdir()
    content = path.read_bytes()
    assert taking_in(tmp_path)[0] == 50
    path.write_bytes(content)
    assert taking_in(tmp_path)[0] == 0
    assert not path.exists()


def test_a_torn_last_line_waits_for_its_end(tmp_path: Path) -> None:
    """It may still be being written."""
    journal = Journal(tmp_path / "journal")
    journal.record(row(1))
    journal.record(row(2))
    (path,) = (tmp_path / "journal").iterdir()
    whole = path.read_bytes()
    os.truncate(path, len(whole) - 20)
    assert taking_in(tmp_path)[1] == {row(1).id}
    path.write_bytes(whole)
    assert taking_in(tmp_path)[1] == {row(1).id, row(2).id}
    journal.close()


def test_lines_that_are_no_rows_are_passed_over(tmp_path: Path) -> None:
    """Whatever they are."""
    journal = Journal(tmp_path / "journal")
    journal.record(row(1))
    (path,) = (tmp_path / "journal").iterdir()
    with path.open("ab") as file:
        file.write(b'garbage\n\n{"id": 1}\n\x00\xff\n')
    journal.record(row(2))
    journal.close()
    assert taking_in(tmp_path)[1] == {row(1).id, row(2).id}


def test_a_long_journal_is_taken_in_in_pieces(tmp_path: Path) -> None:
    """Also where a single row is longer than a piece."""
    journal = Journal(tmp_path / "journal")
    for number in range(3000):
        journal.record(row(number))
    journal.record(row(5000, explanation="x" * 600_000))
    journal.record(row(5001))
    journal.close()
    new, found = taking_in(tmp_path)
    assert new == len(found) == 3002


def test_two_takers_at_once_take_each_row_once(tmp_path: Path) -> None:
    """Two processes answer for costs at the same time."""
    for part in range(4):
        journal = Journal(tmp_path / "journal")
        for number in range(part * 200, part * 200 + 200):
            journal.record(row(number))
        journal.close()
    code = (
        "import asyncio, sys; from pathlib import Path\n"
        "from anymedia.store.sqlite import SqliteDatabase\n"
        "from anymedia.store.intake import take_in\n"
        "async def main():\n"
        "    d = SqliteDatabase(Path(sys.argv[1]))\n"
        "    print(await take_in(d, Path(sys.argv[1]) / 'journal'))\n"
        "    await d.close()\n"
        "asyncio.run(main())\n"
    )
    takers = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True
        )
        for _ in range(3)
    ]
    new = [int(taker.communicate(timeout=60)[0]) for taker in takers]
    assert sum(new) == 800
    assert len(taking_in(tmp_path)[1]) == 800


def test_nothing_to_take_in_is_nothing(tmp_path: Path) -> None:
    """A new directory."""
    assert taking_in(tmp_path / "data") == (0, set())


# --- money ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("usd", "kept"),
    [
        ("1", 1_000_000_000),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("0.000000003", 3),
        ("9000000000", 9 * 10**18),
        ("-0.5", -500_000_000),
    ],
)
def test_dollars_are_kept_whole(usd: str, kept: int) -> None:
    """Nano-dollars, rounded half to even; never floats."""
    assert nano(Decimal(usd)) == kept
    assert dollars(kept) == (Decimal(kept) / 10**9)


def test_what_is_not_known_stays_unknown() -> None:
    """Not nought."""
    assert (nano(None), dollars(None), money(None)) == (None, None, {})
    assert money(Cost(basis="pending"))["amount"] is None
    reported = money(Cost(amount=Decimal(2), basis="reported", computed=Decimal(1)))
    assert (reported["reported"], reported["computed"]) == (2 * 10**9, 10**9)
