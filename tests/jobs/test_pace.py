"""When to ask how work stands: closely when it may be done, hardly before."""

from __future__ import annotations

from anymedia.jobs.pace import ENOUGH, MOST_SILENT_SECONDS, Durations, Expected, pause
from anymedia.providers.spec import Pace

PACE = Pace(first_seconds=2.0, factor=1.5, longest_seconds=15.0)
MIDDLE = 0.5


def asked(takes: float, expected: Expected | None) -> tuple[int, float]:
    """How often work that takes so long is asked about, and how late its end is seen."""
    elapsed, polls = 0.0, 0
    while True:
        elapsed += pause(PACE, elapsed=elapsed, expected=expected, chance=MIDDLE)
        polls += 1
        if elapsed >= takes:
            return polls, elapsed - takes


def test_without_knowledge_questions_become_rarer() -> None:
    """As the adapter says."""
    waits = [pause(PACE, elapsed=elapsed, expected=None, chance=MIDDLE) for elapsed in (0, 2, 100)]
    assert waits == [2.0, 3.0, 15.0]


def test_knowledge_saves_most_questions_and_sees_the_end_as_soon() -> None:
    """Clips that took 90 to 120 seconds."""
    expected = Expected(early_seconds=90.0, usual_seconds=100.0)
    blind, _ = asked(101.0, None)
    knowing, late = asked(101.0, expected)
    assert knowing <= blind * 0.6
    assert late <= 5.5


def test_what_is_overdue_is_asked_about_less_and_less() -> None:
    """Up to the longest that the adapter says."""
    expected = Expected(early_seconds=8.0, usual_seconds=10.0)
    waits = [
        pause(PACE, elapsed=elapsed, expected=expected, chance=MIDDLE)
        for elapsed in (10.0, 100.0, 1000.0)
    ]
    assert waits == [2.0, 4.5, 15.0]


def test_nothing_is_silent_for_ever() -> None:
    """Callers want to see that it goes on."""
    expected = Expected(early_seconds=1800.0, usual_seconds=2000.0)
    wait = pause(PACE, elapsed=0, expected=expected, chance=1.0)
    assert MOST_SILENT_SECONDS < wait <= 1.1 * MOST_SILENT_SECONDS


def test_questions_are_spread() -> None:
    """What began together is not asked about together for ever."""
    waits = {pause(PACE, elapsed=0, expected=None, chance=n / 10) for n in range(11)}
    assert len(waits) == 11
    assert min(waits) >= 1.8
    assert max(waits) <= 2.2


def test_a_few_say_nothing_yet() -> None:
    """Then the quickest and the usual are known, of the latest."""
    durations = Durations()
    for _ in range(ENOUGH - 1):
        durations.learn("acme", "clip-1", 10.0)
    assert durations.expected("acme", "clip-1") is None
    durations.learn("acme", "clip-1", 50.0)
    assert durations.expected("acme", "clip-1") == Expected(10.0, 10.0)
    for _ in range(100):
        durations.learn("acme", "clip-1", 30.0)
    assert durations.expected("acme", "clip-1") == Expected(30.0, 30.0)
    assert durations.expected("acme", "clip-2") is None
