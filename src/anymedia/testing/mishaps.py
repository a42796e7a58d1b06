"""What goes wrong by chance: so often a failure, and so long a wait before every answer.

Said in one line, such as `rate_limit=0.1,server=0.05,slow=2s`: a share of all requests for each
kind of failure, and a delay. The same seed brings the same failures in the same order.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from anymedia.testing.double import Fault

SLOW = "slow"
DELAY = re.compile(r"(\d+(?:\.\d+)?)(ms|s)?")
HTML = {"content-type": "text/html"}
KINDS: dict[str, Fault] = {
    "rate_limit": Fault(
        status=429, headers={"content-type": "application/json", "retry-after": "1"}
    ),
    "auth": Fault(status=401),
    "credits": Fault(status=402),
    "server": Fault(status=500),
    "overloaded": Fault(status=503),
    "garbage": Fault(status=200, body=b"<html>bad gateway</html>", headers=HTML),
    "lost": Fault(status=502, after_accepting=True),
    "cut": Fault(cut_after_bytes=20),
}
"""`lost` does the work, bills it and answers with a failure; `cut` breaks off its answer."""


@dataclass(slots=True)
class Mishaps:
    """Failures by rate, and a delay."""

    rates: Mapping[str, float] = field(default_factory=dict)
    delay_seconds: float = 0.0
    seed: int = 0
    happened: Counter[str] = field(default_factory=Counter)
    """How often each kind came."""
    _chance: random.Random = field(init=False, repr=False)

    def __post_init__(self) -> None:
        unknown = sorted(set(self.rates) - set(KINDS))
        if unknown:
            raise ValueError(
                f"there is no fault `{unknown[0]}`. Known: {', '.join([*KINDS, SLOW])}."
            )
        if any(rate < 0 for rate in self.rates.values()) or sum(self.rates.values()) > 1:
            raise ValueError("rates are shares from 0 to 1, all together 1 at most")
        self._chance = random.Random(self.seed)  # noqa: S311  it plays dice, it guards nothing

    @classmethod
    def said(cls, words: str, *, seed: int = 0) -> Mishaps:
        """What a line says; `ValueError` names what is wrong in it."""
        rates: dict[str, float] = {}
        delay = 0.0
        for piece in filter(None, (one.strip() for one in words.split(","))):
            name, _, value = (part.strip() for part in piece.partition("="))
            if name == SLOW:
                delay = seconds(value)
                continue
            try:
                rates[name] = float(value)
            except ValueError:
                raise ValueError(f"`{piece}` should be like `{name}=0.1`") from None
        return cls(rates, delay, seed)

    def next(self) -> Fault | None:
        """What happens to the next request, if anything."""
        drawn = self._chance.random()
        for name, rate in self.rates.items():
            if drawn < rate:
                self.happened[name] += 1
                return KINDS[name]
            drawn -= rate
        return None


def seconds(words: str) -> float:
    """`2s`, `250ms` or `2` as seconds."""
    found = DELAY.fullmatch(words)
    if found is None:
        raise ValueError(f"`{SLOW}={words}` should be like `{SLOW}=2s` or `{SLOW}=250ms`")
    return float(found[1]) / (1000 if found[2] == "ms" else 1)
