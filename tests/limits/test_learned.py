"""What is read from the headers of responses."""

from __future__ import annotations

import pytest
from hypothesis import example, given, strategies as st

from anymedia.limits.learned import LONGEST_SECONDS, Learned, read_limits
from tests.support.clock import START


def test_durations_of_requests_and_tokens() -> None:
    """`6m0s` and `20ms`, whatever the case of the names."""
    headers = {
        "X-RateLimit-Limit-Requests": "60",
        "x-ratelimit-limit-tokens": "150000",
        "x-ratelimit-remaining-requests": "59",
        "x-ratelimit-remaining-tokens": "149984",
        "x-ratelimit-reset-requests": "20ms",
        "x-ratelimit-reset-tokens": "6m0s",
    }
    assert set(read_limits(headers, START)) == {
        Learned("requests", 59, 60, 0.02),
        Learned("tokens", 149_984, 150_000, 360.0),
    }


def test_times_of_day_with_any_prefix() -> None:
    """Input and output tokens apart; the prefix is whoever's."""
    headers = [
        ("acme-ratelimit-requests-limit", "50"),
        ("acme-ratelimit-requests-remaining", "49"),
        ("acme-ratelimit-requests-reset", "2026-11-21T12:00:30Z"),
        ("acme-ratelimit-input-tokens-remaining", "0"),
        ("acme-ratelimit-input-tokens-reset", "2026-11-21T13:00:00+00:30"),
        ("acme-ratelimit-output-tokens-remaining", "7"),
        ("acme-ratelimit-output-tokens-reset", "2026-11-21T12:00:00"),
        ("acme-ratelimit-tokens-remaining", "8"),
        ("acme-ratelimit-tokens-reset", "2020-01-01T00:00:00Z"),
    ]
    assert set(read_limits(headers, START)) == {
        Learned("requests", 49, 50, 30.0),
        Learned("input_tokens", 0, None, 1_800.0),
        Learned("output_tokens", 7, None, None),
        Learned("tokens", 8, None, 0.0),
    }


@pytest.mark.parametrize("prefix", ["", "X-"])
@pytest.mark.parametrize(
    ("reset", "seconds"),
    [
        ("30", 30.0),
        ("1.5", 1.5),
        (str(int(START.timestamp()) + 45), 45.0),
        (str((int(START.timestamp()) + 45) * 1_000), 45.0),
        ("99999999", LONGEST_SECONDS),
        ("soon", None),
    ],
)
def test_the_common_headers(prefix: str, reset: str, seconds: float | None) -> None:
    """Resets as seconds, as a time since 1970, also in milliseconds, or unreadable."""
    headers = {
        f"{prefix}RateLimit-Limit": "100, 100;w=60",
        f"{prefix}RateLimit-Remaining": "42",
        f"{prefix}RateLimit-Reset": reset,
    }
    assert read_limits(headers, START) == (Learned("requests", 42, 100, seconds),)


def test_the_structured_fields() -> None:
    """Several policies; one counts bytes, one is per caller of theirs, neither is for us."""
    headers = {
        "RateLimit": '"burst";r=5;t=3, "daily";r=900;t=4000, "size";r=1;t=1, bare;r=2',
        "RateLimit-Policy": '"burst";q=10;w=5, "daily";q=1000;w=86400,"size";q=9;qu="content-bytes"',
    }
    assert read_limits(headers, START) == (
        Learned("requests", 5, 10, 3.0),
        Learned("requests", 900, 1_000, 4_000.0),
        Learned("requests", 2, None, None),
    )


def test_the_older_structured_field() -> None:
    """Three numbers in one header."""
    headers = {"ratelimit": "limit=100, remaining=0, reset=30"}
    assert read_limits(headers, START) == (Learned("requests", 0, 100, 30.0),)


def test_other_headers_say_nothing() -> None:
    """Nor do limits without what remains of them."""
    headers = {"content-type": "application/json", "x-ratelimit-limit": "5", "ratelimit": "?!"}
    assert read_limits(headers, START) == ()


NAMES = st.sampled_from(
    [
        "RateLimit", "RateLimit-Policy", "ratelimit-limit", "ratelimit-remaining",
        "ratelimit-reset", "x-ratelimit-remaining-tokens", "x-ratelimit-reset-tokens",
        "a-ratelimit-tokens-remaining", "a-ratelimit-tokens-reset",
    ]
)  # fmt: skip
VALUES = st.one_of(
    st.text(),
    st.text(alphabet='0123456789;,=."rtqw -+smhTZ:eE'),
    st.integers().map(str),
    st.floats().map(str),
    st.datetimes().map(lambda moment: moment.isoformat() + "Z"),
)


@given(st.lists(st.tuples(NAMES, VALUES)))
@example([("ratelimit-remaining", "9" * 5_000), ("ratelimit-reset", "1e999")])
@example([("a-ratelimit-tokens-remaining", "1"), ("a-ratelimit-tokens-reset", "0001-01-01T00:00Z")])
@example([("RateLimit", '"a";r=1' + " ;" * 2_000 + '"')])
def test_whatever_a_stranger_writes_is_read_or_passed_over(headers: list[tuple[str, str]]) -> None:
    """Never an exception, and never a number that cannot be waited or counted."""
    for learned in read_limits(headers, START):
        assert 0 <= learned.remaining < 2**63
        assert learned.reset_seconds is None or 0 <= learned.reset_seconds <= LONGEST_SECONDS
