"""`anymedia keys`: who may ask the gateway."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from anymedia.cli.config import settings_of
from anymedia.cli.options import Run, Setup
from anymedia.cli.words import table
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.key import KeyChange, KeyRights, NewKey, Scope, VirtualKey
from anymedia.contracts.media import Medium, in_home
from anymedia.contracts.mistakes import valid

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.configuration import Settings
    from anymedia.gateway.keys import Keys

ACTOR = "command line"
MOST_ENTRIES = 10_000
LENGTH = re.compile(r"^(\d{1,5})\s*([smhdw])$")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

NOTHING = "none"
KeyId = Annotated[str, Parameter(name="ID", help="The key's id, as `anymedia keys list` shows it.")]
LimitOption = Annotated[
    tuple[str, ...],
    Parameter(
        name="--limit",
        help="How much it may ask for, such as `per_minute=60`, `per_day=1000`, `concurrent=4`, "
        "`tokens_per_minute=100000`; `per_minute=none` takes one away.",
    ),
]
BudgetOption = Annotated[
    tuple[str, ...],
    Parameter(
        name="--budget",
        help="How many US dollars it may spend, such as `5/day`, `100/month`, `500/total`, or "
        "`5/day/warn`; `none` takes all away.",
    ),
]


async def create(
    name: Annotated[str, Parameter(name="NAME", help="Whose it is, for people.")],
    /,
    *,
    scope: Annotated[
        tuple[Scope, ...], Parameter(help="What it may do; `generate` and `costs` unless said.")
    ] = (),
    model: Annotated[
        tuple[str, ...], Parameter(help="Models it may ask, such as `echo/*`; all unless said.")
    ] = (),
    media: Annotated[
        tuple[Medium, ...], Parameter(help="Media it may ask for; all unless said.")
    ] = (),
    limit: LimitOption = (),
    budget: BudgetOption = (),
    expires: Annotated[
        str | None, Parameter(help="After how long it opens nothing any more, such as `30d`.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Make a key. It is told this once."""
    until = None if expires is None else datetime.now(UTC) + length(expires, "--expires")
    said: dict[str, Any] = {"name": name, "scopes": scope, "models": model, "media": media}
    said |= {"limits": limits_of(limit), "budgets": budgets_of(budget), "expires_at": until}
    rights = valid(KeyRights, {key: value for key, value in said.items() if value}, "the key")
    async with opened(settings_of(setup, session)) as keys:
        tell(await keys.create(rights, actor=ACTOR), setup, session)


async def list_(*, setup: Setup = Setup(), session: Run) -> None:
    """All keys, the newest first."""
    async with opened(settings_of(setup, session)) as keys:
        found = await keys.every()
    if setup.json:
        session.json([one.model_dump(mode="json") for one in found])
    elif found:
        head = ("ID", "NAME", "BEGINS", "SCOPES", "MAY ASK", "UP TO", "STATE")
        session.print(table(head, map(row, found)))
    else:
        session.tell("no keys")


async def change(
    key_id: KeyId,
    /,
    *,
    name: Annotated[str | None, Parameter(help="Whose it is, for people.")] = None,
    scope: Annotated[tuple[Scope, ...], Parameter(help="What it may do, instead.")] = (),
    model: Annotated[
        tuple[str, ...], Parameter(help="Models it may ask, instead; `*` for all.")
    ] = (),
    media: Annotated[tuple[Medium, ...], Parameter(help="Media it may ask for, instead.")] = (),
    limit: LimitOption = (),
    budget: BudgetOption = (),
    expires: Annotated[
        str | None, Parameter(help="After how long from now it ends, such as `30d`, or `never`.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Change a key's rights; what is not said stays."""
    told = {"name": name, "scopes": scope, "models": model, "media": media}
    said: dict[str, Any] = {key: value for key, value in told.items() if value}
    if limit:
        said["limits"] = limits_of(limit)
    if budget:
        said["budgets"] = budgets_of(budget)
    if expires is not None:
        never = expires == "never"
        said["expires_at"] = None if never else datetime.now(UTC) + length(expires, "--expires")
    if not said:
        raise InvalidRequest("say what shall be changed; `anymedia keys change --help` lists it")
    wanted = valid(KeyChange, said, "the change")
    async with opened(settings_of(setup, session)) as keys:
        changed = await keys.change(key_id, wanted, actor=ACTOR)
    if setup.json:
        session.json(changed.model_dump(mode="json"))
    else:
        session.print(f"{changed.id} is changed; gateways heed it within two seconds")


async def audit(
    *,
    limit: Annotated[int, Parameter(help="How many entries.")] = 50,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """What administrators did, the latest first."""
    if not 1 <= limit <= MOST_ENTRIES:
        raise InvalidRequest(f"`--limit` is a number from 1 to {MOST_ENTRIES}")
    async with opened(settings_of(setup, session)) as keys:
        found = await keys.noted(limit)
    if setup.json:
        session.json([one.model_dump(mode="json") for one in found])
    elif found:
        rows = ((f"{e.at:%Y-%m-%d %H:%M:%S}", e.actor, e.action, e.subject) for e in found)
        session.print(table(("WHEN (UTC)", "WHO", "WHAT", "TO WHAT"), rows))
    else:
        session.tell("nothing yet")


async def revoke(key_id: KeyId, /, *, setup: Setup = Setup(), session: Run) -> None:
    """Let a key open nothing any more. Its jobs go on."""
    async with opened(settings_of(setup, session)) as keys:
        revoked = await keys.revoke(key_id, actor=ACTOR)
    if setup.json:
        session.json(revoked.model_dump(mode="json"))
    else:
        session.print(f"{revoked.id} is revoked")


async def rotate(
    key_id: KeyId,
    /,
    *,
    overlap: Annotated[str, Parameter(help="How long the old one still opens.")] = "24h",
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Give a key a new secret. It is told this once."""
    async with opened(settings_of(setup, session)) as keys:
        seconds = length(overlap, "--overlap").total_seconds()
        tell(await keys.rotate(key_id, seconds, actor=ACTOR), setup, session)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[Keys]:
    """The keys of the data directory that the settings name."""
    from anymedia.clock import SystemClock
    from anymedia.gateway.keys import Keys
    from anymedia.store.database import database_at

    assert settings.data_dir is not None
    database = database_at(in_home(settings.data_dir), settings.database_url)
    try:
        yield Keys(database, SystemClock())
    finally:
        await database.close()


def length(said: str, option: str) -> timedelta:
    """A length of time, as `24h`."""
    found = LENGTH.match(said.strip())
    if found is None:
        raise InvalidRequest(f"`{option}` takes a length of time such as `30d`, `24h` or `15m`")
    return timedelta(seconds=int(found[1]) * SECONDS[found[2]])


def limits_of(said: tuple[str, ...]) -> dict[str, Any]:
    """Limits, as `per_minute=60`."""
    found: dict[str, Any] = {}
    for one in said:
        name, equals, value = one.partition("=")
        if not equals:
            raise InvalidRequest("`--limit` takes a limit and its amount: `per_minute=60`")
        found[name.strip()] = None if value.strip() == NOTHING else value.strip()
    return found


def budgets_of(said: tuple[str, ...]) -> list[dict[str, Any]]:
    """Budgets, as `5/day` or `100/month/warn`."""
    if said == (NOTHING,):
        return []
    found = []
    for one in said:
        amount, *rest = (part.strip() for part in one.split("/"))
        if len(rest) not in {1, 2}:
            raise InvalidRequest("`--budget` takes dollars and a period: `5/day`, `100/month/warn`")
        terms = dict(zip(("period", "on_reached"), rest, strict=False))
        found.append({"limit_usd": amount.removeprefix("$"), **terms})
    return found


def tell(made: NewKey, setup: Setup, session: Session) -> None:
    """The key on stdout, alone; what there is to say about it beside."""
    if setup.json:
        session.json(made.model_dump(mode="json"))
        return
    session.print(made.key)
    session.tell(f"{made.id} ({made.name}); this is the only time that it is shown")


def row(key: VirtualKey) -> tuple[str, ...]:
    """One key as a line."""
    return (
        key.id,
        key.name,
        ", ".join(one.prefix for one in key.secrets[-2:]),
        ", ".join(key.scopes),
        ", ".join((*key.media, *key.models)) or "everything",
        bounds(key),
        state(key),
    )


def bounds(key: VirtualKey) -> str:
    """How much it may ask for and spend."""
    limits = key.limits.model_dump(exclude_none=True)
    told = [f"{name}={value}" for name, value in limits.items()]
    told += [f"${one.limit_usd}/{one.period}" for one in key.budgets]
    return ", ".join(told) or "as configured"


def state(key: VirtualKey) -> str:
    """Whether it opens."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "opens"
    if key.expires_at <= datetime.now(UTC):
        return "expired"
    return f"opens until {key.expires_at:%Y-%m-%d %H:%M} UTC"
