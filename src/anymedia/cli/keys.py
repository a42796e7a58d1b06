"""`anymedia keys`: who may ask the gateway."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anymedia.cli.config import settings_of
from anymedia.cli.options import Run, Setup
from anymedia.cli.words import table
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.key import KeyRights, NewKey, Scope, VirtualKey
from anymedia.contracts.media import Medium, in_home
from anymedia.contracts.mistakes import valid

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.configuration import Settings
    from anymedia.gateway.keys import Keys

ACTOR = "command line"
LENGTH = re.compile(r"^(\d{1,5})\s*([smhdw])$")
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}

KeyId = Annotated[str, Parameter(name="ID", help="The key's id, as `anymedia keys list` shows it.")]


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
    expires: Annotated[
        str | None, Parameter(help="After how long it opens nothing any more, such as `30d`.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Make a key. It is told this once."""
    until = None if expires is None else datetime.now(UTC) + length(expires, "--expires")
    said = {"name": name, "scopes": scope, "models": model, "media": media, "expires_at": until}
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
        head = ("ID", "NAME", "BEGINS", "SCOPES", "MAY ASK", "STATE")
        session.print(table(head, map(row, found)))
    else:
        session.tell("no keys")


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
        state(key),
    )


def state(key: VirtualKey) -> str:
    """Whether it opens."""
    if key.revoked_at is not None:
        return "revoked"
    if key.expires_at is None:
        return "opens"
    if key.expires_at <= datetime.now(UTC):
        return "expired"
    return f"opens until {key.expires_at:%Y-%m-%d %H:%M} UTC"
