"""Paid requests whose outcome nobody knows, and how a person decides."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.openai import OpenAIDouble
from tests.cli.running import Cli

WORDS = ("generate", "image", "a fox", "--model", "openai/gpt-image-2")


@pytest.fixture
def double() -> Iterator[OpenAIDouble]:
    """A provider that has no way to find out."""
    double = OpenAIDouble()
    with serving(double):
        yield double


@pytest.fixture
def lost(cli: Cli, double: OpenAIDouble) -> str:
    """A picture that was made and billed, and whose answer was lost on the way."""
    configured = ProviderSettings.model_validate(
        {"name": "openai", "api_key": double.key, "base_url": f"{double.base_url}/v1"}
    )
    cli.settings = Settings(providers=(configured,))
    double.fail(Fault(path="/v1/images", status=502, body=b"<html></html>", after_accepting=True))
    ran = cli(*WORDS)
    assert ran.code == 3, ran.err
    assert "anymedia jobs resolve job_" in ran.err
    (job,) = cli("jobs", "list", "--json").json
    assert (job["status"], job["cost"]["basis"]) == ("outcome_unknown", "pending")
    return str(job["id"])


def test_it_is_neither_repeated_nor_refunded(lost: str, cli: Cli, double: OpenAIDouble) -> None:
    """One submission, one line on the invoice, whatever is done with the job."""
    assert cli("jobs", "wait", lost).code == 3
    assert cli("jobs", "work", "--until-idle").code == 0
    assert double.record.count("POST", "/v1/images") == 1
    assert len(double.record.invoice) == 1


def test_a_person_says_that_it_was_not_accepted(lost: str, cli: Cli, double: OpenAIDouble) -> None:
    """Then it costs nothing and is made once more."""
    ran = cli("jobs", "resolve", lost, "not_accepted", "--json")
    assert ran.code == 0, ran.err
    assert cli("jobs", "wait", lost, "-o", "fox.png").code == 0
    assert cli.file("fox.png").startswith(b"\x89PNG")
    job = cli("jobs", "show", lost, "--json").json
    assert [one["state"] for one in job["attempts"]] == ["not_sent", "succeeded"]
    assert double.record.count("POST", "/v1/images") == 2


def test_a_person_gives_it_up(lost: str, cli: Cli, double: OpenAIDouble) -> None:
    """It ends as failed; that it may have cost something stays written."""
    ran = cli("jobs", "resolve", lost, "abandoned")
    assert ran.code == 0, ran.err
    job = cli("jobs", "show", lost, "--json").json
    assert job["status"] == "failed"
    assert job["cost"]["basis"] == "pending"
    assert double.record.count("POST", "/v1/images") == 1


def test_only_what_is_unknown_can_be_resolved(cli: Cli) -> None:
    """A job that has ended well is told so."""
    pytest.importorskip("av", reason="needs anymedia[echo]")
    job_id = cli("generate", "audio", "rain", "--duration", "1", "--detach").out.strip()
    assert cli("jobs", "wait", job_id).code == 0
    ran = cli("jobs", "resolve", job_id, "abandoned")
    assert ran.code == 2
    assert "succeeded" in ran.err
