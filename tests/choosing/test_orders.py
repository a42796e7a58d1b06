"""What holds of every strategy, and of those that learn nothing."""

from __future__ import annotations

import random
from collections import Counter
from typing import cast, get_args

import pytest
from hypothesis import given, strategies as some

from anymedia.choosing import Chooser, Option, Situation
from anymedia.contracts.route import Strategy
from tests.support.clock import FakeClock

STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)
TEXT = Situation("text")


def chooser(seed: int = 1) -> Chooser:
    """One with a clock that stands still."""
    return Chooser(clock=FakeClock(), chance=random.Random(seed))


def options(*weights: float) -> list[Option]:
    """Some that differ in weight and price."""
    return [
        Option(f"p{place}/m", f"p{place}", weight, (place + 1) / 100, place)
        for place, weight in enumerate(weights)
    ]


def firsts(chooser: Chooser, strategy: Strategy, among: list[Option], count: int) -> list[str]:
    """Who came first, request after request."""
    return [chooser.order(strategy, among, TEXT)[0].option.provider for _ in range(count)]


PRICES = some.none() | some.floats(0, 10, allow_nan=False)
OPTIONS = some.lists(
    some.tuples(
        some.integers(0, 9),
        some.sampled_from([0.0, 0.5, 1.0, 3.0]),
        PRICES,
        some.integers(0, 3),
    ),
    max_size=8,
    unique_by=lambda one: one[0],
).map(
    lambda rows: [
        Option(f"p{name}/m", f"p{name}", weight, price, position)
        for name, weight, price, position in rows
    ]
)
EVENTS = some.lists(
    some.tuples(
        some.sampled_from(STRATEGIES),
        OPTIONS,
        some.sampled_from([True, False, None]),
        some.floats(0, 500),
    ),
    max_size=30,
)


@given(EVENTS)
def test_every_order_is_a_permutation_of_its_options(
    events: list[tuple[Strategy, list[Option], bool | None, float]],
) -> None:
    """Nobody is lost and nobody doubled, whatever was learnt before; and each has a reason."""
    clock = FakeClock()
    one = Chooser(clock=clock, chance=random.Random(4))
    for strategy, among, succeeded, seconds in events:
        ranked = one.order(strategy, among, TEXT)
        assert sorted(r.option.name for r in ranked) == sorted(o.name for o in among)
        assert all(r.why for r in ranked)
        if ranked:
            name = ranked[0].option.name
            one.begun(name, "text")
            clock.advance(seconds)
            one.ended(name, "text", succeeded=succeeded, seconds=seconds)


def test_an_answer_that_took_no_time_at_all_can_be_compared() -> None:
    """A coarse clock, or an answer out of a cache: nothing is divided by it."""
    chooser = Chooser(clock=FakeClock(), chance=random.Random(4))
    only = [Option("a", "a", 1, None, 0)]
    for strategy in STRATEGIES:
        assert chooser.order(strategy, only, TEXT)[0].option.name == "a"
        chooser.begun("a", "text")
        chooser.ended("a", "text", succeeded=True, seconds=0.0)


@given(EVENTS)
def test_the_same_seed_and_the_same_past_give_the_same_order(
    events: list[tuple[Strategy, list[Option], bool | None, float]],
) -> None:
    """Chance and time are handed in; there is nothing else that could differ."""
    orders: list[list[list[tuple[str, str]]]] = []
    for _ in range(2):
        clock = FakeClock()
        one = Chooser(clock=clock, chance=random.Random(9))
        orders.append([])
        for strategy, among, succeeded, seconds in events:
            ranked = one.order(strategy, among, TEXT)
            orders[-1].append([(r.option.name, r.why) for r in ranked])
            if ranked:
                one.begun(ranked[0].option.name, "text")
                clock.advance(seconds)
                one.ended(ranked[0].option.name, "text", succeeded=succeeded, seconds=seconds)
    assert orders[0] == orders[1]


def test_an_unknown_strategy_is_refused_with_the_list_of_known_ones() -> None:
    """The type forbids it; who gets around the type gets a sentence."""
    with pytest.raises(ValueError, match=r"`fastest` is no strategy. Choose one of priority, "):
        chooser().order(cast("Strategy", "fastest"), options(1, 1), TEXT)


def test_only_strategies_that_compare_models_need_a_price() -> None:
    """The others decide before anything is fitted."""
    assert [name for name in STRATEGIES if chooser().needs_price(name)] == [
        "cost",
        "quality",
        "adaptive",
    ]


def test_priority_follows_positions() -> None:
    """Whatever the order in which they are handed in."""
    ranked = chooser().order("priority", list(reversed(options(1, 1, 1))), TEXT)
    assert [one.option.provider for one in ranked] == ["p0", "p1", "p2"]
    assert ranked[0].why == "number 1 of 3 by priority"


def test_equal_priorities_are_in_the_order_of_chance() -> None:
    """Each is first about as often as the other, and the third never."""
    among = [Option(name, name, 1, None, name == "later") for name in ("one", "two", "later")]
    counts = Counter(firsts(chooser(), "priority", among, 400))
    assert set(counts) == {"one", "two"}
    assert 160 < counts["one"] < 240


@given(some.lists(some.integers(1, 7), min_size=2, max_size=6), some.integers(1, 3))
def test_weighted_shares_are_exact_over_a_cycle(weights: list[int], cycles: int) -> None:
    """Over as many requests as the weights add up to, everyone is first as often as it weighs."""
    counts = Counter(firsts(chooser(), "weighted", options(*weights), sum(weights) * cycles))
    assert [counts[f"p{place}"] for place in range(len(weights))] == [
        weight * cycles for weight in weights
    ]


def test_weighted_turns_are_spread_out() -> None:
    """The classic example: 5, 1, 1 does not send five in a row."""
    assert "".join(name[1] for name in firsts(chooser(), "weighted", options(5, 1, 1), 7)) == (
        "0010200"
    )


def test_weight_zero_is_never_first_but_remains_for_the_worst_case() -> None:
    """It stands last, and the reason says so."""
    one = chooser()
    ranked = [one.order("weighted", options(0, 2, 1), TEXT) for _ in range(30)]
    assert {order[0].option.provider for order in ranked} == {"p1", "p2"}
    assert {(order[2].option.provider, order[2].why) for order in ranked} == {
        ("p0", "weight 0: only when no other is left")
    }
    assert ranked[0][0].why == "weight 2 of 3"


def test_zero_everywhere_is_equal_turns() -> None:
    """Nothing else could be meant."""
    one = chooser()
    ranked = one.order("weighted", options(0, 0), TEXT)[0]
    assert ranked.why == "no weights, so in turn"
    assert Counter(firsts(one, "weighted", options(0, 0), 9)) == {"p0": 4, "p1": 5}


@pytest.mark.parametrize("strategy", ["round_robin", "weighted"])
def test_the_turns_of_one_that_is_passed_over_are_shared_by_the_others(strategy: Strategy) -> None:
    """Its neighbour in the order does not get all of them."""
    one, counts = chooser(), Counter[str]()
    for _ in range(60):
        taken = next(
            r.option for r in one.order(strategy, options(1, 1, 1), TEXT) if r.option.name != "p0/m"
        )
        one.begun(taken.name, "text")
        one.ended(taken.name, "text", succeeded=True)
        counts[taken.provider] += 1
    assert counts == {"p1": 30, "p2": 30}
    after = Counter(firsts(one, strategy, options(1, 1, 1), 9))
    assert after["p0"] <= 5


@given(some.lists(some.sets(some.integers(0, 5), min_size=1), min_size=1, max_size=40))
def test_round_robin_lets_nobody_wait_longer_than_a_round(sets: list[set[int]]) -> None:
    """Even when the set of options changes: who is always there has its turn within six."""
    one, waited = chooser(), 0
    for present in sets:
        among = [o for place, o in enumerate(options(*[1] * 6)) if place in present | {0}]
        first = one.order("round_robin", among, TEXT)[0].option.provider
        waited = 0 if first == "p0" else waited + 1
        assert waited < 6


@given(some.integers(1, 7), some.integers(1, 40))
def test_round_robin_is_fair(size: int, requests: int) -> None:
    """Nobody is ever more than one turn ahead."""
    counts = Counter(firsts(chooser(), "round_robin", options(*[1] * size), requests))
    assert max(counts.values()) - min(counts[f"p{n}"] for n in range(size)) <= 1


def test_cost_puts_the_cheapest_first_and_unknown_prices_last() -> None:
    """Free is cheapest of all."""
    prices = {"dear": "2", "unknown": None, "free": "0", "cheap": "0.004"}
    among = [
        Option(name, name, 1, None if price is None else float(price), place)
        for place, (name, price) in enumerate(prices.items())
    ]
    ranked = chooser().order("cost", among, TEXT)
    assert [(one.option.name, one.why) for one in ranked] == [
        ("free", "cheapest: free"),
        ("cheap", "0.004 USD"),
        ("dear", "2 USD"),
        ("unknown", "price unknown"),
    ]


def test_equal_prices_are_decided_by_speed_and_then_by_chance() -> None:
    """Nobody of the same price gets everything by standing first in the file."""
    among = [Option(name, name, 1, 1.0, n) for n, name in enumerate(["slow", "a", "b"])]
    one = chooser()
    one.begun("slow", "text")
    one.ended("slow", "text", succeeded=True, seconds=9)
    counts = Counter(firsts(one, "cost", among, 200))
    assert set(counts) == {"a", "b"}
    assert min(counts.values()) > 60
