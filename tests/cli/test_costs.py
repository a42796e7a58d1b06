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


def test_an_invoice_is_laid_beside_the_ledger(spent: Cli) -> None:
    """What does not agree is shown; with `--correct` the ledger follows, and then all agree."""
    lines = spent("costs", "--by", "job", "--json").json["lines"]
    job = next(line["group"] for line in lines if line["group"].startswith("job_"))
    attempts = spent("costs", "reconcile", str(invoice(spent, "id,usd\nnone,1\n")), "--json").json
    assert (attempts["missing"], attempts["matched"]) == (1, 0)
    assert spent("costs", "settle", job, "0.12").out.startswith("settled; job_")
    report = spent("costs", "--by", "media", "--json").json
    assert Decimal(report["total"]["amount"]) == Decimal("0.42")
    day = report["lines"] and spent("costs", "--by", "day", "--json").json["lines"][0]["group"]
    whole = f"day,model,cost\n{day},clear-voice,0.13\n"
    ran = spent("costs", "reconcile", str(invoice(spent, whole)), "-p", "echo")
    assert ran.code == 1
    assert "0 matched" in ran.out


def invoice(cli: Cli, text: str) -> object:
    """A file with it."""
    path = cli.directory / "invoice.csv"
    path.write_text(text)
    return path


def test_a_bad_invoice_is_refused_with_its_line(spent: Cli) -> None:
    """And one that is not there."""
    ran = spent("costs", "reconcile", str(invoice(spent, "id,usd\nx,much\n")))
    assert (ran.code, "line 2 of the invoice" in ran.err) == (2, True)
    ran = spent("costs", "reconcile", "nowhere.csv")
    assert (ran.code, "nowhere.csv" in ran.err) == (2, True)


def test_quality_and_replay_are_tables_and_documents(spent: Cli) -> None:
    """For people, programs and spreadsheets."""
    assert "echo/hello" in spent("costs", "quality").out
    assert spent("costs", "quality", "--json").json["lines"][0]["attempts"] == 3
    assert spent("costs", "quality", "--csv").out.startswith("provider,model")
    table = spent("costs", "replay", "--strategy", "cost", "--since", "1d").out
    assert table.splitlines()[1].startswith("as it was")
    assert spent("costs", "replay", "--json").json["requests"] == 3
    assert spent("costs", "replay", "--strategy", "luck").code == 2


def test_costs_can_be_narrowed(spent: Cli) -> None:
    """And days counted in a zone."""
    found = spent("costs", "--media", "speech", "--time-zone", "Asia/Tokyo", "--json").json
    assert (Decimal(found["total"]["amount"]), found["time_zone"]) == (
        Decimal("0.10"),
        "Asia/Tokyo",
    )
    assert spent("costs", "--time-zone", "Mars").code == 2


def test_help_of_the_group_lists_its_commands(cli: Cli) -> None:
    """Asking for help does not ask for the bill."""
    from anymedia.cli.app import completed

    assert completed(["costs", "--by", "day"]) == ["costs", "report", "--by", "day"]
    assert completed(["costs", "--help"]) == ["costs", "--help"]
    assert completed(["costs", "settle", "x", "1"]) == ["costs", "settle", "x", "1"]
