"""A journal: ledger rows in a file first, in the database soon after.

A text call should not wait for a database. Its row is appended to a file with one `write` before
the answer is handed out: what the kernel has taken survives a kill -9 of this process. Whoever
reads the ledger next takes the journals in; a row's id makes that harmless to repeat.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import msgspec

from anymedia.contracts.errors import StorageFailed
from anymedia.store.ledger import LedgerRow

LARGEST_BYTES = 16 * 1024 * 1024
"""A journal that has grown to this is closed and a new one begun."""


class Journal:
    """This process's journal, made when the first row comes. Safe to use from several threads."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._file: int | None = None
        self._size = 0
        self._encoder = msgspec.json.Encoder()

    def record(self, row: LedgerRow) -> None:
        """Keep a row. `StorageFailed` when the disk does not take it."""
        line = self._encoder.encode(row) + b"\n"
        try:
            if self._file is None or self._size > LARGEST_BYTES:
                self._begin()
            assert self._file is not None
            # O_APPEND and one write: lines of several threads never mix.
            written = os.write(self._file, line)
        except OSError as error:
            raise unwritable(self._directory, error) from None
        self._size += written
        if written != len(line):
            raise StorageFailed(f"the disk of `{self._directory}` is full")

    def close(self) -> None:
        """Let others take the journal over."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _begin(self) -> None:
        self.close()
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{os.getpid()}-{secrets.token_hex(6)}.jsonl"
        self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        # The lock says that somebody still writes here; it ends with the process.
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._size = 0


def rows_of(path: Path, offset: int) -> tuple[list[LedgerRow], int]:
    """The whole rows of a journal from `offset` on, and where they end.

    A last line that was cut by a crash is left where it is.
    """
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read()
    end = data.rfind(b"\n") + 1
    decoder = msgspec.json.Decoder(LedgerRow)
    rows = []
    for line in data[:end].splitlines():
        with contextlib.suppress(msgspec.DecodeError):  # a line that a full disk cut short
            rows.append(decoder.decode(line))
    return rows, offset + end


def journals(directory: Path) -> Iterator[tuple[Path, bool]]:
    """Every journal, and whether its writer is gone."""
    if not directory.is_dir():
        return
    for path in sorted(directory.glob("*.jsonl")):
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            continue
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            abandoned = True
        except BlockingIOError:
            abandoned = False
        finally:
            os.close(file)
        yield path, abandoned


def unwritable(directory: Path, error: OSError) -> StorageFailed:
    """One clear line for a disk that does not take what it should."""
    return StorageFailed(
        f"`{directory}` cannot be written: {error.strerror or error}. Free some space, or choose "
        f"another directory with ANYMEDIA_DATA_DIR"
    )
