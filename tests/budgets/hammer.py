"""One of several processes that spend from one budget as much as they can; prints what it spent.

Arguments: allowance, ledger or redis; directory or URL; namespace; name; callers; dollars of the
limit; `hang` to stop after a while with everything under way, or the file that is the provider's
invoice.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from pathlib import Path

from anymedia.budgets.allowance import AllowanceBudgets
from anymedia.budgets.budget import Budgets, Reserved, Spender
from anymedia.budgets.redis import RedisBudgets
from anymedia.budgets.tally import FOLDER, Tally
from anymedia.clock import SystemClock
from anymedia.contracts.budget import BudgetSettings
from anymedia.contracts.configuration import StateSettings
from anymedia.state.redis import RedisLink
from anymedia.store.budgets import LedgerBudgets
from tests.support.postgres import database_in

ANN = Spender("ann", ("film",), "acme", "words-1", "text")
DEAREST = 30_000_000
"""Nano-dollars that a call may cost; most cost less."""


def settings(limit: str) -> tuple[BudgetSettings, ...]:
    """One budget that is reached and one that is not, which never begin anew meanwhile."""
    return tuple(
        BudgetSettings.model_validate({"scope": scope, "period": "total", "limit_usd": usd})
        for scope, usd in (("key", limit), ("provider", "1000"))
    )


async def hammer(
    kind: str, where: str, namespace: str, name: str, callers: int, limit: str
) -> None:
    """So many callers at once, each until it has been refused several times in a row."""
    clock, chance = SystemClock(), random.Random(name)
    database = database_in(Path(where))
    budgets: Budgets
    if kind == "redis":
        state = StateSettings(redis_url=where, namespace=namespace, timeout_seconds=10.0)
        link = RedisLink(state, clock=clock, report=lambda said: print(said, file=sys.stderr))
        budgets = RedisBudgets(settings(limit), link=link, clock=clock)
    else:
        budgets = bank = LedgerBudgets(settings(limit), database=database, clock=clock)
        if kind.startswith("allowance"):
            budgets = AllowanceBudgets(bank, Tally(Path(where) / FOLDER), clock=clock)
    got = {"spent": 0, "calls": 0, "refused": 0, "alone": 0, "in_flight": 0}
    more = sys.argv[7]
    hanging = more == "hang"
    invoice = os.open(more, os.O_WRONLY | os.O_APPEND | os.O_CREAT) if more and not hanging else -1

    async def call(attempt_id: str) -> bool:
        answer = await budgets.reserve(attempt_id, ANN, DEAREST)
        if not isinstance(answer, Reserved):
            return False
        got["alone"] += not answer.shared
        await asyncio.sleep(chance.random() * 0.002)
        cost = chance.randrange(DEAREST // 5, DEAREST)
        if invoice >= 0:
            os.write(invoice, f"{cost}\n".encode())
        got["spent"] += cost
        got["calls"] += 1
        await budgets.settle(attempt_id, cost)
        return True

    print("ready", flush=True)
    await asyncio.to_thread(sys.stdin.readline)

    async def caller(number: int) -> None:
        refusals = count = 0
        while refusals < 5 and not (hanging and got["calls"] > 100):
            count += 1
            if await call(f"{name} {number} {count}"):
                refusals = 0
            else:
                refusals += 1
                got["refused"] += 1
                await budgets.tend()
                await asyncio.sleep(0.1)
        if hanging and isinstance(
            await budgets.reserve(f"{name} {number}", ANN, DEAREST), Reserved
        ):
            got["in_flight"] += DEAREST

    await asyncio.gather(*[caller(number) for number in range(callers)])
    if hanging:
        print(json.dumps(got), flush=True)
        await asyncio.sleep(3600)
    await budgets.close()
    await database.close()
    if kind == "redis":
        await link.close()
    print(json.dumps(got))


if __name__ == "__main__":
    asyncio.run(
        hammer(sys.argv[1], sys.argv[2], sys.argv[3], sys.argv[4], int(sys.argv[5]), sys.argv[6])
    )
