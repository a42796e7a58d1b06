"""Second tries are a share of first ones, whatever happens."""

from __future__ import annotations

from hypothesis import given, strategies as st
from tests.support.clock import FakeClock

from anymedia.contracts.resilience import RetryBudget
from anymedia.resilience.retry_budget import MOST_KEYS, SpareTries

STEPS = st.lists(
    st.tuples(st.floats(0, 4, allow_nan=False), st.integers(0, 8), st.integers(0, 8)), max_size=40
)


@given(
    STEPS,
    st.sampled_from([0.0, 0.1, 0.5, 1.0, 2.5]),
    st.sampled_from([0.0, 0.3, 1.0]),
    st.sampled_from([1.0, 3.7, 10.0]),
)
def test_never_more_than_the_share_and_the_minimum(
    steps: list[tuple[float, int, int]], ratio: float, minimum: float, window: float
) -> None:
    """At every moment at which one is granted, for the window that ends there."""
    clock = FakeClock()
    budget = SpareTries(
        RetryBudget(ratio=ratio, minimum_per_second=minimum, window_seconds=window), clock
    )
    firsts: list[float] = []
    spares: list[float] = []
    for gap, asked_first, asked_again in steps:
        clock.advance(gap)
        now = clock.monotonic()
        for _ in range(asked_first):
            budget.first()
            firsts.append(now)
        for _ in range(asked_again):
            if budget.spare("veo"):
                spares.append(now)
                within = [at for at in firsts if at > now - window]
                taken = [at for at in spares if at > now - window]
                assert len(taken) <= ratio * len(within) + minimum * window


def test_an_outage_is_met_with_a_fifth_more_and_not_with_twice_as_much() -> None:
    """A hundred requests a second that all fail and would all be tried three times."""
    clock = FakeClock()
    budget = SpareTries(RetryBudget(ratio=0.2, minimum_per_second=1.0), clock)
    spared = 0
    for _ in range(6000):
        clock.advance(0.01)
        budget.first()
        spared += budget.spare("veo") + budget.spare("veo")
    assert 1000 < spared <= 0.2 * 6000 + 1.0 * 60 + 0.2 * 1000 + 10
    assert budget.granted == {"veo": spared}
    assert budget.refused == {"veo": 12000 - spared}


def test_a_single_request_may_be_tried_again_though_it_is_the_only_one() -> None:
    """The minimum is for those who ask seldom; it is used up too."""
    budget = SpareTries(
        RetryBudget(ratio=0.2, minimum_per_second=0.3, window_seconds=10), FakeClock()
    )
    budget.first()
    assert [budget.spare() for _ in range(4)] == [True, True, True, False]


def test_what_was_spent_is_there_again_a_window_later() -> None:
    """And not before."""
    clock = FakeClock()
    budget = SpareTries(RetryBudget(ratio=0, minimum_per_second=0.1, window_seconds=10), clock)
    assert budget.spare()
    clock.advance(9.9)
    assert not budget.spare()
    clock.advance(0.7)
    assert budget.spare()


def test_another_budget_does_not_give_back_what_was_spent() -> None:
    """A longer window begins with what was taken in the shorter."""
    clock = FakeClock()
    budget = SpareTries(RetryBudget(ratio=1, minimum_per_second=0.1, window_seconds=10), clock)
    budget.first()
    assert [budget.spare(), budget.spare(), budget.spare()] == [True, True, False]
    budget.change(RetryBudget(ratio=1, minimum_per_second=0.1, window_seconds=30))
    assert [budget.spare(), budget.spare()] == [True, False]
    budget.change(RetryBudget(ratio=1, minimum_per_second=1, window_seconds=30))
    assert budget.spare()


def test_the_count_of_who_asked_is_bounded() -> None:
    """Names beyond the most are not remembered; the budget is the same for all."""
    budget = SpareTries(RetryBudget(), FakeClock())
    for number in range(MOST_KEYS + 100):
        budget.spare(str(number))
    assert len(budget.granted) + len(budget.refused) <= 2 * MOST_KEYS
    assert len(budget.refused) == MOST_KEYS
