"""`anymedia costs`: what was spent, what is not known yet, and whether the bill adds up."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import csv as writing
import io
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.words import dollars, seconds, shortened, table
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.ledger import CostLine, Costs, CostsBy, Spent
from anymedia.contracts.media import Medium
from anymedia.contracts.quality import QualityLine
from anymedia.contracts.reconciliation import Reconciled, Reconciliation
from anymedia.contracts.route import Strategy

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.base import Contract
    from anymedia.contracts.budget import BudgetStanding

TOLD = tuple(Spent.model_fields)
"""The columns of `--csv`, after the group."""
SHOWN_LINES = 50
"""So many charges of an invoice are shown to people; `--csv` and `--json` have all."""
Csv = Annotated[bool, Parameter(help="Comma-separated lines, for spreadsheets.")]
Zone = Annotated[
    str, Parameter(name="--time-zone", help="Whose midnight begins a day: `Europe/Berlin`.")
]
Since = Annotated[
    str | None, Parameter(help="From when on: `7d`, `24h`, `2026-11-01`; all unless said.")
]
Until = Annotated[str | None, Parameter(help="Up to when, likewise.")]


@Parameter(name="*")
@dataclass(frozen=True, kw_only=True)
class Part:
    """Which part of the ledger is meant."""

    since: Since = None
    until: Until = None
    key: Annotated[str | None, Parameter(help="Only this key's.")] = None
    tag: Annotated[str | None, Parameter(help="Only what has this tag.")] = None
    provider: Annotated[
        str | None, Parameter(name=["--provider", "-p"], help="Only this provider's.")
    ] = None
    model: Annotated[str | None, Parameter(name=["--model", "-m"], help="Only this model's.")] = (
        None
    )
    media: Annotated[Medium | None, Parameter(help="Only this medium.")] = None
    time_zone: Zone = "UTC"

    def narrowed(self) -> dict[str, Any]:
        """As the client takes it."""
        said = {name: value for name, value in vars(self).items() if value is not None}
        if "key" in said:
            said["owner"] = said.pop("key")
        return said


async def report(
    *,
    by: Annotated[CostsBy, Parameter(help="What sums are told apart by.")] = "provider",
    part: Part = Part(),
    csv: Csv = False,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """What was spent: by provider, model, media, key, tag, day or job."""
    one_form(setup, csv=csv)
    async with session.client(setup) as client:
        found = await client.costs(by, **part.narrowed())
        budgets = await client.budgets()
    if setup.json:
        session.json(found.model_dump(mode="json"))
    elif csv:
        session.print(separated(found))
    elif found.lines:
        session.print(table(*columns(found)))
        remarks(session, found.total)
    else:
        session.tell("nothing was spent in that time")
    if not setup.json:
        for warning in found.warnings:
            session.tell(f"warning: {warning}")
    if budgets and not (setup.json or csv):
        session.print("")
        head = ("BUDGET", "SPENT", "RESERVED", "LEFT", "OF", "STARTS ANEW")
        session.print(table(head, map(standing, budgets)))


async def settle(
    name: Annotated[str, Parameter(name="REFERENCE", help="The provider's id, or one of ours.")],
    amount: Annotated[Decimal, Parameter(name="AMOUNT", help="US dollars.")],
    /,
    *,
    provider: Annotated[
        str | None, Parameter(name=["--provider", "-p"], help="Whose id it is.")
    ] = None,
    why: Annotated[str, Parameter(help="Where the amount comes from; kept with it.")] = "",
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Say what an attempt costs, however late: a row more in the ledger."""
    async with session.client(setup) as client:
        found = await client.settle(name, amount, provider=provider, why=why)
    if setup.json:
        session.json(found.model_dump(mode="json"))
        return
    line = found.lines[0]
    open_too = f", {line.pending} still pending" if line.pending else ""
    session.print(f"settled; {line.group} comes to {dollars(line.amount)}{open_too}")


async def reconcile(
    invoice: Annotated[Path, Parameter(name="INVOICE", help="A CSV file with headers.")],
    /,
    *,
    provider: Annotated[
        str | None, Parameter(name=["--provider", "-p"], help="Whose invoice it is.")
    ] = None,
    credit_usd: Annotated[
        Decimal | None, Parameter(help="What a credit costs, where it counts those.")
    ] = None,
    since: Since = None,
    until: Until = None,
    time_zone: Zone = "UTC",
    correct: Annotated[
        bool, Parameter(help="Let the ledger follow the invoice: a row more for each that differs.")
    ] = False,
    csv: Csv = False,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Lay a provider's invoice beside the ledger: matched, differing, missing, unbilled."""
    one_form(setup, csv=csv)
    async with session.client(setup) as client:
        found = await client.reconcile(
            invoice,
            provider=provider,
            credit_usd=credit_usd,
            since=since,
            until=until,
            time_zone=time_zone,
            correct=correct,
        )
    if setup.json:
        session.json(found.model_dump(mode="json"))
    elif csv:
        session.print(rows_of(found.lines))
    else:
        compared(session, found)
    return int(found.differing + found.missing + found.unbilled > found.corrected)


async def replay(
    *,
    strategy: Annotated[
        tuple[Strategy, ...],
        Parameter(help="Which strategies; `cost` and `priority` unless said.", negative=()),
    ] = (),
    part: Part = Part(),
    csv: Csv = False,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """What the same requests would have cost, had they been given to others."""
    one_form(setup, csv=csv)
    async with session.client(setup) as client:
        found = await client.replay(strategy, **part.narrowed())
    if setup.json:
        session.json(found.model_dump(mode="json"))
        return
    if csv:
        session.print(rows_of(found.plans))
        return
    lines = [("as it was", dollars(found.actual), "", str(found.requests), "")]
    lines += [
        (
            one.name,
            dollars(one.amount),
            signed(one.difference),
            str(one.replayed),
            str(one.as_it_was),
        )
        for one in found.plans
    ]
    session.print(table(("PLAN", "COST", "DIFFERENCE", "PRICED", "AS IT WAS"), lines))
    for remark in found.remarks:
        session.tell(f"note: {remark}")


async def quality(
    *, part: Part = Part(), csv: Csv = False, setup: Setup = Setup(), session: Run
) -> None:
    """How well each model has done what was asked, how fast, and for how much."""
    one_form(setup, csv=csv)
    async with session.client(setup) as client:
        found = await client.quality(**part.narrowed())
    if setup.json:
        session.json(found.model_dump(mode="json"))
    elif csv:
        session.print(rows_of(found.lines))
    elif found.lines:
        head = (
            "MODEL", "MEDIA", "ASKED", "DONE", "REFUSED", "FAILED", "AS ASKED", "MEDIAN",
            "9 IN 10", "COST PER",
        )  # fmt: skip
        session.print(table(head, map(graded, found.lines)))
    else:
        session.tell("nothing was asked in that time")


def graded(line: QualityLine) -> tuple[str, ...]:
    """One model as a line."""
    each = {
        "second": line.usd_per_second,
        "image": line.usd_per_image,
        "1k tokens out": line.usd_per_1k_output_tokens,
    }
    shares = (line.completion_rate, line.refusal_rate, line.failure_rate, line.conformance)
    return (
        f"{line.provider}/{line.model}",
        line.media,
        f"{line.attempts:,}",
        *("-" if share is None else f"{share:.1%}" for share in shares),
        *(
            "-" if time is None else seconds(time)
            for time in (line.median_seconds, line.p90_seconds)
        ),
        ", ".join(f"{dollars(usd)}/{what}" for what, usd in each.items() if usd is not None) or "-",
    )


def compared(session: Session, found: Reconciliation) -> None:
    """An invoice beside the ledger, for people: what does not agree, then the sums."""
    differing = [one for one in found.lines if one.agreement != "matched"]
    if differing:
        head = ("", "LINE", "REFERENCE", "MODEL", "DAY", "INVOICED", "RECORDED", "DIFFERENCE")
        session.print(table(head, map(disagreeing, differing[:SHOWN_LINES])))
        if len(differing) > SHOWN_LINES:
            session.tell(f"and {len(differing) - SHOWN_LINES} more; `--csv` has all")
        session.print("")
    session.print(
        f"{found.matched} matched, {found.differing} differing, {found.missing} missing in the "
        f"ledger, {found.unbilled} not on the invoice"
        + (f"; {found.corrected} corrected" if found.corrected else "")
    )
    session.print(
        f"invoiced {dollars(found.invoiced)}, recorded {dollars(found.recorded)}, "
        f"difference {signed(found.difference)}"
    )
    if found.differing > found.corrected == 0:
        session.tell("`--correct` lets the ledger follow the invoice where they differ")


def disagreeing(one: Reconciled) -> tuple[str, ...]:
    """One charge that does not agree."""
    return (
        one.agreement + (" (corrected)" if one.corrected else ""),
        ", ".join(map(str, one.lines[:3])) or "-",
        shortened(one.reference or "-", 40),
        "/".join(filter(None, (one.provider, one.model))) or "-",
        "-" if one.day is None else one.day.isoformat(),
        *("-" if amount is None else dollars(amount) for amount in (one.invoiced, one.recorded)),
        "-" if one.difference is None else signed(one.difference),
    )


def signed(amount: Decimal) -> str:
    """A difference."""
    return ("-" if amount < 0 else "+" if amount else "") + dollars(abs(amount))


def one_form(setup: Setup, *, csv: bool) -> None:
    """Either document, not both."""
    if csv and setup.json:
        raise InvalidRequest("`--csv` and `--json` exclude each other; choose one")


def rows_of(lines: Sequence[Contract]) -> str:
    """Contracts of one kind as comma-separated lines."""
    out = io.StringIO()
    writer = writing.writer(out, lineterminator="\n")
    for number, line in enumerate(lines):
        said = line.model_dump(mode="json")
        if number == 0:
            writer.writerow(said)
        writer.writerow(
            " ".join(map(str, value)) if isinstance(value, list) else value
            for value in said.values()
        )
    return out.getvalue().rstrip("\n")


def columns(found: Costs) -> tuple[Sequence[str], Iterable[Sequence[str]]]:
    """The table: its head and its lines, with what was saved and reported where there is any."""
    total = found.total
    head = [found.by.upper(), "COST", "REQUESTS", "FAILED", "TOKENS IN", "TOKENS OUT"]
    more: list[Callable[[Spent], tuple[str, ...]]] = []
    if total.cached:
        head += ["CACHED", "SAVED"]
        more.append(lambda one: (f"{one.cached:,}", dollars(one.saved)))
    if total.reported:
        head += ["REPORTED", "NOT AS COMPUTED"]
        more.append(lambda one: (dollars(one.reported), signed(one.difference)))
    lines = [
        (*line, *(cell for cells in more for cell in cells(one)))
        for line, one in [
            *((row(line), line) for line in found.lines),
            (("total", *sums(total)), total),
        ]
    ]
    return head, lines


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
