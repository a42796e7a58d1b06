"""What happens to which job: everything follows from its number.

So the processes, the doubles and the test agree without talking to each other, and the same
seed brings the same mishaps, whoever is killed in between.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

SEED = 2026
TAG = re.compile(r"#(\d{4})")
ABILITIES = ("repeat", "lookup", "report", "nothing", "at-once")
"""How a submission is found that went out without an answer; the last repeats it too, and has the
result in its answer."""

Mishap: TypeAlias = Literal[
    "busy",  # 429
    "down",  # 500 before it was taken on
    "lost",  # taken on, then 500
    "cut",  # taken on, and the connection breaks within the answer
    "stalled",  # taken on, and no answer for longer than is waited for
    "refused",  # 400: never taken on
]
End: TypeAlias = Literal["made", "fails", "fails-charged"]
Spoilt: TypeAlias = Literal["cut", "down", "page"]
"""What comes instead of a result: half of it, a failure, a page for people."""
MISHAPS: tuple[Mishap, ...] = ("busy", "down", "lost", "cut", "stalled", "refused")


@dataclass(frozen=True, slots=True)
class Fate:
    """One job of all."""

    number: int
    ability: str
    mishaps: tuple[Mishap, ...]
    """Of its first submissions, one after another; the following go well."""
    answer_seconds: float
    work_seconds: float
    end: End
    spoilt: tuple[Spoilt, ...]
    """Of its first downloads."""
    deaf_polls: int
    """So often it fails to say how it stands."""
    by_gateway: bool
    """Whether it is asked for over HTTP."""
    cancelled: bool

    @property
    def tag(self) -> str:
        """Its name, which is part of its prompt."""
        return f"#{self.number:04d}"

    @property
    def prompt(self) -> str:
        """What is asked for."""
        return f"A fox in snow, {self.tag}"

    @property
    def model(self) -> str:
        """Whom it goes to."""
        return f"work-{self.ability}/one"


def fate(number: int) -> Fate:
    """What will happen to a job."""
    chance = random.Random(f"{SEED}:{number}")
    mishaps: tuple[Mishap, ...] = ()
    if chance.random() < 0.4:
        (first,) = chance.choices(MISHAPS, (4, 3, 4, 3, 1, 2))
        mishaps = (first, "busy") if chance.random() < 0.2 else (first,)
    ends: tuple[End, ...] = ("made", "fails", "fails-charged")
    (end,) = chance.choices(ends, (16, 1, 1))
    downloads: tuple[Spoilt, ...] = ("cut", "down", "page")
    return Fate(
        number=number,
        ability=ABILITIES[number % len(ABILITIES)],
        mishaps=mishaps,
        answer_seconds=chance.uniform(0.02, 0.4),
        work_seconds=chance.uniform(0.2, 1.5),
        end=end,
        spoilt=(chance.choice(downloads),) if chance.random() < 0.2 else (),
        deaf_polls=chance.choice((1, 2)) if chance.random() < 0.1 else 0,
        by_gateway=chance.random() < 0.5,
        cancelled=chance.random() < 0.05,
    )


def told_in(words: str) -> Fate:
    """The fate that a prompt belongs to."""
    found = TAG.search(words)
    assert found is not None, words
    return fate(int(found[1]))
