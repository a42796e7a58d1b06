"""`anymedia costs`: what was spent, and what is not known yet."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import csv as writing
import io
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.words import dollars, table
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.ledger import CostLine, Costs, CostsBy, Spent

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.budget import BudgetStanding

TOLD = (
    "amount",
    "requests",
    "failed",
    "input_tokens",
    "output_tokens",
    "unpriced",
    "pending",
    "pending_amount",
    "pending_unbounded",
)
"""The columns of `--csv`, after the group."""


async def costs(
    *,
    by: Annotated[CostsBy, Parameter(help="What sums are told apart by.")] = "provider",
    since: Annotated[
        str | None, Parameter(help="From when on: `7d`, `24h`, `2026-11-01`; all unless said.")
    ] = None,
    until: Annotated[str | None, Parameter(help="Up to when, likewise.")] = None,
    csv: Annotated[bool, Parameter(help="Comma-separated lines, for spreadsheets.")] = False,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """What was spent: by provider, model, media, key, tag or day."""
    if csv and setup.json:
        raise InvalidRequest("`--csv` and `--json` exclude each other; choose one")
    async with session.client(setup) as client:
        found = await client.costs(by, since=since, until=until)
        budgets = await client.budgets()
    if setup.json:
        session.json(found.model_dump(mode="json"))
    elif csv:
        session.print(separated(found))
    elif found.lines:
        head = (by.upper(), "COST", "REQUESTS", "FAILED", "TOKENS IN", "TOKENS OUT")
        session.print(table(head, [*map(row, found.lines), ("total", *sums(found.total))]))
        remarks(session, found.total)
    else:
        session.tell("nothing was spent in that time")
    if budgets and not (setup.json or csv):
        session.print("")
        head = ("BUDGET", "SPENT", "RESERVED", "LEFT", "OF", "STARTS ANEW")
        session.print(table(head, map(standing, budgets)))


def standing(budget: BudgetStanding) -> tuple[str, ...]:
    """One budget, as it stands now."""
    name = f"{budget.scope} {budget.name}".rstrip()
    anew = "never" if budget.resets_at is None else f"{budget.resets_at:%Y-%m-%d %H:%M}"
    amounts = (budget.spent, budget.reserved, budget.left, budget.limit)
    return f"{name}, {budget.period}", *map(dollars, amounts), anew


def row(line: CostLine) -> tuple[str, ...]:
    """One group."""
    return (line.group, *sums(line))


def sums(spent: Spent) -> tuple[str, ...]:
    """The sums of a group, as people read them."""
    counts = (spent.requests, spent.failed, spent.input_tokens, spent.output_tokens)
    return (dollars(spent.amount), *(f"{count:,}" for count in counts))


def remarks(session: Session, total: Spent) -> None:
    """What the amount leaves out, said beside it."""
    if total.pending:
        bound = f", {dollars(total.pending_amount)} reserved" if total.pending_amount else ""
        open_ended = (
            f", {total.pending_unbounded} without a bound" if total.pending_unbounded else ""
        )
        session.tell(f"not in it: {total.pending} pending{bound}{open_ended}")
    if total.unpriced:
        session.tell(f"not in it: {total.unpriced} answered, with no known price")


def separated(found: Costs) -> str:
    """The same as comma-separated lines, the total last."""
    out = io.StringIO()
    writer = writing.writer(out, lineterminator="\n")
    writer.writerow((found.by, *TOLD))
    for group, spent in [*((line.group, line) for line in found.lines), ("total", found.total)]:
        writer.writerow((group, *(getattr(spent, name) for name in TOLD)))
    return out.getvalue().rstrip("\n")
