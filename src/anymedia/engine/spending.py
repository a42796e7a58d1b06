"""Money before it is spent: reserving what an attempt can cost, out of every budget."""

from __future__ import annotations

from math import ceil

from anymedia.budgets.budget import NANO, Budgets, Reached, Spender
from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import BudgetReached
from anymedia.contracts.notice import Notice
from anymedia.engine.candidate import Candidate
from anymedia.engine.pricing import Reckoned
from anymedia.engine.quotas import MICRO


async def reserved(
    budgets: Budgets,
    candidate: Candidate,
    attempt_id: str,
    caller: str | None,
    tags: tuple[str, ...],
) -> list[Notice]:
    """Reserve what an attempt can cost; warnings of budgets that only warn.

    Raises `BudgetReached`.
    """
    spender = Spender(
        caller=caller or "local",
        tags=tags,
        provider=candidate.connection.name,
        model=candidate.model_id,
        medium=candidate.request.medium,
    )
    return await afforded(budgets, spender, attempt_id, nano_usd(candidate.estimate))


async def afforded(
    budgets: Budgets, spender: Spender, attempt_id: str, amount: int | None
) -> list[Notice]:
    """The same for whoever knows already what it can cost, in nano-dollars."""
    answer = await budgets.reserve(attempt_id, spender, amount)
    if isinstance(answer, Reached):
        raise BudgetReached(
            f"`{spender.provider}/{spender.model}` was not asked: {answer.message}",
            provider=spender.provider,
            details={"on_reached": answer.on_reached, "degrade_to": answer.degrade_to},
        )
    return [
        Notice(
            code="budget-exceeded",
            message=f"the budget of {one.settings.scope} `{one.subject}` has been exceeded",
        )
        for one in answer.over
    ]


def nano_usd(cost: Cost | Reckoned | None) -> int | None:
    """A cost as budgets count it, rounded up; `None` when it is not known."""
    if cost is None:
        return None
    if cost.basis == "free":
        return 0
    return None if cost.amount is None else ceil(cost.amount * NANO)


def micro_usd(cost: Cost | Reckoned | None) -> int | None:
    """A cost as limits count it; `None` when it is not known."""
    return None if cost is None or cost.amount is None else int(cost.amount * MICRO)
