"""Every provider keeps the contract, as far as it can be tried here."""

from __future__ import annotations

import json
import urllib.request

import pytest

from anymedia.providers import registry
from anymedia.testing.double import serving
from anymedia.testing.doubles import DOUBLES, double_of
from anymedia.testing.suite import Case, ProviderTestSuite, suite_for


@pytest.mark.parametrize("name", sorted({*registry.BUILT_IN, *registry.rows()}))
def test_a_provider_keeps_the_contract(name: str) -> None:
    """Against its double; what a double does not do is skipped with its reason."""
    outcomes = suite_for(name).run()
    wrong = [f"{one.case}: {one.reason}" for one in outcomes if one.verdict == "failed"]
    assert wrong == []
    if name in DOUBLES:
        assert any(one.verdict == "passed" for one in outcomes)
    assert all(one.reason for one in outcomes if one.verdict == "skipped")


@pytest.mark.parametrize("name", sorted(DOUBLES))
def test_a_double_tells_what_it_remembers(name: str) -> None:
    """At an address of its own, whatever other addresses it has."""
    double = double_of(name)
    with serving(double) as address, urllib.request.urlopen(f"{address}/_double") as answer:
        assert json.load(answer) == {"requests": [], "invoice": []}


def test_a_provider_that_fails_in_another_way_does_not_pass() -> None:
    """Whatever it was asked to do wrong has to be told as what it is."""
    suite = ProviderTestSuite(
        "echo", scripts={"rate limit": {"fail": "server"}, "refusal": {"fail": "credits"}}
    )
    told = suite.run([Case("rate limit", "image"), Case("refusal", "text")])
    assert [one.verdict for one in told] == ["failed", "failed"]
    assert "ProviderUnavailable" in told[0].reason


def test_every_request_of_the_suite_has_a_name_of_its_own() -> None:
    """A provider that takes it as a key would answer one case with the job of another."""
    double = double_of("bedrock")
    outcomes = ProviderTestSuite("bedrock", lambda: double).run()
    assert {one.verdict for one in outcomes} == {"passed"}
    tokens = [body["clientRequestToken"] for body in double.record.bodies if "modelInput" in body]
    assert len(tokens) == len(set(tokens)) > 2
