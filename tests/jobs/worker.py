"""A process that carries jobs on until nothing is pending: the one that the tests kill.

`python -m tests.jobs.worker DATA_DIR BASE_URL ABILITY [CALLBACK_PORT or 0] [DATABASE_URL]`
"""

from __future__ import annotations

import asyncio
import random
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import Settings
from anymedia.engine.engine import Engine
from anymedia.engine.transport import NetworkTransport
from anymedia.jobs.service import Jobs
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import Database, database_at
from anymedia.store.journal import Journal
from anymedia.wire.http import Headers
from tests.jobs.counting import Server, counting
from tests.support.postgres import url_in

LEASE_SECONDS = 2.0


def jobs_in(
    directory: Path,
    base_url: str,
    ability: str,
    *,
    callback_base_url: str | None = None,
    database_url: str | None = None,
    between: Callable[[Database], Database] = lambda database: database,
) -> Jobs:
    """The jobs of a directory, with the counting provider; `between` may put something there."""
    database = between(database_at(directory, database_url or url_in(directory)))
    settings = Settings(data_dir=str(directory))
    engine = Engine(
        settings,
        network=NetworkTransport(),
        clock=SystemClock(),
        chance=random.Random(),
        ledger=Journal(directory / "journal"),
    )
    engine.providers.register(counting(ability, base_url))
    store = ArtifactStore(directory, limit_bytes=10**9)
    return Jobs(
        engine,
        database,
        store,
        lease_seconds=LEASE_SECONDS,
        callback_base_url=callback_base_url,
    )


def listening(jobs: Jobs, loop: asyncio.AbstractEventLoop, port: int) -> ThreadingHTTPServer:
    """Where the provider's calls come in."""

    class Inbound(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            token = self.path.rpartition("/")[2]
            receiving = jobs.received(token, body, Headers(dict(self.headers.items())))
            asyncio.run_coroutine_threadsafe(receiving, loop).result(10)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = Server(("127.0.0.1", port), Inbound)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return server


async def main() -> None:
    """Work until idle."""
    directory, base_url, ability = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    port = int(sys.argv[4]) if len(sys.argv) > 4 else 0
    database_url = sys.argv[5] if len(sys.argv) > 5 else None
    own = f"http://127.0.0.1:{port}" if port else None
    jobs = jobs_in(directory, base_url, ability, callback_base_url=own, database_url=database_url)
    if port:
        listening(jobs, asyncio.get_running_loop(), port)
    working = asyncio.create_task(jobs.work(until_idle=True))
    while not (jobs._dispatcher.health()["worker"] or working.done()):  # noqa: ASYNC110  nobody tells us of it
        await asyncio.sleep(0.01)
    print("working", flush=True)
    await working
    print("idle", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
