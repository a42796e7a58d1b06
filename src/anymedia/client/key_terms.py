"""What keys may ask for and spend of their own, followed by every process that works for them.

Keys are made and changed in a gateway or on the command line; their jobs and batches are carried
on by any process on the same database. Each looks the keys up every few seconds, while it has
anything to do for one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from anymedia.clock import Clock
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.errors import StorageFailed
from anymedia.contracts.key import VirtualKey
from anymedia.contracts.limit import Limits
from anymedia.store import keys as rows
from anymedia.store.database import Database

LOOK_SECONDS = 2.0
NONE = Limits()


class KeyTerms:
    """The limits and budgets that stand at keys."""

    def __init__(
        self,
        database: Callable[[], Database],
        clock: Clock,
        hold_to: Callable[[Mapping[str, Limits], tuple[BudgetSettings, ...]], None],
    ) -> None:
        self._database = database
        self._clock = clock
        self._hold_to = hold_to
        self._heard_at = float("-inf")
        self._limits: dict[str, Limits] = {}
        self._budgets: tuple[BudgetSettings, ...] = ()

    async def known(self) -> None:
        """Look them up, unless that was just now. What cannot be read stays as it was."""
        if self._clock.monotonic() - self._heard_at < LOOK_SECONDS:
            return
        with suppress(StorageFailed):
            self.heard(await self._database().read(rows.every))

    def heard(self, keys: Iterable[VirtualKey]) -> None:
        """Every key there is, revoked ones too: their jobs go on."""
        self._heard_at = self._clock.monotonic()
        own = [one for one in keys if one.budgets or one.limits != NONE]
        limits = {one.id: one.limits for one in own if one.limits != NONE}
        budgets = tuple(budget for one in own for budget in budgets_of(one))
        if limits != self._limits or budgets != self._budgets:
            self._limits, self._budgets = limits, budgets
            self._hold_to(limits, budgets)


def budgets_of(key: VirtualKey) -> tuple[BudgetSettings, ...]:
    """A key's own budgets as the configuration would name them."""
    return tuple(BudgetSettings(scope="key", name=key.id, **dict(one)) for one in key.budgets)
