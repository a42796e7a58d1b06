"""Calls that doubles make when work is over, as providers do: kept, and tried once."""

from __future__ import annotations

import urllib.request
from contextlib import suppress
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Delivery:
    """A call that was made, or tried."""

    url: str
    body: bytes = field(repr=False)
    headers: dict[str, str]

    def post(self) -> None:
        """Make it; whether it arrives is the receiver's affair."""
        if not self.url.startswith(("http://", "https://")):
            return
        asked = urllib.request.Request(self.url, self.body, self.headers)  # noqa: S310  # checked
        with suppress(OSError), urllib.request.urlopen(asked, timeout=15):  # noqa: S310  # checked
            pass
