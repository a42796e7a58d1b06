"""`anymedia serve`: the gateway on this machine, or beyond it."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anymedia.cli.config import settings_of
from anymedia.cli.options import Run, Setup
from anymedia.contracts.errors import InvalidConfiguration, InvalidRequest

if TYPE_CHECKING:
    from pathlib import Path

    from anymedia.cli.session import Session
    from anymedia.contracts.configuration import Settings
    from anymedia.gateway.serving import Address

NEEDED = ("fastapi", "uvicorn", "httptools", "prometheus_client")


def serve(
    *,
    host: Annotated[
        str, Parameter(help="Address to listen on; 0.0.0.0 for every one, which takes a key.")
    ] = "127.0.0.1",
    port: Annotated[int, Parameter(help="0 takes a free one.")] = 8400,
    workers: Annotated[int, Parameter(help="Processes that share the work.")] = 1,
    no_auth: Annotated[
        bool, Parameter(help="Let everybody in who can reach it, without a key.")
    ] = False,
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """Serve the gateway: every provider behind one address, for any client."""
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        raise InvalidConfiguration(
            f"`anymedia serve` needs {', '.join(missing)}: install `anymedia[gateway]`"
        )
    from anymedia.gateway.app import Opening
    from anymedia.gateway.serving import Address, Workers, listening, logged, serve as serving

    if not 1 <= workers <= 256:
        raise InvalidRequest("`--workers` is a number from 1 to 256")
    settings = settings_of(setup, session)
    address = Address(host=host, port=port)
    keyed = asyncio.run(has_keys(settings))
    if not (address.local or keyed or no_auth):
        raise InvalidConfiguration(
            f"listening on {host} would let everybody in who can reach it. Set "
            f"`ANYMEDIA_ADMIN_KEY`, or make a key with `anymedia keys create`, or say `--no-auth`"
        )
    logged(settings.gateway.log_format)
    with listening(address) as listener:
        address = Address(host=host, port=listener.getsockname()[1])
        opening = Opening(
            config=found(setup.config, session.directory),
            data_dir=settings.data_dir,
            local_only=address.local,
            no_auth=no_auth,
        )

        def ready() -> None:
            tell(session, address, keyed=keyed, no_auth=no_auth, as_json=setup.json)

        if workers == 1:
            return serving(listener, opening, ready)
        drain = settings.gateway.drain_seconds
        return Workers(listener, opening, workers, drain).run(ready)


async def has_keys(settings: Settings) -> bool:
    """Whether anybody could be told from a stranger."""
    if settings.gateway.admin_key is not None:
        return True
    from anymedia.cli.keys import opened

    async with opened(settings) as keys:
        return await keys.any()


def found(config: Path | None, directory: Path) -> str | None:
    """The configuration file as workers find it."""
    return None if config is None else str(directory / config.expanduser())


def tell(session: Session, address: Address, *, keyed: bool, no_auth: bool, as_json: bool) -> None:
    """Where it is, and who may come."""
    if as_json:
        session.json({"url": address.url, "keys_needed": keyed and not no_auth})
        session.stdout.flush()
        return
    session.print(f"anymedia gateway on {address.url}")
    session.stdout.flush()
    if no_auth:
        session.tell("no key is needed: everybody who can reach it may spend your money")
    elif not keyed:
        session.tell("no key is needed on this machine, as long as there is none")
    session.tell(f"documentation at {address.url}/docs; Ctrl-C stops")
