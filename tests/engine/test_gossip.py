"""What other processes tell is learnt as if it had happened here."""

from __future__ import annotations

import random
from dataclasses import astuple
from decimal import Decimal
from typing import Any, cast

import msgspec
import pytest

from anymedia.choosing import Chooser, Option, Situation
from anymedia.contracts.resilience import HealthSettings
from anymedia.engine.gossip import Entry, Gossip, Learnt, Seen
from anymedia.resilience.health import Health
from anymedia.state.redis import RedisLink
from tests.support.clock import FakeClock


class NoLink:
    """Of Redis only the names: what has come from there is handed in."""

    def key(self, *parts: str) -> str:
        return ":".join(parts)


class Listener:
    """A process that hears."""

    def __init__(self) -> None:
        clock = FakeClock()
        clock.advance(100)
        self.chooser = Chooser(clock=clock, chance=random.Random(1))
        self.health = Health(HealthSettings(), clock)
        self.gossip = Gossip(
            cast("RedisLink", NoLink()),
            chooser=self.chooser,
            health=self.health,
            clock=clock,
            identity="me",
        )

    def hear(self, learnt: list[Learnt], seen: list[Seen]) -> None:
        """An entry of somebody else."""
        what = msgspec.json.encode(Entry(tuple(learnt), tuple(seen)))
        self.gossip._hear({b"by": b"other", b"what": what})

    def known(self) -> list[Any]:
        """All that follows from it."""
        return [
            *(value for one in self.chooser.snapshot() for value in astuple(one)),
            *(self.health.report("acme").parts.model_dump().values()),
        ]


def told(seed: int) -> tuple[list[Learnt], list[Seen]]:
    """What a process may have seen in a second: most went well, and some in other ways."""
    chance = random.Random(seed)
    learnt, seen = [], []
    for _ in range(300):
        names = ("acme", f"acme/{chance.choice('abc')}")
        well = chance.choices((True, False, None), (30, 1, 1))[0]
        seconds = chance.choices((chance.lognormvariate(0, 1), 0.0, None), (30, 1, 1))[0]
        first = chance.choice((None, 0.2))
        usd = chance.choice((None, Decimal("0.01"), Decimal("0.3")))
        conformed = chance.choices((None, True, False), (20, 5, 1))[0]
        learnt.append(Learnt(names, "text", well, seconds, first, usd, conformed))
        seen.append(Seen("acme", well, seconds, chance.choices((None, 1.0), (9, 1))[0]))
    return learnt, seen


@pytest.mark.parametrize("seed", range(8))
def test_what_is_heard_at_once_is_what_is_heard_one_by_one(seed: int) -> None:
    """Neighbours that went well are learnt together, whoever failed between them in his place."""
    at_once, one_by_one = Listener(), Listener()
    learnt, seen = told(seed)
    at_once.hear(learnt, seen)
    for one in learnt:
        one_by_one.hear([one], [])
    for another in seen:
        one_by_one.hear([], [another])
    for value, expected in zip(at_once.known(), one_by_one.known(), strict=True):
        if isinstance(expected, float):
            assert value == pytest.approx(expected, rel=1e-3)
        else:
            assert value == expected


def test_turns_are_told_of_too() -> None:
    """Who was asked elsewhere has had a turn."""
    options = [Option("acme", "acme", 1, None, 0), Option("bolt", "bolt", 1, None, 1)]
    one, text = Listener(), Situation("text")
    assert one.chooser.order("round_robin", options, text)[0].option.name == "acme"
    one.hear([Learnt(("bolt",), "text", True, 1.0, None, None, None)], [])
    assert one.chooser.order("round_robin", options, text)[0].option.name == "acme"
