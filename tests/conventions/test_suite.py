"""Every provider keeps the contract, as far as it can be tried here."""

from __future__ import annotations

import pytest

from anymedia.providers import registry
from anymedia.testing.doubles import DOUBLES
from anymedia.testing.suite import suite_for


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_a_provider_keeps_the_contract(name: str) -> None:
    """Against its double; what a double does not do is skipped with its reason."""
    outcomes = suite_for(name).run()
    wrong = [f"{one.case}: {one.reason}" for one in outcomes if one.verdict == "failed"]
    assert wrong == []
    if name in DOUBLES:
        assert any(one.verdict == "passed" for one in outcomes)
    assert all(one.reason for one in outcomes if one.verdict == "skipped")
