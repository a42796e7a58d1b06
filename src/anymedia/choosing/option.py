"""What a strategy sees of a request and of the ways it could go.

Twenty of them are made for every decision, so they are tuples: half the time of a frozen dataclass.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Option(NamedTuple):
    """One way a request could go."""

    name: str
    """What is learnt is remembered under this, so it stays the same from request to request."""
    provider: str
    weight: float
    price: float | None
    """The estimate in USD, for comparing and not for bills; `None` when nobody knows."""
    position: int
    """The order of the configuration, lowest first; equals have the same number."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What about a request decides who is asked."""

    kind: str
    """Requests that are learnt from together, such as `video:standard`."""
    session: str | None = None
    """What stays with whoever served it last, under the key it was kept with."""


class Ranked(NamedTuple):
    """An option in its place, and why it is there."""

    option: Option
    why: str
