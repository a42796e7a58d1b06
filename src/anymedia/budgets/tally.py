"""What this process has used of its allowances, where it outlives the process.

A file of whole numbers, mapped into memory: writing one is as quick as writing to memory, and the
kernel has it when the process is killed. The lock on the file ends with its process. Whoever finds
an unlocked one reads there what the dead process used, in flight or settled, and gives back the
rest.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import secrets
import struct
from collections.abc import Iterator
from pathlib import Path

FOLDER = "budgets"
"""Where they lie in the data directory."""
ENDING = ".tally"
PLACE = "place"
NUMBER = struct.Struct("=q")
NONE = memoryview(bytearray()).cast("q")
FIRST_SLOTS = 512


class Tally:
    """This process's numbers, by slot. Made when the first is wanted."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path: Path | None = None
        self._file = -1
        self._map: mmap.mmap | None = None
        self.numbers: memoryview[int] = NONE
        """By slot; whoever has one writes it here. Another one after every `slot`."""
        self._next = 0
        self._free: list[int] = []

    def open(self) -> str:
        """Its name, under which allowances are lent. `OSError` when the disk does not take it."""
        if self._path is None:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            name = f"{place(self._directory)}-{os.getpid()}-{secrets.token_hex(8)}{ENDING}"
            path = self._directory / name
            # It gets its name when it is locked: who finds it must not take it for abandoned.
            unnamed = path.with_suffix(".new")
            self._file = os.open(unnamed, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._grow(FIRST_SLOTS)
            unnamed.rename(path)
            self._path = path
        return self._path.name

    def slot(self) -> int:
        """A place for a number, which is 0."""
        if self._free:
            place = self._free.pop()
        else:
            place, self._next = self._next, self._next + 1
            if self._next > len(self.numbers):
                self._grow(self._next * 2)
        self.numbers[place] = 0
        return place

    def free(self, slot: int) -> None:
        """The number is not needed any more."""
        self._free.append(slot)

    def close(self) -> None:
        """Remove it: everything has been reported."""
        if self._path is not None:
            self._path.unlink(missing_ok=True)
        self.leave()

    def leave(self) -> None:
        """Leave it for others to find, as if this process had died."""
        if self._map is not None:
            self.numbers.release()
            self._map.close()
            os.close(self._file)
        self.numbers = NONE
        self._path, self._map, self._next = None, None, 0
        self._free = []

    def _grow(self, slots: int) -> None:
        # Space is set aside now: a full disk must show here, and not as a fault on writing.
        os.posix_fallocate(self._file, 0, slots * NUMBER.size)
        if self._map is not None:
            self.numbers.release()
            self._map.close()
        self._map = mmap.mmap(self._file, slots * NUMBER.size)
        self.numbers = memoryview(self._map).cast("q")


def place(directory: Path) -> str:
    """The data directory's own name, which its tallies' begin with: machines share a database.

    A host's name would not do: containers have another one with each start.
    """
    path = directory.parent / PLACE
    try:
        return path.read_text()
    except FileNotFoundError:
        part = directory.parent / f".{PLACE}.{secrets.token_hex(8)}"
        part.write_text(secrets.token_hex(6))
        with contextlib.suppress(FileExistsError):
            os.link(part, path)  # the first of several processes wins
        part.unlink()
        return path.read_text()


def numbers(path: Path) -> list[int]:
    """What a tally holds."""
    data = path.read_bytes()
    return [one for (one,) in NUMBER.iter_unpack(data[: len(data) // NUMBER.size * NUMBER.size])]


@contextlib.contextmanager
def abandoned(directory: Path) -> Iterator[list[Path]]:
    """Tallies of dead processes, which nobody else looks at meanwhile."""
    paths, locked = list[Path](), list[int]()
    for path in sorted(directory.glob(f"*{ENDING}")):
        try:
            file = os.open(path, os.O_RDWR)
        except OSError:
            continue  # removed meanwhile
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            continue
        locked.append(file)
        paths.append(path)
    try:
        yield paths
    finally:
        for file in locked:
            os.close(file)
