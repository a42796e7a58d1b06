"""A submission without an answer goes out again under its key: what the repetition's answer proves."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.errors import ContentRefused
from anymedia.providers.spec import Repeat
from tests.jobs.test_course import CLIP, Bench, done, ended, states, taken
from tests.support.transport import answer, cut, unreachable

pytestmark = pytest.mark.usefixtures("each_database")
AGAIN = {"recovery": Repeat()}


def keys(bench: Bench) -> list[str]:
    """The idempotency key of every submission."""
    return [one.headers["Idempotency-Key"] for one in bench.transport.sent if one.method == "POST"]


@pytest.mark.parametrize(
    "turned_away",
    [
        answer({"message": "slow down"}, 429),
        answer({"message": "a request with this key is in progress"}, 409),
        unreachable(),
    ],
    ids=["busy", "in progress", "not reached"],
)
def test_who_turns_a_repetition_away_may_have_taken_the_first_one_on(
    tmp_path: Path, turned_away: Any
) -> None:
    """It is asked on under the same key; another key would be a second purchase."""
    bench = Bench(tmp_path, cut(), turned_away, taken(), done(), CLIP, ways=AGAIN)
    result, job = ended(bench)
    assert len(keys(bench)) == 3
    assert len(set(keys(bench))) == 1
    assert states(job) == [("acme", "succeeded")]
    assert result.cost.amount == Decimal("0.50")


def test_who_judges_what_a_repetition_asks_for_has_not_taken_the_first_one_on(
    tmp_path: Path,
) -> None:
    """It would have known the key: nothing is owed."""
    blocked = answer({"error": {"code": "blocked", "message": "not this"}}, 400)
    bench = Bench(tmp_path, cut(), blocked, ways=AGAIN)
    error, job = ended(bench)
    assert isinstance(error, ContentRefused)
    assert states(job) == [("acme", "rejected")]
    assert job.cost.amount == 0
