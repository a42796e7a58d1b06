"""Strategies that follow what was observed."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

import pytest

from anymedia.choosing import Chooser, Option, Situation
from anymedia.contracts.route import Strategy
from tests.support.clock import FakeClock

TEXT = Situation("text")


class World:
    """Providers that answer as a test says, one request after the other, one a second."""

    def __init__(self, strategy: Strategy, *, seed: int = 1, prices: str = "1 1 1") -> None:
        self.clock = FakeClock()
        self.chooser = Chooser(clock=self.clock, chance=random.Random(seed))
        self.strategy = strategy
        self.options = [
            Option(name, name, 1, float(price), place)
            for place, (name, price) in enumerate(zip("abc", prices.split(), strict=True))
        ]
        self.seconds = {"a": 1.0, "b": 2.0, "c": 3.0}
        self.dead: set[str] = set()
        self.odd: set[str] = set()
        self.reasons: list[str] = []

    def run(self, requests: int) -> Counter[str]:
        """Who was asked first, how often; whoever fails is followed by the next."""
        first = Counter[str]()
        for _ in range(requests):
            ranked = self.chooser.order(self.strategy, self.options, TEXT)
            first[ranked[0].option.name] += 1
            self.reasons.append(ranked[0].why)
            for one in ranked:
                if self.asked(one.option.name):
                    break
            self.clock.advance(1)
        return first

    def asked(self, name: str) -> bool:
        """One request at one of them."""
        works = name not in self.dead
        self.chooser.begun(name, "text")
        self.clock.advance(self.seconds[name] if works else 0.1)
        self.chooser.ended(
            name,
            "text",
            succeeded=works,
            seconds=self.seconds[name] if works else None,
            conformed=name not in self.odd if works else None,
        )
        return works


LEARNERS: list[Strategy] = ["latency", "quality", "adaptive"]


@pytest.mark.parametrize("strategy", LEARNERS)
def test_what_fails_in_a_row_is_put_last_and_tried_again_with_one_in_a_hundred(
    strategy: Strategy,
) -> None:
    """An outage is noticed after three failures, costs 1 % while it lasts, and ends."""
    world = World(strategy)
    world.run(20)
    world.dead = {"a"}
    noticed = world.run(120)
    assert noticed["a"] <= 4
    during = world.run(1000)
    assert 1 <= during["a"] <= 10
    assert "tried again after 4 failures in a row" in world.reasons
    world.dead = set()
    world.run(200)
    assert world.run(300)["a"] > (1 if strategy == "quality" else 250)


def test_probes_go_on_where_there_are_few_requests() -> None:
    """One hundred clips may take days; a pause that grows is the other bound."""
    world = World("adaptive")
    world.run(20)
    world.dead = {"a"}
    world.run(10)
    world.dead = set()
    world.clock.advance(400)
    assert world.run(3)["a"] >= 1


@pytest.mark.parametrize("strategy", ["latency", "adaptive"])
def test_the_fastest_is_preferred_and_a_change_is_followed(strategy: Strategy) -> None:
    """The first becomes slow; the second is asked instead, soon; and back when it is over."""
    world = World(strategy)
    world.run(10)
    assert world.run(200)["a"] > 180
    world.seconds["a"] = 12.0
    world.run(60)
    assert world.run(200)["b"] > 160
    world.seconds["a"] = 0.5
    world.run(400)
    assert world.run(200)["a"] > 180


def test_quality_prefers_what_delivers_what_was_asked() -> None:
    """An answer that is not what was asked for counts like none."""
    world = World("quality")
    world.odd = {"a", "b"}
    world.run(250)
    assert world.run(200)["c"] > 190
    assert any(why.startswith("most reliable: delivered what was") for why in world.reasons)
    assert "explored: little is known of it" in world.reasons


def test_adaptive_weighs_price_against_time_in_ratios() -> None:
    """Half the time is not worth ten times the price; and cents or dollars do not matter."""
    for prices in ("0.0010 0.0001 0.0010", "10 1 10"):
        world = World("adaptive", prices=prices)
        world.run(20)
        assert world.run(200)["b"] > 190


def test_adaptive_spends_a_bounded_share_on_finding_out() -> None:
    """Two requests in a hundred, not only on average."""
    world = World("adaptive")
    world.run(1000)
    explored = [
        number
        for number, why in enumerate(world.reasons)
        if why.startswith(("explored: m", "explored: not"))
    ]
    assert explored
    for start in range(0, 900, 50):
        assert sum(start <= number < start + 100 for number in explored) <= 4


def test_adaptive_finds_out_that_a_price_or_a_speed_has_become_better() -> None:
    """The third was slowest by far; it is not written off for ever."""
    world = World("adaptive")
    world.seconds["c"] = 20.0
    assert world.run(300)["a"] > 250
    world.seconds["c"] = 0.2
    world.run(1000)
    assert world.run(100)["c"] > 90


def test_adaptive_says_why() -> None:
    """With the figures that decided."""
    world = World("adaptive", prices="0.02 0.03 0.03")
    world.run(10)
    ranked = world.chooser.order("adaptive", world.options, TEXT)
    assert ranked[0].why == "best by what was learnt: success 100 %, 1.0 s, 0.02 USD"
    assert ranked[1].why == "success 100 %, 2.0 s, 0.03 USD"
    assert world.reasons[0] == "explored: new"


def test_latency_says_why() -> None:
    """The median of the last ones."""
    world = World("latency")
    world.run(40)
    ranked = world.chooser.order("latency", world.options, TEXT)
    assert re.fullmatch(r"fastest of late: 1.0 s \(p50 of \d\d\)", ranked[0].why)


def test_latency_reacts_to_one_slow_answer_at_once() -> None:
    """A peak counts in full, and fades."""
    world = World("latency")
    world.run(40)
    world.seconds["a"] = 30.0
    world.run(1)
    assert world.run(3)["a"] == 0


def test_latency_counts_what_is_under_way() -> None:
    """Twice as fast, but with two before it, is not sooner."""
    world = World("latency")
    world.run(40)
    for _ in range(2):
        world.chooser.begun("a", "text")
    ranked = world.chooser.order("latency", world.options, TEXT)
    assert ranked[0].option.name == "b"


def test_time_to_the_first_event_is_what_counts_for_streams() -> None:
    """A long answer that starts at once is no slow provider."""
    world = World("latency")
    for _ in range(5):
        for name, first, whole in (("a", 2.0, 3.0), ("b", 0.2, 30.0), ("c", 5.0, 5.0)):
            world.chooser.begun(name, "text")
            world.chooser.ended(name, "text", succeeded=True, first_seconds=first, seconds=whole)
    assert world.chooser.order("latency", world.options, TEXT)[0].option.name == "b"


def test_something_that_hangs_is_noticed_before_it_comes_back() -> None:
    """Five requests that have waited ten times as long as usual say enough."""
    world = World("adaptive")
    world.run(60)
    for _ in range(5):
        world.chooser.begun("a", "text")
    world.clock.advance(10)
    assert world.chooser.order("adaptive", world.options, TEXT)[0].option.name == "b"


def test_least_loaded_avoids_the_busiest() -> None:
    """Of two drawn, the less busy: the busiest of all is never first."""
    world = World("least_loaded")
    for name in "aaabb":
        world.chooser.begun(name, "text")
    orders = [world.chooser.order("least_loaded", world.options, TEXT) for _ in range(300)]
    counts = Counter(order[0].option.name for order in orders)
    assert counts["a"] == 0
    assert counts["c"] > counts["b"] > 50
    assert "2 under way, against 3 at the other that was drawn" in {o[0].why for o in orders}


def test_what_fails_at_once_does_not_attract_everything() -> None:
    """It is never busy, and yet not the best."""
    world = World("least_loaded")
    world.dead = {"a"}
    for name in "bbcc":
        world.chooser.begun(name, "text")
    world.run(20)
    assert world.run(200)["a"] <= 2


def test_kinds_are_learnt_apart() -> None:
    """Who is slow with clips may be quick with words."""
    world = World("latency")
    world.run(40)
    ranked = world.chooser.order("latency", world.options, Situation("video:high"))
    assert {one.why for one in ranked} == {"not tried yet"}


def told(succeeded: bool | None) -> Callable[[Chooser], None]:
    """One attempt."""

    def tell(chooser: Chooser) -> None:
        chooser.begun("a", "text")
        chooser.ended("a", "text", succeeded=succeeded, seconds=1.5, usd=Decimal("0.25"))

    return tell


def test_a_snapshot_tells_what_was_learnt() -> None:
    """For people and for estimates; what says nothing is not counted."""
    world = World("adaptive")
    for succeeded in (True, True, False, None):
        told(succeeded)(world.chooser)
    world.chooser.begun("a", "text")
    (known,) = world.chooser.snapshot()
    assert (known.name, known.kind, known.tries, known.in_flight) == ("a", "text", 3, 1)
    assert known.typical_seconds == 1.5
    assert known.average_usd == 0.25
    assert 0.6 < known.success < 0.9
    assert not known.suspected
    assert world.chooser.known("a", "text") == known
    assert world.chooser.known("b", "text") is None


def test_memory_is_bounded() -> None:
    """Names and kinds that come and go do not pile up, and the latest are still known."""
    world = World("adaptive")
    for number in range(3000):
        name = f"option-{number}"
        world.chooser.begun(name, "text")
        world.clock.advance(1)
        world.chooser.ended(name, "text", succeeded=True, seconds=1)
        world.chooser.order("weighted", world.options, Situation(f"kind-{number}"))
        world.chooser.order("round_robin", world.options, Situation(f"kind-{number}"))
    names = {one.name for one in world.chooser.snapshot()}
    assert len(names) <= 1024


def test_strategies_describe_the_same_option_in_their_own_words() -> None:
    """Routes with different strategies share what was learnt, not how it is put."""
    world = World("latency")
    world.run(40)
    reasons = [
        world.chooser.order(strategy, world.options, TEXT)[1].why
        for strategy in ("latency", "quality", "adaptive", "latency")
    ]
    assert "p50" in reasons[0]
    assert reasons[1].startswith("delivered")
    assert reasons[2].startswith("success")
    assert reasons[3] == reasons[0]


def test_large_requests_do_not_make_who_serves_them_look_slow() -> None:
    """How time grows with size is learnt, and times are compared as those of the usual size."""
    world = World("adaptive")
    chance = random.Random(3)
    for _ in range(400):
        size = chance.choice([1, 2, 4, 8])
        options = [
            Option("a", "a", 1, float(size), 0),
            Option("b", "b", 1, float(size), 1),
        ]
        world.chooser.order("adaptive", options, TEXT)
        name = "a" if size > 2 else "b"
        world.chooser.begun(name, "text")
        seconds = size * (1.0 if name == "a" else 1.6)
        world.clock.advance(seconds)
        world.chooser.ended(name, "text", succeeded=True, seconds=seconds)
    assert world.chooser.order("adaptive", options, TEXT)[0].option.name == "a"
    slow, fast = (world.chooser.known(name, "text") for name in "ab")
    assert slow is not None
    assert fast is not None
    assert slow.typical_seconds is not None
    assert fast.typical_seconds is not None
    assert slow.typical_seconds > fast.typical_seconds


def test_requests_whose_end_nobody_tells_are_not_held_against_an_option_for_ever() -> None:
    """A process may lose sight of a job."""
    world = World("adaptive")
    world.run(60)
    for _ in range(5):
        world.chooser.begun("a", "text")
    world.clock.advance(100)
    assert world.chooser.order("adaptive", world.options, TEXT)[0].option.name == "b"
    world.clock.advance(900)
    assert world.run(20)["a"] > 15
