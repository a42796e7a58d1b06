"""A key in a file of its own, beside the database and not in it."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable
from pathlib import Path

from anymedia.store.journal import unwritable


def key_in(path: Path, make: Callable[[], bytes]) -> bytes:
    """The key in a file that only its owner reads; made when there is none."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        pass
    part = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(make())
                file.flush()
                os.fsync(file.fileno())
            os.link(part, path)  # the first of several processes wins
        except FileExistsError:
            pass
        finally:
            part.unlink()
        return path.read_bytes()
    except OSError as error:
        raise unwritable(path.parent, error) from None
