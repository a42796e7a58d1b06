"""`anymedia costs`: the bill, for people, programs and spreadsheets."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.cli.running import Cli


@pytest.fixture
def spent(cli: Cli) -> Cli:
    """Some requests that were paid for, at prices that echo reports, and one that failed."""
    for words in (["--option", "cost=0.25"], ["--option", "cost=0.05"], ["--option", "fail=auth"]):
        cli("generate", "text", "hello", *words)
    cli("generate", "speech", "Good morning.", "--option", "cost=0.10")
    return cli


def test_costs_add_up(spent: Cli) -> None:
    """Texts from the journal, media from the jobs: one bill."""
    report = spent("costs", "--by", "media", "--json").json
    lines = {line["group"]: line for line in report["lines"]}
    assert Decimal(lines["text"]["amount"]) == Decimal("0.30")
    assert (lines["text"]["requests"], lines["text"]["failed"]) == (3, 1)
    assert Decimal(lines["speech"]["amount"]) == Decimal("0.10")
    assert Decimal(report["total"]["amount"]) == Decimal("0.40")


def test_costs_are_a_table_for_people(spent: Cli) -> None:
    """With the total below."""
    ran = spent("costs")
    assert ran.code == 0
    assert "PROVIDER" in ran.out
    assert ran.out.splitlines()[-1].startswith("total")
    assert "$0.40" in ran.out


def test_costs_are_lines_for_spreadsheets(spent: Cli) -> None:
    """A header, the groups, the total."""
    lines = spent("costs", "--by", "model", "--csv").out.splitlines()
    assert lines[0].startswith("model,amount,requests")
    assert lines[-1].startswith("total,0.4")


def test_a_time_without_costs_says_so(spent: Cli) -> None:
    """And one that makes no sense is refused with those that do."""
    assert "nothing" in spent("costs", "--until", "2020-01-01").err
    ran = spent("costs", "--since", "yesterday-ish")
    assert ran.code == 2
    assert "7d" in ran.err
    assert spent("costs", "--csv", "--json").code == 2
