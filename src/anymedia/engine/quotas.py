"""Which limits an attempt falls under, and what it is likely to take of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from anymedia.contracts.configuration import Settings
from anymedia.contracts.limit import Limits, LimitSettings
from anymedia.engine.candidate import Candidate
from anymedia.engine.connection import Connection
from anymedia.engine.estimating import expected_usage
from anymedia.limits.claim import Claim, Rule, Rules, distinct

MICRO = 1_000_000
MOST_REMEMBERED = 10_000
NO_KEYS: Mapping[str, Limits] = MappingProxyType({})


class Quotas:
    """The limits of the configuration and of keys, by who is asked for what by whom."""

    def __init__(self, settings: Settings, of_keys: Mapping[str, Limits] = NO_KEYS) -> None:
        self._settings = settings
        self.of_keys = of_keys
        """What single keys may ask for, on top of what the configuration says."""
        self._found: dict[tuple[str, str, str | None], Rules] = {}
        self._of_callers: dict[str, Rule | None] = {}

    def rules(self, connection: Connection, model_id: str, caller: str | None) -> Rules:
        """Everything that counts an attempt at a model."""
        key = (connection.label, model_id, caller)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= MOST_REMEMBERED:
                self._found.clear()
            rules = (
                own_rule(connection),
                *(
                    rule
                    for one in self._settings.limits
                    if (rule := rule_of(one, connection, model_id, caller)) is not None
                ),
                *self._own(caller),
            )
            # The caller's own is the same one wherever it is looked up: a count that is found by two
            # plans would go back and forth between them.
            own = self.of_caller(caller) if caller is not None else None
            found = self._found[key] = Rules(
                own if own is not None and own == rule else rule for rule in distinct(rules)
            )
        return found

    def of_caller(self, caller: str) -> Rule | None:
        """What counts everything that a caller asks for, whoever answers; if anything does."""
        if caller in self._of_callers:
            return self._of_callers[caller]
        if len(self._of_callers) >= MOST_REMEMBERED:
            self._of_callers.clear()
        said = [
            Rule(f"caller:{caller}", one)
            for one in self._settings.limits
            if one.scope == "caller" and one.name in {None, caller}
        ]
        found = next(iter(distinct((*said, *self._own(caller)))), None)
        self._of_callers[caller] = found
        return found

    def _own(self, caller: str | None) -> tuple[Rule, ...]:
        """The limits of a key of its own: counted with those that the configuration gives it."""
        limits = self.of_keys.get(caller) if caller is not None else None
        return () if limits is None else (Rule(f"caller:{caller}", limits),)

    def claim(self, candidate: Candidate, caller: str | None, claim_id: str) -> Claim:
        """What one attempt wants; tokens and dollars only where somebody counts them."""
        rules = self.rules(candidate.connection, candidate.model_id, caller)
        tokens = micro_usd = 0
        if any(counts_tokens(rule.limits) for rule in rules):
            usage = expected_usage(candidate.request, candidate.model)
            tokens = (usage.input_tokens or 0) + (usage.output_tokens or 0)
        if any(counts_money(rule.limits) for rule in rules):
            micro_usd = int((candidate.estimate.amount or 0) * MICRO)
        return Claim(id=claim_id, rules=rules, tokens=tokens, micro_usd=micro_usd)

    def slots(
        self, connection: Connection, model_id: str, caller: str | None, claim_id: str
    ) -> Claim | None:
        """The places that work under way holds, if anybody counts them."""
        rules = self.rules(connection, model_id, caller)
        if all(rule.limits.concurrent is None for rule in rules):
            return None
        return Claim(id=claim_id, rules=rules)


def own_rule(connection: Connection) -> Rule:
    """The limits that stand at the provider; each of its credentials has as much."""
    return Rule(own_key(connection), connection.configured.limits)


def own_key(connection: Connection) -> str:
    """What the provider itself counts together: requests with one credential."""
    who = f"#{connection.credential}" if connection.credential else ""
    return f"provider:{connection.name}{who}"


def rule_of(
    one: LimitSettings, connection: Connection, model_id: str, caller: str | None
) -> Rule | None:
    """A limit of the configuration, if it is about this attempt."""
    match one.scope:
        case "provider":
            subject: str | None = connection.name
        case "credential":
            subject = f"{connection.name}#{connection.credential}"
        case "model":
            subject = f"{connection.name}/{model_id}"
        case "caller":
            subject = caller or "local"
        case "all":
            subject = ""
    if one.name is not None and one.name != subject:
        return None
    return Rule(f"{one.scope}:{subject}", one)


def counts_tokens(limits: Limits) -> bool:
    """Whether anything is counted by tokens."""
    return bool(limits.tokens_per_minute or limits.tokens_per_hour or limits.tokens_per_day)


def counts_money(limits: Limits) -> bool:
    """Whether anything is counted by money."""
    return bool(limits.usd_per_minute or limits.usd_per_hour or limits.usd_per_day)
