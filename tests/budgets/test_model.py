"""Whatever is done in whatever order: budgets agree with a page of arithmetic."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings, strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from anymedia.budgets.budget import Reserved
from anymedia.contracts.budget import BudgetSettings
from tests.budgets.workbench import DOLLAR, KINDS, Bench, Kind, bench, budget, kinds, spender
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state

CALLERS = ("ann", "ben")
PROVIDERS = ("acme", "other")
CENTS = st.integers(0, 700)


class Sums:
    """The page of arithmetic: what is spent and reserved, by whom and when."""

    def __init__(self) -> None:
        self.limits = {"key": 1000, "provider": 1500}
        self.spent: dict[tuple[str, str, int], int] = {}
        self.open: dict[str, tuple[int, tuple[tuple[str, str, int], ...]]] = {}

    def places(self, caller: str, provider: str, day: int) -> tuple[tuple[str, str, int], ...]:
        return (("key", caller, day), ("provider", provider, day))

    def committed(self, place: tuple[str, str, int]) -> int:
        reserved = sum(amount for amount, places in self.open.values() if place in places)
        return self.spent.get(place, 0) + reserved

    def fits(self, places: tuple[tuple[str, str, int], ...], amount: int) -> bool:
        return amount == 0 or all(
            self.committed(place) + amount <= self.limits[place[0]] for place in places
        )

    def end(self, attempt: str, amount: int) -> None:
        for place in self.open.pop(attempt)[1]:
            self.spent[place] = self.spent.get(place, 0) + amount

    def configured(self) -> tuple[BudgetSettings, ...]:
        return tuple(budget(str(limit / 100), scope=scope) for scope, limit in self.limits.items())


class Machine(RuleBasedStateMachine):
    """One or two processes and the page."""

    kind: Kind = "memory"
    processes = 1

    def __init__(self) -> None:
        super().__init__()
        self.sums = Sums()
        self.clock = FakeClock()
        self.day = 0
        self.count = 0
        self.owner: dict[str, Bench] = {}
        self.ended: list[str] = []
        self.runner = asyncio.Runner()
        self.stack = AsyncExitStack()
        self.directory = Path(tempfile.mkdtemp())
        self.benches = self.run(self.opened())

    def run(self, what: Any) -> Any:
        return self.runner.run(what)

    async def opened(self) -> list[Bench]:
        fields: dict[str, Any] = {}
        if self.kind not in {"memory", "redis"}:
            fields["directory"] = self.directory
        if self.kind == "redis":
            fields["state"] = fresh_state()
        return [
            await self.stack.enter_async_context(
                bench(self.kind, *self.sums.configured(), clock=self.clock, **fields)
            )
            for _ in range(self.processes)
        ]

    def teardown(self) -> None:
        for one in self.benches:
            self.run(one.budgets.close())
        self.run(self.stack.aclose())
        self.runner.close()
        shutil.rmtree(self.directory)

    @rule(
        caller=st.sampled_from(CALLERS), provider=st.sampled_from(PROVIDERS), cents=CENTS,
        process=st.integers(0, 1),
    )  # fmt: skip
    def reserve(self, caller: str, provider: str, cents: int, process: int) -> None:
        self.count += 1
        attempt, one = f"a{self.count}", self.benches[process % self.processes]
        places = self.sums.places(caller, provider, self.day)
        fits = self.sums.fits(places, cents)
        answer = self.run(one.reserve(attempt, cents / 100, spender(caller, provider=provider)))
        got = isinstance(answer, Reserved)
        if self.kind.startswith("allowance"):
            assert fits or not got, "more was reserved than there is"
            if fits and not got:  # then another has been lent it
                for each in self.benches:
                    self.run(each.budgets.tend())
                    self.run(each.budgets.tend())
                self.clock.advance(1)
                again = one.reserve(attempt, cents / 100, spender(caller, provider=provider))
                got = isinstance(self.run(again), Reserved)
        assert got == fits
        if got:
            if self.kind.startswith("ledger"):  # as whoever reserves there does
                row = {"attempt_id": attempt, "owner": caller, "provider": provider}
                self.run(one.enter(entry="reserve", **row))
            self.sums.open[attempt] = (cents, places)
            self.owner[attempt] = one

    @precondition(lambda self: self.sums.open)
    @rule(data=st.data(), cents=CENTS)
    def settle(self, data: st.DataObject, cents: int) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.sums.open)))
        for _ in range(2):
            self.run(self.owner[attempt].settle(attempt, cents / 100))
        self.sums.end(attempt, cents)
        self.ended.append(attempt)

    @precondition(lambda self: self.sums.open)
    @rule(data=st.data())
    def release(self, data: st.DataObject) -> None:
        attempt = data.draw(st.sampled_from(sorted(self.sums.open)))
        self.run(self.owner[attempt].budgets.release(attempt))
        self.sums.end(attempt, 0)

    @rule(caller=st.sampled_from(CALLERS), cents=st.integers(-100, 100))
    def correct(self, caller: str, cents: int) -> None:
        self.count += 1
        who = spender(caller)
        places = self.sums.places(caller, "acme", self.day)
        if any(place not in self.sums.spent for place in places):
            return  # an account that is not there begins with what the ledger says
        for one in self.benches:
            amount = cents * DOLLAR // 100
            self.run(one.budgets.correct(f"c{self.count}", who, amount, at=self.clock.now()))
        for place in places:
            self.sums.spent[place] += cents

    @rule(hours=st.integers(1, 20))
    def wait(self, hours: int) -> None:
        self.clock.advance(hours * 3600)
        self.day = int((12 + self.clock.monotonic() / 3600) // 24)

    @rule(process=st.integers(0, 1))
    def tend(self, process: int) -> None:
        self.run(self.benches[process % self.processes].budgets.tend())

    @rule(key=st.integers(100, 1500), provider=st.integers(100, 2000))
    def change(self, key: int, provider: int) -> None:
        self.sums.limits = {"key": key, "provider": provider}
        for one in self.benches:
            one.budgets.configure(self.sums.configured())

    @invariant()
    def everything_adds_up(self) -> None:
        if self.count % 5:
            return
        for one in self.benches:
            self.run(one.budgets.standing())
        for stands in self.run(self.benches[0].budgets.standing()):
            place = (stands.scope, stands.name, self.day)
            assert (stands.spent + stands.reserved) * 100 == self.sums.committed(place)


@pytest.mark.parametrize(
    ("examples", "processes", "kind"),
    [
        pytest.param(examples, processes, *one.values, marks=one.marks)
        for (examples, processes), one in zip(
            [(60, 1), (15, 2), (25, 2), (25, 2), (2, 2), (2, 2)],
            kinds(*KINDS),
            strict=True,
        )
    ],
)
def test_budgets_agree_with_arithmetic(kind: Kind, examples: int, processes: int) -> None:
    """Reserving, settling, refunds, midnight, other limits, in any order and two processes."""
    machine = type("Two", (Machine,), {"kind": kind, "processes": processes})
    run_state_machine_as_test(
        machine, settings=settings(max_examples=examples, stateful_step_count=25, deadline=None)
    )
