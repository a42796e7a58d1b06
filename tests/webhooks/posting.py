"""Jobs whose owners are to be told, and a process that tells them: the one that tests kill.

`python -m tests.webhooks.posting DATA_DIR` delivers until nothing is left.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path

from sqlalchemy import Connection

from anymedia.clock import Clock, SystemClock
from anymedia.contracts.callback import CallbackSettings, EventType
from anymedia.contracts.configuration import Settings
from anymedia.contracts.image import ImageRequest
from anymedia.engine.engine import Engine
from anymedia.engine.transport import NetworkTransport, Transport
from anymedia.jobs import requests, rows
from anymedia.jobs.outbox import rows as messages
from anymedia.jobs.outbox.delivery import Outbox
from anymedia.jobs.outbox.events import announce
from anymedia.jobs.service import Jobs
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.journal import Journal
from tests.support.postgres import database_in

LOOPBACK = CallbackSettings(allow_private=("127.0.0.0/8",))
HOLD_SECONDS = 1.5
"""So that a test need not wait long for what a killed process held."""


def jobs_in(
    directory: Path,
    *,
    clock: Clock | None = None,
    settings: CallbackSettings = LOOPBACK,
    transport: Transport | None = None,
) -> Jobs:
    """The jobs of a directory."""
    engine = Engine(
        Settings(data_dir=str(directory), callbacks=settings),
        network=transport or NetworkTransport(),
        clock=clock or SystemClock(),
        chance=random.Random(7),
        ledger=Journal(directory / "journal"),
    )
    store = ArtifactStore(directory, limit_bytes=10**8)
    return Jobs(engine, database_in(directory), store)


def put_job(c: Connection, job_id: str, url: str | None, now: float, owner: str = "local") -> None:
    """A job that runs, and whose owner wants to be told."""
    request = ImageRequest(prompt="a secret kite", callback_url=url, metadata={"order": 7})
    rows.insert_job(
        c,
        id=job_id,
        owner=owner,
        medium="image",
        status="running",
        request=requests.as_text(request),
        request_hash="h",
        created_at=now,
        updated_at=now,
        due_at=None,
    )


def tell(c: Connection, job_id: str, event: EventType, now: float) -> None:
    """Something happened to it."""
    row = rows.job(c, job_id)
    assert row is not None
    announce(c, row, now, event)


async def main() -> None:
    """Deliver until nothing is left."""
    jobs = jobs_in(Path(sys.argv[1]))
    outbox = Outbox(jobs._desk, jobs._outbox._keys, hold_seconds=HOLD_SECONDS)
    print("ready", flush=True)
    while await jobs._database.read(
        lambda c: messages.listed(c, owner=None, job_id=None, status="pending", limit=1)
    ):
        await outbox.deliver()
        await asyncio.sleep(0.05)
    print("idle", flush=True)
    await jobs.close()
    await jobs._engine.close()
    await jobs._database.close()


if __name__ == "__main__":
    asyncio.run(main())
