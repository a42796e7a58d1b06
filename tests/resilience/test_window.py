"""Counting the last seconds in little memory."""

from __future__ import annotations

from hypothesis import given, strategies as st

from anymedia.resilience.window import SLOTS, Counts, Window

GAPS = st.floats(0, 100, allow_nan=False)


@given(st.lists(st.tuples(GAPS, st.booleans(), st.booleans()), max_size=60), GAPS)
def test_it_counts_what_a_list_of_everything_would(
    events: list[tuple[float, bool, bool]], last: float
) -> None:
    """Nothing older than promised, and everything that is younger than eleven twelfths of it."""
    window = Window(60.0, 0.0)
    now, listed = 0.0, []
    for gap, failed, slow in events:
        now += gap
        window.add(now, failed=failed, slow=slow)
        listed.append((now, failed, slow))
    now += last
    counted = window.counts(now)
    sure = [one for one in listed if now - one[0] <= 60.0 * (SLOTS - 1) / SLOTS]
    maybe = [one for one in listed if now - one[0] <= 60.0]
    for position, number in enumerate(counted):
        parts = (
            [[1, *one[1:]][position] for one in sure],
            [[1, *one[1:]][position] for one in maybe],
        )
        assert sum(parts[0]) <= number <= sum(parts[1])


def test_a_long_silence_leaves_nothing_and_a_clock_that_goes_back_loses_nothing() -> None:
    """Late events are counted as of now."""
    window = Window(60.0, 1000.0)
    window.add(1000.0, failed=1)
    window.add(900.0, failed=1)
    assert window.counts(900.0) == Counts(2, 2, 0)
    assert window.counts(1e9) == Counts(0, 0, 0)


def test_another_length_keeps_what_is_known() -> None:
    """As if it had happened now."""
    window = Window(60.0, 0.0)
    window.add(0.0, failed=1)
    window.add(30.0, slow=1)
    longer = window.resized(600.0, 50.0)
    assert longer.counts(550.0) == Counts(2, 1, 1)
    assert longer.counts(700.0) == Counts(0, 0, 0)
