"""How much longer a larger request takes.

Who gets the large requests would look slow, and who gets the small ones fast, and so each would
go on getting them. So times are compared as those of a usual request. A request is as large as it
is dear, and how its time grows with that is learnt for every kind: for a clip of twice the price
almost twice as long, for words, where the price is mostly that of what is read, hardly at all.
"""

from __future__ import annotations

from math import log
from typing import Final

REMEMBERS: Final = 0.998
"""What is left of an observation after the next one."""
DOUBT: Final = 5.0
"""So much spread has to be seen before growth is believed."""
MOST_GROWTH: Final = 1.2


class Growth:
    """A power of the size, fitted to what was observed."""

    __slots__ = ("count", "power", "x", "xx", "xy", "y")

    def __init__(self) -> None:
        self.power = 0.0
        """Times grow with the size to this power."""
        self.count = self.x = self.y = self.xx = self.xy = 0.0

    def learn(self, size: float, ratio: float) -> None:
        """A request of some size took so many times as long as one of the usual size."""
        if size <= 0.0 or ratio <= 0.0:
            return
        x, y = log(size), log(ratio)
        self.count = self.count * REMEMBERS + 1.0
        self.x = self.x * REMEMBERS + x
        self.y = self.y * REMEMBERS + y
        self.xx = self.xx * REMEMBERS + x * x
        self.xy = self.xy * REMEMBERS + x * y
        together = self.xy - self.x * self.y / self.count
        spread = self.xx - self.x * self.x / self.count
        self.power = min(max(together / (spread + DOUBT), 0.0), MOST_GROWTH)

    def factor(self, size: float) -> float:
        """How many times as long a request of some size takes."""
        return size**self.power if self.power > 0.0 and size > 0.0 else 1.0
