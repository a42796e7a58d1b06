"""A journal: ledger rows in a file first, in the database soon after.

A text call should not wait for a database. Its row is appended to a file with one `write` before
the answer is handed out: what the kernel has taken survives a kill -9 of this process. Whoever
reads the ledger next takes the journals in (`anymedia.store.intake`); a row's id makes that
harmless to repeat.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec

from anymedia.contracts.errors import StorageFailed
from anymedia.store.ledger import LedgerRow

FOLDER = "journal"
"""Where they lie in the data directory."""
LARGEST_BYTES = 16 * 1024 * 1024
"""A journal that has grown to this is closed and a new one begun."""


class Journal:
    """This process's journal, made when the first row comes. Safe to use from several threads."""

    def __init__(self, directory: Path, *, largest_bytes: int = LARGEST_BYTES) -> None:
        self._directory = directory
        self._largest_bytes = largest_bytes
        self._file: int | None = None
        self._size = 0
        self._encoder = msgspec.json.Encoder()
        self._changing = threading.Lock()

    def record(self, row: LedgerRow) -> None:
        """Keep a row. `StorageFailed` when the disk does not take it."""
        line = self._encoder.encode(row) + b"\n"
        with self._changing:
            try:
                file = self._file
                if file is None or self._size > self._largest_bytes:
                    file = self._begin()
                written = os.write(file, line)
            except OSError as error:
                raise unwritable(self._directory, error) from None
            self._size += written
            if written != len(line):
                # The next row must not be glued to this torn one: it begins another journal.
                self._end()
                raise unwritable(self._directory, OSError(28, "No space left on device"))

    def close(self) -> None:
        """Let others take the journal over."""
        with self._changing:
            self._end()

    def _begin(self) -> int:
        self._end()
        self._directory.mkdir(parents=True, exist_ok=True)
        path = self._directory / f"{os.getpid()}-{secrets.token_hex(6)}.jsonl"
        # It gets its name when it is locked: who finds it must not take it for abandoned.
        unnamed = path.with_suffix(".new")
        file = os.open(unnamed, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            # The lock says that somebody still writes here; it ends with the process.
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            unnamed.rename(path)
        except OSError:
            os.close(file)
            raise
        self._file = file
        self._size = 0
        return file

    def _end(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None


def rows_of(
    path: Path, offset: int, most_bytes: int = LARGEST_BYTES
) -> tuple[list[LedgerRow], int]:
    """The whole rows of a journal from `offset` on, about `most_bytes` of them, and their end.

    A last line that was cut by a crash is left where it is.
    """
    with path.open("rb") as file:
        file.seek(offset)
        data = file.read(most_bytes)
        if b"\n" not in data:  # a row that is longer than that
            data += file.readline()
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
            continue  # taken in and removed by another process meanwhile
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
