"""Who is asked without a reason of its own, and when."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.resilience import HealthSettings
from anymedia.resilience.probing import Watched, due, next_look

EVERY_MINUTE = HealthSettings(probe_seconds=60)


def test_nobody_is_asked_unless_it_is_configured() -> None:
    """Probes are off by default."""
    everybody = [Watched("veo"), Watched("pika", circuit_state="open", retry_after=1.0)]
    assert due(everybody, HealthSettings()) == ()
    assert next_look(everybody, HealthSettings()) is None


@pytest.mark.parametrize(
    ("watched", "asked"),
    [
        (Watched("veo"), True),
        (Watched("veo", idle_seconds=60), True),
        (Watched("veo", idle_seconds=59.9), False),
        (Watched("veo", idle_seconds=600, probed_seconds=59), False),
        (Watched("veo", idle_seconds=600, probed_seconds=60), True),
        (Watched("veo", probed_seconds=1), False),
        (Watched("veo", idle_seconds=600, circuit_state="open", retry_after=30), False),
        (Watched("veo", idle_seconds=1, circuit_state="open", retry_after=5), True),
        (Watched("veo", 1, 3, circuit_state="open", retry_after=2), False),
        (Watched("veo", 1, 30, circuit_state="open", retry_after=2), True),
        (Watched("veo", idle_seconds=60, circuit_state="half_open"), True),
    ],
)
def test_idle_ones_and_those_whose_pause_ends_are_asked(watched: Watched, asked: bool) -> None:
    """Not those with traffic, not those that are left alone on purpose, none twice in a row."""
    assert due([watched], EVERY_MINUTE) == (("veo",) if asked else ())


def test_the_one_that_has_waited_longest_comes_first() -> None:
    """Never seen at all is longest."""
    some = [Watched("pika", 70), Watched("veo", 90), Watched("luma"), Watched("kling", 10)]
    assert due(some, EVERY_MINUTE) == ("luma", "veo", "pika")


@given(
    st.builds(
        Watched,
        st.just("veo"),
        st.none() | st.floats(0, 300),
        st.none() | st.floats(0, 300),
        st.sampled_from(["closed", "half_open", "open"]),
        st.none() | st.floats(0, 300),
    )
)
def test_it_is_due_exactly_when_the_next_look_is_now(watched: Watched) -> None:
    """So who sleeps until the next look neither misses one nor spins."""
    wait = next_look([watched], EVERY_MINUTE)
    assert wait is not None
    assert bool(due([watched], EVERY_MINUTE)) == (wait == 0)


def test_with_nobody_to_watch_the_next_look_is_an_interval_away() -> None:
    """Somebody may be added."""
    assert next_look([], EVERY_MINUTE) == 60
