"""Links that need no key: bound to one artifact and to a time, signed by this installation."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from pathlib import Path
from urllib.parse import urlencode

from anymedia.contracts.errors import InvalidRequest, NotFound
from anymedia.store.key_file import key_in

KEY_FILE = "artifact-links.key"
LONGEST_SECONDS = 7 * 86_400
"""As long as S3 allows; the same everywhere."""
PATH = "/api/artifacts/"


class Links:
    """Makes links and tells true ones from others. The key is made with the first link."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file
        self._key: bytes | None = None

    def path(self, artifact_id: str, expires_at: int) -> str:
        """The path of a link, from the gateway's root."""
        signature = self._signature(artifact_id, expires_at)
        query = urlencode({"expires": expires_at, "signature": signature})
        return f"{PATH}{artifact_id}?{query}"

    def check(self, artifact_id: str, expires: str, signature: str, now: float) -> None:
        """`NotFound` unless the link is one of ours, for this artifact, and still good."""
        good = expires.isascii() and expires.isdecimal() and len(expires) <= 12
        if not good or not hmac.compare_digest(
            self._signature(artifact_id, int(expires)).encode(), signature.encode()
        ):
            raise NotFound("this link is not one of ours; ask whoever sent it for another")
        if now >= int(expires):
            raise NotFound("this link has expired; ask whoever sent it for another")

    def _signature(self, artifact_id: str, expires_at: int) -> str:
        if self._key is None:
            self._key = key_in(self._key_file, lambda: secrets.token_hex(32).encode())
        said = f"artifact\n{artifact_id}\n{expires_at}".encode()
        return hmac.new(self._key, said, hashlib.sha256).hexdigest()


def allowed(expires_seconds: float) -> int:
    """For how long a link may be good, in whole seconds."""
    if not 1 <= expires_seconds <= LONGEST_SECONDS:
        raise InvalidRequest(
            f"a link can be good for 1 to {LONGEST_SECONDS} seconds (7 days), not "
            f"{expires_seconds:g}"
        )
    return int(expires_seconds)
