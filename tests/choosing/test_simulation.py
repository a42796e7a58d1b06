"""Whole days of requests on virtual time: what is claimed of strategies, in small."""

from __future__ import annotations

from pathlib import Path

import pytest
from benchmarks.routing.measures import PERIODS, Measured, measured, targets
from benchmarks.routing.policies import REFERENCES
from benchmarks.routing.providers import setting_of
from benchmarks.routing.simulation import simulate
from benchmarks.routing.workload import (
    AS_CODE,
    AS_CONVERSATIONS,
    clips,
    generated,
    text_workloads,
)

POLICIES = ("adaptive", "adaptive, no breaker", "cost", *REFERENCES, "oracle")


@pytest.fixture(scope="module")
def table() -> dict[str, Measured]:
    """Some policies, on generated conversations, with one seed."""
    workload = generated("conv", AS_CONVERSATIONS, 5).cut(8000)
    return {one.policy: one for one in measured([[workload]], POLICIES)}


def test_adaptive_is_close_to_one_who_knows_everything(table: dict[str, Measured]) -> None:
    """Where nothing happens, what it spends on learning is little."""
    assert table["adaptive"].steady_loss < 1.10 * table["oracle"].steady_loss


@pytest.mark.parametrize("period", PERIODS)
def test_adaptive_is_better_than_every_reference_under_faults(
    table: dict[str, Measured], period: str
) -> None:
    """In every kind of trouble, on the same requests with the same luck."""
    references = {name: table[name].losses[period] for name in REFERENCES}
    assert table["adaptive"].losses[period] < min(references.values()), references


def test_every_request_is_served_while_somebody_can(table: dict[str, Measured]) -> None:
    """Failover finds who is well."""
    assert table["adaptive"].success > 0.99
    assert table["cost"].success > 0.99


def test_a_dead_provider_gets_at_most_one_request_in_a_hundred(table: dict[str, Measured]) -> None:
    """With circuit breakers hardly any.

    Without them a few more: requests that were put in order before the outage was noticed.
    """
    with_breaker = table["adaptive"].wasted_after_notice
    without = table["adaptive, no breaker"].wasted_after_notice
    assert with_breaker is not None
    assert without is not None
    assert with_breaker <= 1.0
    assert with_breaker < without < 2.0
    thoughtless = table["ref: random"].wasted_after_notice
    assert thoughtless is not None
    assert thoughtless > 3.0


def test_targets_say_by_how_much_they_are_reached(table: dict[str, Measured]) -> None:
    """One line for every promise, and none is true by being left out."""
    reached = targets(list(table.values()))
    assert len(reached) == 3 + len(PERIODS)
    assert all(one.kept for one in reached if "served whenever" in one.words)


def test_adaptive_brings_clips_through_troubles() -> None:
    """Few requests that take minutes: less to learn from, and it is still worth it."""
    setting = setting_of(clips(5, count=1200), 5)
    mean = {}
    for policy in ("adaptive", *REFERENCES):
        results = simulate(policy, setting, 5).results
        mean[policy] = sum(one.loss for one in results) / len(results)
    assert min(mean, key=lambda policy: mean[policy]) == "adaptive"


def test_a_simulation_depends_on_its_seed_alone() -> None:
    """The same seed twice is the same to the last figure, another seed is not."""
    setting = setting_of(generated("code", AS_CODE, 1).cut(800), 1)
    first, again, other = (simulate("adaptive", setting, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_generated_requests_are_like_those_of_the_traces(tmp_path: Path) -> None:
    """Where the traces are absent; within a quarter of their medians, rate and length."""
    conversations, code = text_workloads(tmp_path, 1)
    for workload, like in ((conversations, AS_CONVERSATIONS), (code, AS_CODE)):
        assert workload.origin == "generated with the statistics of a trace"
        assert workload.seconds == pytest.approx(like.seconds, rel=0.25)
        for sizes, (median, high) in (
            (sorted(one.size_in for one in workload.requests), like.size_in),
            (sorted(one.size_out for one in workload.requests), like.size_out),
        ):
            assert sizes[len(sizes) // 2] == pytest.approx(median, rel=0.25)
            assert sizes[int(len(sizes) * 0.95)] == pytest.approx(high, rel=0.25)


def test_a_trace_is_read_with_its_times_and_sizes(tmp_path: Path) -> None:
    """Seconds since the first row."""
    (tmp_path / "azure-2023-conv.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n"
        "2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:50.9306900,396,109\n"
    )
    conversations = text_workloads(tmp_path, 1)[0]
    assert [(one.at, one.size_in, one.size_out) for one in conversations.requests] == [
        (0.0, 374.0, 44.0),
        (pytest.approx(4.2501), 396.0, 109.0),
    ]
