"""Which budgets an attempt falls under, looked up quickly."""

from __future__ import annotations

from collections.abc import Sequence

from anymedia.budgets.budget import NANO, Budget, Spender
from anymedia.budgets.period import FOREVER, span_of
from anymedia.contracts.budget import BudgetSettings

MOST_REMEMBERED = 10_000


class Concerns:
    """The budgets of the configuration, by who spends and when."""

    def __init__(self, settings: Sequence[BudgetSettings]) -> None:
        self.settings = tuple(settings)
        self._of_each: dict[str, list[BudgetSettings]] = {}
        self._named: dict[tuple[str, str], list[BudgetSettings]] = {}
        for one in self.settings:
            of_scope = self._of_each.setdefault(one.scope, [])
            if one.name is None:
                of_scope.append(one)
            else:  # there may be one for each of many keys
                self._named.setdefault((one.scope, one.name), []).append(one)
        self._found: dict[Spender, tuple[float, float, tuple[Budget, ...]]] = {}

    def find(self, spender: Spender, at: float) -> tuple[Budget, ...]:
        """Every budget that something spent at this moment counts against."""
        if not self.settings:
            return ()
        found = self._found.get(spender)
        if found is not None and found[0] <= at < found[1]:
            return found[2]
        budgets = self._look(spender, at)
        since = max((one.starts for one in budgets), default=0.0)
        until = min((one.ends for one in budgets), default=FOREVER)
        if found is None and len(self._found) >= MOST_REMEMBERED:
            self._found.clear()
        self._found[spender] = (since, until, budgets)
        return budgets

    def _look(self, spender: Spender, at: float) -> tuple[Budget, ...]:
        return tuple(
            budget_of(settings, subject, at)
            for scope in self._of_each
            for subject in spender.subjects(scope)
            for settings in self._for(scope, subject).values()
        )

    def _for(self, scope: str, subject: str) -> dict[str, BudgetSettings]:
        """The budgets of one subject, by period."""
        found: dict[str, BudgetSettings] = {}
        for settings in self._of_each.get(scope, ()):
            found.setdefault(settings.period, settings)
        for settings in self._named.get((scope, subject), ()):
            found[settings.period] = settings
        return found

    def of(self, scope: str, subject: str, period: str, at: float) -> Budget | None:
        """The budget that one subject has in a scope."""
        found = self._for(scope, subject).get(period)
        return None if found is None else budget_of(found, subject, at)

    def named(self, at: float) -> tuple[Budget, ...]:
        """Those that exist before anybody has spent anything."""
        return tuple(
            budget_of(one, one.name or "", at)
            for one in self.settings
            if one.name is not None or one.scope == "all"
        )


def budget_of(settings: BudgetSettings, subject: str, at: float) -> Budget:
    """A budget of one subject, in the period that a moment lies in."""
    span = span_of(settings.period, at, settings.time_zone)
    zone = "" if settings.period == "total" else settings.time_zone
    return Budget(
        settings=settings,
        subject=subject,
        key=f"{settings.scope}|{settings.period}|{zone}|{span.name}|{subject}",
        starts=span.starts,
        ends=span.ends,
        limit=int(settings.limit_usd * NANO),
    )
