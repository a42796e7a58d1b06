"""Told once, and not for every shiver."""

from __future__ import annotations

import itertools
import json

from hypothesis import given, strategies as st
from tests.support.clock import START, FakeClock

from anymedia.contracts.resilience import Alert, AlertSettings
from anymedia.resilience.alerting import HOLD_SECONDS, Alerts, message, restored_at

WEBHOOK = AlertSettings(below=0.7, webhook_url="https://ops.example/hook")


def test_a_score_that_hovers_about_the_mark_is_told_once() -> None:
    """A hundred crossings of the mark itself, none of the line above it."""
    clock, told = FakeClock(), list[tuple[str, AlertSettings]]()
    alerts = Alerts((WEBHOOK,), clock, lambda alert, settings: told.append((alert.kind, settings)))
    for _ in range(100):
        clock.advance(120)
        alerts.look("veo", 0.69)
        alerts.look("veo", 0.74)
    assert told == [("health-degraded", WEBHOOK)]
    alerts.look("veo", 0.75)
    clock.advance(HOLD_SECONDS)
    alerts.look("veo", 0.75)
    assert [kind for kind, _ in told] == ["health-degraded", "health-restored"]


@given(st.lists(st.tuples(st.floats(0, 90), st.floats(0, 1)), max_size=80), st.floats(0.01, 1))
def test_alerts_alternate_and_keep_their_distance(
    looks: list[tuple[float, float]], below: float
) -> None:
    """Degraded, restored, degraded: never two alike in a row, never two within the hold."""
    clock, told = FakeClock(), list[Alert]()
    alerts = Alerts((AlertSettings(below=below),), clock, lambda alert, _: told.append(alert))
    for gap, score in looks:
        clock.advance(gap)
        alerts.look("veo", score)
    kinds = [one.kind for one in told]
    assert kinds == (["health-degraded", "health-restored"] * len(kinds))[: len(kinds)]
    for first, second in itertools.pairwise(told):
        assert (second.at - first.at).total_seconds() >= HOLD_SECONDS - 0.001


def test_a_mark_near_one_can_still_be_left_behind() -> None:
    """The line above it stays reachable."""
    assert restored_at(0.7) == 0.75
    assert 0.98 < restored_at(0.98) < 1.0
    assert restored_at(1.0) == 1.0


def test_a_removed_mark_is_forgotten_and_a_kept_one_is_not() -> None:
    """Otherwise a change of settings would alarm everybody again."""
    clock, told = FakeClock(), list[Alert]()
    other = AlertSettings(below=0.5)
    alerts = Alerts((WEBHOOK, other), clock, lambda alert, _: told.append(alert))
    alerts.look("veo", 0.1)
    alerts.change((WEBHOOK,))
    alerts.change((WEBHOOK, other))
    clock.advance(HOLD_SECONDS)
    alerts.look("veo", 0.1)
    assert [one.below for one in told] == [0.7, 0.5, 0.5]
    alerts.forget("veo")
    alerts.look("veo", 0.1)
    assert [one.below for one in told] == [0.7, 0.5, 0.5, 0.7, 0.5]


def test_the_message_is_a_small_event_with_an_id_that_stays() -> None:
    """What a webhook receives."""
    alert = Alert(kind="health-degraded", provider="veo", score=0.61, below=0.7, at=START)
    assert message(alert) == message(alert)
    assert json.loads(json.dumps(message(alert))) == {
        "id": "health-degraded:veo:0.7:20261121T120000000000",
        "type": "health.degraded",
        "timestamp": "2026-11-21T12:00:00+00:00",
        "data": {"provider": "veo", "score": 0.61, "below": 0.7},
    }
