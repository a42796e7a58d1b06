"""How well providers do, and that it shows when they do not."""

from __future__ import annotations

from datetime import timedelta

import pytest
from tests.support.clock import START, FakeClock

from anymedia.contracts.resilience import Alert, AlertSettings, HealthSettings
from anymedia.resilience.health import HISTORY_MINUTES, Health


class Ward:
    """Health with a clock of its own and the alerts it gave."""

    def __init__(self, **fields: object) -> None:
        self.clock = FakeClock()
        self.alerts: list[Alert] = []
        self.health = Health(
            HealthSettings.model_validate(fields),
            self.clock,
            tell=lambda alert, _: self.alerts.append(alert),
        )

    def calls(
        self,
        good: int = 0,
        bad: int = 0,
        *,
        seconds: float | None = 1.0,
        expected: float | None = None,
        gap: float = 1.0,
    ) -> None:
        """Requests, the good ones first."""
        for succeeded in [True] * good + [False] * bad:
            self.clock.advance(gap)
            self.health.observed(
                "veo", succeeded=succeeded, seconds=seconds, expected_seconds=expected
            )

    @property
    def score(self) -> float:
        return self.health.score("veo")


def test_a_provider_that_nobody_has_used_is_healthy_and_nearly_as_good_as_the_best() -> None:
    """Unknown is not bad: it says that nothing is known, and stays that way."""
    ward = Ward()
    unknown = ward.health.report("veo")
    assert (unknown.healthy, unknown.health_score, unknown.seen_at) == (True, 0.95, None)
    assert (unknown.parts.success, unknown.parts.latency, unknown.parts.freshness) == (1, 1, 0)
    assert ward.health.idle_seconds("veo") is None
    assert ward.health.history("veo") == ()


def test_one_that_works_has_the_best_score_and_one_that_fails_is_unhealthy() -> None:
    """The first failure ever is not yet a verdict; the third is."""
    ward = Ward()
    ward.calls(good=50)
    assert ward.score == 1.0
    bad = Ward()
    healthy = []
    for _ in range(3):
        bad.calls(bad=1)
        healthy.append(bad.health.report("veo").healthy)
    assert healthy == [True, True, False]
    report = bad.health.report("veo")
    assert (report.calls, report.failures, report.seen_at) == (3, 3, bad.clock.now())


def test_half_of_the_requests_is_the_line() -> None:
    """With all else well, every second success is just enough and every third is not."""
    half, third = Ward(), Ward()
    for _ in range(100):
        half.calls(good=1, bad=1)
        third.calls(good=1, bad=2)
    assert half.health.report("veo").healthy
    assert not third.health.report("veo").healthy


def test_an_open_circuit_is_never_healthy() -> None:
    """Whatever the score; half open is a matter of the score again."""
    ward = Ward()
    ward.calls(good=10)
    report = ward.health.report("veo", "open", 12.5)
    assert (report.healthy, report.circuit_state, report.retry_after) == (False, "open", 12.5)
    assert ward.health.report("veo", "half_open").healthy


def test_what_is_older_weighs_less() -> None:
    """After ten half-lives nothing is left of a bad hour but that it is not fresh."""
    ward = Ward(half_life_seconds=60)
    ward.calls(bad=50)
    assert ward.score < 0.1
    ward.clock.advance(60)
    once = ward.score
    ward.clock.advance(540)
    assert 0.1 > once > 0.0
    assert ward.score == pytest.approx(0.95, abs=0.03)


def test_a_brown_out_shows_although_every_request_succeeds() -> None:
    """Normal here are two seconds; at eight it is slow, whatever other providers take."""
    ward = Ward()
    ward.calls(good=3600, seconds=2.0)
    assert ward.health.report("veo").parts.latency == 1.0
    ward.calls(good=3600, seconds=8.0)
    report = ward.health.report("veo")
    assert report.parts.latency < 0.2
    assert report.parts.success == pytest.approx(1.0)
    assert report.healthy
    assert 0.69 < report.health_score < 0.77
    ward.calls(good=1500, seconds=2.0)
    assert ward.score > 0.99


def test_what_is_slow_for_days_becomes_the_normal() -> None:
    """It is not coming back; there is nothing to wait for."""
    ward = Ward()
    ward.calls(good=1000, seconds=2.0, gap=10)
    ward.calls(good=3 * 8640, seconds=8.0, gap=10)
    assert ward.score > 0.99


def test_short_and_long_answers_in_turn_are_no_brown_out() -> None:
    """The mean of a mixture is its normal."""
    ward = Ward()
    for _ in range(500):
        ward.calls(good=1, seconds=0.5)
        ward.calls(good=1, seconds=20.0)
    assert ward.health.report("veo").parts.latency == 1.0


def test_a_slow_provider_that_is_always_slow_is_not_punished() -> None:
    """Two minutes are normal for a render, and shaking a little is normal too."""
    ward = Ward()
    for _ in range(50):
        ward.calls(good=1, seconds=100.0, gap=30)
        ward.calls(good=1, seconds=140.0, gap=30)
    assert ward.health.report("veo").parts.latency == 1.0


def test_large_requests_among_small_ones_are_no_brown_out_when_their_length_was_expected() -> None:
    """First small ones, then large ones, each as long as it should take."""
    ward = Ward()
    ward.calls(good=1000, seconds=10.0, expected=10.0)
    ward.calls(good=1000, seconds=300.0, expected=290.0)
    assert ward.health.report("veo").parts.latency == 1.0
    ward.calls(good=900, seconds=1500.0, expected=290.0)
    assert ward.health.report("veo").parts.latency < 0.3


def test_failures_and_silence_say_nothing_about_pace() -> None:
    """A refused connection is fast and a timeout is as long as our patience."""
    ward = Ward()
    ward.calls(good=50, seconds=1.0)
    ward.calls(bad=50, seconds=600.0)
    assert ward.health.report("veo").parts.latency == 1.0


def test_what_says_nothing_is_fresh_news_all_the_same() -> None:
    """A refused prompt shows that somebody is there, and counts as no call."""
    ward = Ward()
    ward.health.observed("veo", succeeded=None, seconds=1.0)
    report = ward.health.report("veo")
    assert (report.parts.freshness, report.calls, report.parts.success) == (1.0, 0, 1.0)


def test_a_full_limit_costs_a_little_and_passes() -> None:
    """Used up now; room again within a minute."""
    ward = Ward()
    ward.calls(good=10)
    ward.health.saturated("veo", 0.7)
    assert ward.health.report("veo").parts.saturation == 1.0
    ward.health.saturated("veo", 1.0)
    assert ward.health.report("veo").parts.saturation == 0.0
    assert ward.score == pytest.approx(0.85)
    ward.clock.advance(30)
    assert ward.health.report("veo").parts.saturation == pytest.approx(0.5)
    ward.clock.advance(30)
    assert ward.health.report("veo").parts.saturation == 1.0


def test_what_is_on_its_way_is_counted() -> None:
    """And never below zero."""
    ward = Ward()
    ward.health.started("veo")
    ward.health.started("veo")
    ward.health.ended("veo")
    assert ward.health.report("veo").in_flight == 1
    ward.health.ended("veo")
    ward.health.ended("veo")
    assert ward.health.report("veo").in_flight == 0


def test_history_has_one_score_a_minute_for_a_day() -> None:
    """The last of each minute; what is older than a day is gone."""
    ward = Ward()
    ward.calls(good=3, gap=10)
    ward.calls(bad=2, gap=10)
    minute = START.replace(second=0, microsecond=0)
    first = ward.health.history("veo")
    assert len(first) == 1
    assert first[0][0] == minute
    assert first[0][1] == ward.health.report("veo").health_score
    for _ in range(HISTORY_MINUTES + 5):
        ward.clock.advance(60)
        ward.health.look()
    series = ward.health.history("veo")
    assert len(series) == HISTORY_MINUTES
    assert series[-1][0] - series[0][0] == timedelta(minutes=HISTORY_MINUTES - 1)


def test_falling_below_a_mark_and_coming_back_are_told_once_each() -> None:
    """However long it stays there."""
    ward = Ward(alerts=[{"below": 0.7}], half_life_seconds=60)
    ward.calls(good=20)
    ward.calls(bad=100)
    ward.calls(good=400)
    assert [(one.kind, one.provider, one.below) for one in ward.alerts] == [
        ("health-degraded", "veo", 0.7),
        ("health-restored", "veo", 0.7),
    ]
    assert ward.alerts[0].score < 0.7
    assert ward.alerts[1].score >= 0.75
    assert ward.alerts[0].at < ward.alerts[1].at


def test_marks_are_for_one_provider_or_for_all() -> None:
    """Each mark has a memory of its own."""
    ward = Ward(
        alerts=[
            {"below": 0.9},
            {"below": 0.5, "provider": "veo"},
            {"below": 0.8, "provider": "pika"},
        ]
    )
    ward.calls(bad=20)
    assert sorted(one.below for one in ward.alerts) == [0.5, 0.9]


def test_silence_alarms_nobody() -> None:
    """A mark above what an unknown provider has: nobody asked, so nothing is wrong."""
    ward = Ward(alerts=[{"below": 0.99}])
    ward.calls(good=20)
    for _ in range(100):
        ward.clock.advance(600)
        ward.health.look()
    assert ward.score < 0.96
    assert ward.alerts == []


def test_one_that_recovers_unseen_is_told_as_restored_by_looking_now_and_then() -> None:
    """The old failures fade, without a request."""
    ward = Ward(alerts=[{"below": 0.5}], half_life_seconds=60)
    ward.calls(bad=20)
    for _ in range(100):
        ward.clock.advance(10)
        ward.health.look()
    assert [one.kind for one in ward.alerts] == ["health-degraded", "health-restored"]


def test_other_settings_keep_what_is_known() -> None:
    """New marks hold at once; a new half-life begins its averages anew, the counts stay."""
    ward = Ward()
    ward.calls(bad=5)
    ward.health.change(HealthSettings(alerts=(AlertSettings(below=0.9),)))
    ward.health.look()
    assert len(ward.alerts) == 1
    ward.health.change(HealthSettings(half_life_seconds=10))
    report = ward.health.report("veo")
    assert (report.failures, report.parts.success) == (5, 1.0)
    ward.health.forget("veo")
    assert ward.health.report("veo").calls == 0
