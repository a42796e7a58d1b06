"""A provider that fails, and one that is well: every request is answered, few are lost."""

from __future__ import annotations

import pytest

from anymedia.testing.failing import REQUESTS, THRESHOLD, courses


@pytest.mark.parametrize("fault", ["server", "rate_limit", "slow", "cut stream"])
def test_a_failing_provider_costs_a_few_tries_and_no_answer(fault: str) -> None:
    """Whatever the strategy."""
    for strategy, course in courses(fault).items():
        assert course.answered == REQUESTS, strategy
        assert course.lost <= THRESHOLD, strategy
