"""`anymedia providers`: who can be asked, and whether they answer."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.progress import Progress
from anymedia.cli.words import table

if TYPE_CHECKING:
    from anymedia.engine.providers import ProviderCheck, ProviderStatus


async def list_(*, setup: Setup = Setup(), session: Run) -> None:
    """Every provider there is, and what is missing to use it."""
    async with session.client(setup) as client:
        statuses = client.providers.list()
    if setup.json:
        session.json([one.model_dump(mode="json") for one in statuses])
    else:
        session.print(table(("NAME", "READY", "MEDIA", "REMARKS"), map(row, statuses)))


async def check(
    name: Annotated[str | None, Parameter(help="One provider, instead of all configured.")] = None,
    /,
    *,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Whether providers answer and accept their keys, by a call that costs nothing."""
    async with session.client(setup) as client:
        with Progress(session, "asking"):
            checks = await client.providers.check(name)
    if setup.json:
        session.json([one.model_dump(mode="json") for one in checks])
    else:
        session.print(table(("NAME", "ANSWERS", "AFTER", "REMARKS"), map(result, checks)))
    return 0 if all(one.ok for one in checks) else 1


def row(status: ProviderStatus) -> tuple[str, ...]:
    """One provider as a line."""
    ready = "yes" if status.configured else "no"
    remarks = status.base_url if status.configured else status.why_not or ""
    return status.name, ready, ", ".join(status.media), remarks


def result(check: ProviderCheck) -> tuple[str, ...]:
    """What came of asking one provider."""
    remarks = [check.problem.message] if check.problem else []
    if check.models is not None:
        remarks.append(f"{check.models} models")
    if check.balance is not None:
        remarks.append(f"balance {check.balance} {check.unit}")
    after = "-" if check.milliseconds is None else f"{check.milliseconds:.0f} ms"
    return check.name, "yes" if check.ok else "no", after, ", ".join(remarks)
