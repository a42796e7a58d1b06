"""Secrets that lie in the database: encrypted with a key that lies beside it, in a file of its own.

So a copy of the database alone tells no secret. Machines that share a database share this file.
"""

from __future__ import annotations

from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from anymedia.contracts.errors import StorageFailed
from anymedia.store.key_file import key_in


class Seal:
    """Closes secrets and opens them again."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def closed(self, text: str) -> str:
        """As it may lie in the database."""
        return self._fernet().encrypt(text.encode()).decode()

    def opened(self, text: str) -> str:
        """As it was. Raises `StorageFailed` where another key has closed it."""
        try:
            return self._fernet().decrypt(text.encode()).decode()
        except (InvalidToken, ValueError):
            raise StorageFailed(
                f"a secret in the database was not written with the key in `{self._path}`. Copy "
                f"that file from the machine where the secret was made, or make a new secret",
                retryable=False,
            ) from None

    def _fernet(self) -> Fernet:
        return Fernet(key_in(self._path, Fernet.generate_key))
