"""What is tallied for counters comes out as if each of it had been counted by itself."""

from __future__ import annotations

from decimal import Decimal

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest

from anymedia.gateway.metrics import SECONDS, Metrics, Tally

TIMES = (0.0, 0.005, 0.0051, 0.3, 59.0, 60.0, 299.0, 301.0, 0.02)


def families(registry: CollectorRegistry) -> str:
    """All samples but the times at which they were made."""
    lines = generate_latest(registry).decode().splitlines()
    return "\n".join(line for line in lines if "_created" not in line)


def counters(registry: CollectorRegistry) -> tuple[Counter, Histogram, Counter, Counter, Counter]:
    """One of each."""
    return (
        Counter("answers", "-", registry=registry),
        Histogram("seconds", "-", buckets=SECONDS, registry=registry),
        Counter("went_in", "-", registry=registry),
        Counter("came_out", "-", registry=registry),
        Counter("usd", "-", registry=registry),
    )


def test_a_tally_poured_out_is_what_was_observed_one_by_one() -> None:
    """Counts, every bucket, sums, tokens and dollars; poured in two goes."""
    single, poured = CollectorRegistry(), CollectorRegistry()
    count, seconds, went_in, came_out, usd = counters(single)
    tally = Tally(*counters(poured))
    for time in TIMES:
        count.inc()
        seconds.observe(time)
        went_in.inc(9)
        came_out.inc(3)
        usd.inc(0.5)
        tally.add(time)
        tally.spent(9, 3, Decimal("0.5"))
        if time == TIMES[3]:
            tally.pour()
    tally.pour()
    tally.pour()
    assert families(poured) == families(single)


def test_whoever_looks_sees_everything_that_has_been_counted() -> None:
    """At once, in this process."""
    metrics = Metrics()
    metrics.began()
    metrics.began()
    metrics.ended("/v1/chat/completions", "POST", 200, 0.2, kind="generation")
    said = metrics.text((), {}).decode()
    assert 'status="200"} 1.0' in said
    assert "anymedia_http_requests_under_way 1.0" in said
    assert metrics.summary()["total_requests"] == 1
