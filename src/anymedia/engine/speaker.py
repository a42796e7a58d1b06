"""Who answers a stream, for those who have to say so before it is over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Speaker:
    """The `provider/model` whose events are coming; nothing before the first of them."""

    name: str = ""
