"""Which limits an attempt falls under, found once."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from anymedia.contracts.configuration import Settings
from anymedia.contracts.limit import Limits
from anymedia.engine.quotas import Quotas

ACME: Any = SimpleNamespace(
    label="acme", name="acme", credential=None, configured=SimpleNamespace(limits=Limits())
)


def test_a_callers_limits_are_one_rule_wherever_they_are_looked_up() -> None:
    """A count that two rules lead to would be fitted to one and the other again and again."""
    settings = Settings.model_validate({"limits": [{"scope": "caller", "per_minute": 5}]})
    quotas = Quotas(settings, {"key_1": Limits(per_minute=9, per_day=50)})
    rules = quotas.rules(ACME, "m", "key_1")
    own = quotas.of_caller("key_1")
    assert own is not None
    assert own.limits == Limits(per_minute=5, per_day=50)
    assert [rule for rule in rules if rule.key == own.key] == [own]
    assert any(rule is own for rule in rules)
    assert any(rule is own for rule in quotas.rules(ACME, "another", "key_1"))
    assert {rule.key for rule in quotas.rules(ACME, "m", None)} == {"provider:acme", "caller:local"}
