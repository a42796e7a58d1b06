"""`anymedia providers`: who can be asked, and whether they answer."""

# ruff: noqa: B008, PT028  options are frozen, so one instance can be the default of all; `test` is a command

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.progress import Progress
from anymedia.cli.words import shortened, table
from anymedia.contracts.media import Medium

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.client import AsyncClient
    from anymedia.engine.providers import ProviderCheck, ProviderStatus
    from anymedia.testing.suite import Outcome, ProviderTestSuite


async def list_(*, setup: Setup = Setup(), session: Run) -> None:
    """Every provider there is, and what is missing to use it."""
    async with session.client(setup) as client:
        statuses = client.providers.list()
        paused = {(one.provider, one.media) for one in await client.jobs.pauses()}
    statuses = tuple(with_pauses(one, paused) for one in statuses)
    if setup.json:
        session.json([one.model_dump(mode="json") for one in statuses])
    else:
        session.print(table(("NAME", "READY", "MEDIA", "REMARKS"), map(row, statuses)))


Name = Annotated[str, Parameter(help="The provider.")]
PausedMedia = Annotated[Medium | None, Parameter(help="Only jobs of this kind.")]


async def pause(
    name: Name, /, *, media: PausedMedia = None, setup: Setup = Setup(), session: Run
) -> None:
    """Give a provider no new jobs for now; those under way go on."""
    async with session.client(setup) as client:
        await client.jobs.pause(name, media)
        await tell_pauses(client, name, setup, session)


async def resume(
    name: Name, /, *, media: PausedMedia = None, setup: Setup = Setup(), session: Run
) -> None:
    """Give a paused provider jobs again."""
    async with session.client(setup) as client:
        await client.jobs.resume(name, media)
        await tell_pauses(client, name, setup, session)


async def tell_pauses(client: AsyncClient, name: str, setup: Setup, session: Session) -> None:
    """Which of a provider's jobs wait now."""
    found = [one for one in await client.jobs.pauses() if one.provider == name]
    if setup.json:
        session.json([one.model_dump(mode="json") for one in found])
    elif found:
        what = ", ".join(one.media or "all media" for one in found)
        session.print(f"{name} gets no new jobs: {what}")
    else:
        session.print(f"{name} gets jobs")


def with_pauses(status: ProviderStatus, paused: set[tuple[str, Medium | None]]) -> ProviderStatus:
    """A provider's status, with the media that it gets no new jobs of."""
    media = tuple(
        one for one in status.media if (status.name, one) in paused or (status.name, None) in paused
    )
    return status.model_copy(update={"paused": media})


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
        headings = ("NAME", "ANSWERS", "AFTER", "HEALTH", "CIRCUIT", "REMARKS")
        session.print(table(headings, map(result, checks)))
    return 0 if all(one.ok for one in checks) else 1


async def test(
    name: Annotated[str, Parameter(help="The provider.")],
    /,
    *,
    live: Annotated[
        bool,
        Parameter(help="Ask the real service with your key. What it makes has to be paid for."),
    ] = False,
    media: Annotated[
        tuple[Medium, ...], Parameter(help="Only these kinds; may be given several times.")
    ] = (),
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Whether a provider keeps the contract: against its double, or live."""
    suite = suite_of(name, setup, live=live)
    cases = [one for one in suite.cases() if not media or one.medium in media]
    with Progress(session, "trying"):
        outcomes = await suite.tried(cases)
    if setup.json:
        session.json(
            [
                {
                    "case": one.case.name,
                    "medium": one.case.medium,
                    "verdict": one.verdict,
                    "reason": one.reason or None,
                }
                for one in outcomes
            ]
        )
    else:
        session.print(table(("MEDIUM", "CASE", "VERDICT", "REASON"), map(verdict, outcomes)))
    failed = any(one.verdict == "failed" for one in outcomes)
    return 1 if failed or not any(one.verdict == "passed" for one in outcomes) else 0


def suite_of(name: str, setup: Setup, *, live: bool) -> ProviderTestSuite:
    """The suite; with `live`, as the provider is configured here."""
    from anymedia.testing.extra import needed

    needed("anymedia providers test")
    from anymedia.testing.suite import suite_for

    if not live:
        return suite_for(name)
    from anymedia.configuration import load
    from anymedia.contracts.configuration import ProviderSettings

    settings = load(setup.config, environment=os.environ, directory=Path.cwd())
    found = next((one for one in settings.providers if one.name == name), None)
    return suite_for(name, live=found or ProviderSettings(name=name))


def verdict(outcome: Outcome) -> tuple[str, ...]:
    """One case as a line."""
    reason = shortened(outcome.reason, 100)
    return outcome.case.medium or "-", outcome.case.name, outcome.verdict, reason


def row(status: ProviderStatus) -> tuple[str, ...]:
    """One provider as a line."""
    ready = "yes" if status.configured else "no"
    remarks = status.base_url if status.configured else status.why_not or ""
    if status.paused:
        remarks = f"paused: {', '.join(status.paused)}; {remarks}"
    return status.name, ready, ", ".join(status.media), remarks


def result(check: ProviderCheck) -> tuple[str, ...]:
    """What came of asking one provider."""
    remarks = [check.problem.message] if check.problem else []
    if check.models is not None:
        remarks.append(f"{check.models} models")
    if check.balance is not None:
        remarks.append(f"balance {check.balance} {check.unit}")
    after = "-" if check.milliseconds is None else f"{check.milliseconds:.0f} ms"
    health, circuit = "-", "-"
    if check.health is not None:
        health, circuit = f"{check.health.health_score:.2f}", check.health.circuit_state
        if check.health.retry_after is not None:
            circuit += f", tried again in {check.health.retry_after:.0f} s"
    answers = "yes" if check.ok else "no"
    return check.name, answers, after, health, circuit, ", ".join(remarks)
