"""`anymedia config`: whether the configuration is right, and where each value comes from."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from anymedia.cli.options import Run, Setup
from anymedia.cli.words import safe
from anymedia.configuration import describe, load

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.configuration import Settings


def check(*, setup: Setup = Setup(), session: Run) -> None:
    """Check the whole configuration; every mistake is told at once."""
    settings = settings_of(setup, session)
    if setup.json:
        session.json({"valid": True, "providers": [one.name for one in settings.providers]})
        return
    names = [one.name for one in settings.providers if one.enabled]
    who = ", ".join(names) if names else "none configured, so the built-in `echo` answers"
    session.print(f"the configuration is valid; providers: {who}")


def show(*, setup: Setup = Setup(), session: Run) -> None:
    """Every setting with its origin; secrets are masked."""
    described = describe(settings_of(setup, session))
    if setup.json:
        session.json(described)
    else:
        session.print(lines(described))


def settings_of(setup: Setup, session: Session) -> Settings:
    """The settings, as a client with the same options would have them."""
    overrides = {} if setup.data_dir is None else {"data_dir": str(setup.data_dir)}
    return load(
        setup.config, environment=os.environ, directory=session.directory, overrides=overrides
    )


def lines(described: dict[str, Any], path: str = "") -> list[str]:
    """One line per value."""
    if described.keys() >= {"value", "origin"}:
        where = described.get("from")
        origin = described["origin"] + (f": {where}" if where else "")
        return [f"{path} = {safe(words(described['value']))}  ({origin})"]
    return [
        line
        for name, inner in described.items()
        for line in lines(inner, f"{path}.{name}" if path else name)
    ]


def words(value: Any) -> str:
    """A value as it could stand in the file."""
    import json

    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
