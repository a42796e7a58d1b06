"""A look at a whole installation: what works, what will not for long, and what to do about it.

Every look is a function of its own that asks one thing; one that fails is a finding, and the others
are made all the same. Nothing is changed, and no provider is asked anything that costs.
"""

from __future__ import annotations

import platform
import shutil
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from sqlalchemy import Connection, func, select

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.finding import Finding, Verdict
from anymedia.state.redis import Unavailable
from anymedia.store.journal import FOLDER, journals
from anymedia.store.schema import attempts, callbacks, jobs, workers

if TYPE_CHECKING:
    from anymedia.engine.engine import Engine
    from anymedia.store.database import Database

Look: TypeAlias = "Callable[[Installation], Awaitable[list[Finding]]]"
GIB = 1024**3
LITTLE_SPACE_BYTES = 2 * GIB
NO_SPACE_BYTES = GIB // 10
OVERDUE_SECONDS = 300.0
MOST_UNREAD_BYTES = 64 * 1024 * 1024
EXTRAS: dict[str, tuple[str, str]] = {
    "media": ("av", "media are kept without being looked at, and cannot be normalized"),
    "redis": ("redis", "limits, budgets and the cache cannot be shared between processes"),
    "postgres": ("asyncpg", "jobs cannot be shared between machines"),
    "objects": ("obstore", "artifacts can be kept in a local directory only"),
    "gateway": ("fastapi", "`anymedia serve` cannot run"),
}


@dataclass(frozen=True, slots=True)
class Installation:
    """What is looked at."""

    engine: Engine
    database: Database
    data_dir: Path


async def checkup(here: Installation, *, online: bool = False) -> AsyncIterator[Finding]:
    """Look at everything. `online` asks providers too, by calls that cost nothing."""
    looks = {**LOOKS, "providers": providers_online} if online else LOOKS
    for about, look in looks.items():
        try:
            findings = await look(here)
        except GenerationError as error:
            findings = [Finding(about=about, verdict="problem", message=error.message)]
        for one in findings:
            yield one


async def program(_: Installation) -> list[Finding]:
    """The interpreter, and which optional parts are installed."""
    version = platform.python_version()
    found = [ok("program", f"Python {version} on {sys.platform}")]
    for extra, (module, lost) in EXTRAS.items():
        if find_spec(module) is None:
            found.append(
                warning(
                    "program",
                    f"the extra `{extra}` is not installed: {lost}",
                    f"pip install 'anymedia[{extra}]'",
                )
            )
    return found


async def configuration(here: Installation) -> list[Finding]:
    """That it is valid was seen when the client was made."""
    names = [one.name for one in here.engine.settings.providers if one.enabled]
    if names:
        return [ok("configuration", f"valid; providers: {', '.join(names)}")]
    return [
        warning(
            "configuration",
            "valid; no provider is configured, so the built-in `echo` answers",
            "set a provider's key, such as OPENAI_API_KEY",
        )
    ]


async def directory(here: Installation) -> list[Finding]:
    """Whether it can be written, and has space."""
    path = here.data_dir
    path.mkdir(parents=True, exist_ok=True, mode=0o700)
    free = shutil.disk_usage(path).free
    message = f"`{path}` has {free / GIB:.1f} GiB free"
    step = "free some space, or choose another with ANYMEDIA_DATA_DIR"
    if free < NO_SPACE_BYTES:
        return [problem("data directory", message, step)]
    if free < LITTLE_SPACE_BYTES:
        return [warning("data directory", message, step)]
    return [ok("data directory", message)]


async def database(here: Installation) -> list[Finding]:
    """Whether it can be read and written, and is whole."""
    store = here.database
    said = await store.read(integrity)
    began = here.engine.clock.monotonic()
    await store.write(lambda _: None)
    milliseconds = 1000 * (here.engine.clock.monotonic() - began)
    if said != "ok":
        return [
            problem(
                "database",
                f"the database is damaged: {said}",
                "stop everything that uses it and restore a copy",
            )
        ]
    return [ok("database", f"answers; a commit took {milliseconds:.1f} ms")]


def integrity(connection: Connection) -> str:
    """What SQLite says of its file; other databases look after themselves."""
    if connection.dialect.name != "sqlite":
        return "ok"
    return str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar_one())


async def ledger(here: Installation) -> list[Finding]:
    """What waits in journals to be taken in."""
    waiting = sum(
        path.stat().st_size for path, _ in journals(here.data_dir / FOLDER) if path.exists()
    )
    if waiting > MOST_UNREAD_BYTES:
        return [
            warning(
                "ledger",
                f"{waiting / 1024**2:.0f} MiB of journals have not been taken in",
                "`anymedia costs` takes them in, and so does a running gateway",
            )
        ]
    return [ok("ledger", f"{waiting / 1024:.0f} KiB of journals are on the disk")]


async def work(here: Installation) -> list[Finding]:
    """What is not final and nobody works on, and what a person has to decide."""
    now = here.engine.clock.time()
    pending, overdue, unknown, alive = await here.database.read(lambda c: standing(c, now))
    found: list[Finding] = []
    if overdue:
        found.append(
            problem(
                "jobs",
                f"{overdue} of {pending} jobs under way are overdue; processes alive: {alive}",
                "start one that carries them on: `anymedia jobs work`, or `anymedia serve`",
            )
        )
    if unknown:
        found.append(
            warning(
                "jobs",
                f"of {unknown} paid requests nobody knows what became of them",
                "`anymedia jobs list --status outcome_unknown`, then `anymedia jobs resolve`",
            )
        )
    return found or [ok("jobs", f"{pending} under way, {alive} processes at work")]


def standing(connection: Connection, now: float) -> tuple[int, int, int, int]:
    """How many jobs are under way, overdue, and undecided, and how many processes work."""

    def count(query: object) -> int:
        return int(connection.execute(query).scalar_one())  # type: ignore[call-overload]  # any count

    due = select(func.count()).select_from(jobs).where(jobs.c.due_at.is_not(None))
    return (
        count(due),
        count(due.where(jobs.c.due_at < now - OVERDUE_SECONDS)),
        count(
            select(func.count()).select_from(attempts).where(attempts.c.state == "outcome_unknown")
        ),
        count(select(func.count()).select_from(workers).where(workers.c.lease_until > now)),
    )


async def webhooks(here: Installation) -> list[Finding]:
    """Messages that could not be delivered."""
    query = select(func.count()).select_from(callbacks)
    undelivered = callbacks.c.delivered_at.is_(None) & callbacks.c.due_at.is_(None)
    dead = int(await here.database.read(lambda c: c.execute(query.where(undelivered)).scalar_one()))
    if not dead:
        return [ok("webhooks", "nothing has been given up")]
    return [
        warning(
            "webhooks",
            f"{dead} messages to callers could not be delivered and were given up",
            "`anymedia webhooks list --dead`, then `anymedia webhooks replay`",
        )
    ]


async def models(here: Installation) -> list[Finding]:
    """Those of configured providers that are about to be retired, or have been."""
    today = here.engine.clock.now().date()
    names = {one.name for one in here.engine.settings.providers if one.enabled}
    wanted = {
        f"{one.name}/{model}"
        for one in here.engine.settings.providers
        for model in one.models.values()
    } | {alias.model for alias in here.engine.settings.aliases.values() if alias.model}
    found = []
    for model in here.engine.providers.all_models():
        name = f"{model.provider}/{model.id}"
        if model.provider not in names or not wanted & {name, model.id}:
            continue
        stage = model.lifecycle(today)
        if stage == "live":
            continue
        step = f"use `{model.successor}`" if model.successor else "choose another"
        when = f"`{name}` is retired on {model.retires_on}"
        told = problem if stage == "retired" else warning
        found.append(told("models", when, step))
    return found or [ok("models", "none of those that the configuration names is retiring")]


async def shared(here: Installation) -> list[Finding]:
    """Whether it answers, where it is configured."""
    link = here.engine.link
    if link is None:
        return [ok("Redis", "not configured: each process counts for itself")]
    try:
        await link.command("PING")
    except Unavailable as error:
        return [
            warning(
                "Redis",
                f"does not answer ({error}): each process counts for itself until it does",
                "check ANYMEDIA_REDIS_URL, and that the server runs",
            )
        ]
    return [ok("Redis", "answers")]


async def providers_online(here: Installation) -> list[Finding]:
    """Whether they answer and take their keys."""
    found = []
    for name in here.engine.providers.ready_names():
        check, _ = await here.engine.providers.probed(name)
        if check.ok:
            found.append(ok("providers", f"`{name}` answers in {check.milliseconds or 0:.0f} ms"))
        else:
            why = check.problem.message if check.problem else "it does not answer"
            found.append(problem("providers", f"`{name}`: {why}"))
    return found


LOOKS: dict[str, Look] = {
    "program": program,
    "configuration": configuration,
    "data directory": directory,
    "database": database,
    "ledger": ledger,
    "jobs": work,
    "webhooks": webhooks,
    "models": models,
    "Redis": shared,
}


def ok(about: str, message: str) -> Finding:
    """As it should be."""
    return found("ok", about, message)


def warning(about: str, message: str, next_step: str | None = None) -> Finding:
    """Works, but not for long or not well."""
    return found("warning", about, message, next_step)


def problem(about: str, message: str, next_step: str | None = None) -> Finding:
    """Does not work."""
    return found("problem", about, message, next_step)


def found(verdict: Verdict, about: str, message: str, next_step: str | None = None) -> Finding:
    """One finding."""
    return Finding(about=about, verdict=verdict, message=message, next_step=next_step)
