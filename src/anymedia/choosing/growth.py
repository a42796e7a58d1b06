"""How much longer a larger request takes.

Who gets the large requests would look slow, and who gets the small ones fast, and so each would
go on getting them. So times are compared as those of a usual request. A request is as large as it
is dear, and how its time grows with that is learnt for every kind: for a clip of twice the price
almost twice as long, for words, where the price is mostly that of what is read, hardly at all.
"""

from __future__ import annotations

from typing import Final

REMEMBERS: Final = 0.998
"""What is left of an observation after the next one."""
DOUBT: Final = 5.0
"""So much spread has to be seen before growth is believed."""
MOST_GROWTH: Final = 1.2


class Growth:
    """A power of the size, fitted to what was observed."""

    __slots__ = ("power", "spread", "together")

    def __init__(self) -> None:
        self.power = 0.0
        """Times grow with the size to this power."""
        self.spread = self.together = 0.0

    def learn(self, larger: float, longer: float) -> None:
        """A request differed from what the same option usually gets, and its time accordingly.

        Both as logarithms of ratios. Only within an option can they be compared: one that gets
        the large requests may be the fast one.
        """
        self.spread = self.spread * REMEMBERS + larger * larger
        self.together = self.together * REMEMBERS + larger * longer
        power = self.together / (self.spread + DOUBT)
        self.power = 0.0 if power < 0.0 else min(power, MOST_GROWTH)

    def factor(self, size: float) -> float:
        """How many times as long a request of some size takes."""
        return size**self.power if self.power > 0.0 and size > 0.0 else 1.0
