"""Addresses that end: signed, with the moment in them, as vendors' file hosts hand them out."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request


@dataclass(frozen=True, slots=True)
class Lapsing:
    """Makes addresses that end by a clock, and knows them again."""

    clock: Callable[[], float]
    secret: bytes = b"double"

    def address(self, base_url: str, path: str, lives_seconds: float) -> str:
        """Where a file lies, for so long."""
        until = int(self.clock() + lives_seconds)
        return f"{base_url}{path}?expires={until}&signature={self._over(path, str(until))}"

    def admits(self, request: Request) -> bool:
        """Whether an address was handed out like this, and has not ended."""
        until = request.query_params.get("expires", "")
        given = request.query_params.get("signature", "")
        if not hmac.compare_digest(given.encode(), self._over(request.url.path, until).encode()):
            return False
        return self.clock() < int(until)

    def _over(self, path: str, until: str) -> str:
        message = f"{path}\n{until}".encode()
        return hmac.new(self.secret, message, hashlib.sha256).hexdigest()
