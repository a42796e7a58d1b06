"""The processes that are killed: a gateway, and workers that carry jobs on.

`python -m tests.chaos.carrier gateway|worker DIRECTORY REAL HERE PACE [DATABASE_URL]`, where the
directory holds `run.json`: the configuration, the doubles' addresses and the gateway's port. The
numbers say what time it is, which passes faster here.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

from anymedia.client.aio import AsyncClient
from anymedia.configuration import load
from tests.chaos.works import works
from tests.support.hurried import HurriedClock


def plan_in(directory: Path) -> dict[str, Any]:
    """What all processes have to know."""
    found: dict[str, Any] = json.loads((directory / "run.json").read_text())
    return found


def register(client: AsyncClient, doubles: dict[str, str]) -> None:
    """Let the five be known."""
    for ability, base_url in doubles.items():
        client.providers.register(works(ability, base_url))


async def gateway(plan: dict[str, Any], config: dict[str, Any], clock: HurriedClock) -> None:
    """Serve until told to stop."""
    from anymedia.gateway.app import Gateway, Opening, application
    from anymedia.gateway.serving import Address, Server, configured, listening

    settings = load(config, environment={}, directory=Path(config["data_dir"]), overrides={})
    with listening(Address(host="127.0.0.1", port=plan["port"])) as listener:
        one = Gateway(Opening(data_dir=config["data_dir"]), settings=settings, clock=clock)
        register(one.client, plan["doubles"])
        server = Server(configured(application(one), one), one, lambda: print("ready", flush=True))
        await server.serve(sockets=[listener])


async def worker(plan: dict[str, Any], config: dict[str, Any], clock: HurriedClock) -> None:
    """Carry jobs on until told to stop."""
    async with AsyncClient(config, clock=clock) as client:
        register(client, plan["doubles"])
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, client.jobs.stop)
        print("ready", flush=True)
        await client.jobs.work()


def tell_what_is_under_way() -> None:
    """For who wonders why it does not end."""
    for task in asyncio.all_tasks():
        task.print_stack(limit=4)


async def main() -> None:
    """One or the other."""
    what, directory, real, here, pace, *database_url = sys.argv[1:]
    plan = plan_in(Path(directory))
    config = plan["configuration"]
    if database_url:
        (config["database_url"],) = database_url
    clock = HurriedClock(float(real), float(here), float(pace))
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, tell_what_is_under_way)
    await (gateway if what == "gateway" else worker)(plan, config, clock)


if __name__ == "__main__":
    asyncio.run(main())
