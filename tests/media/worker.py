"""A process that carries on the jobs of a directory, with a provider whose answers are in files.

`python -m tests.media.worker DATA_DIR CLIP` takes on a job, and says when the clip is being
normalised; the tests kill it then.
"""

from __future__ import annotations

import asyncio
import random
import sys
from pathlib import Path
from typing import Any

from anymedia.clock import SystemClock
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.video import VideoRequest
from anymedia.engine.engine import Engine
from anymedia.jobs.normalizing import BEGUN
from anymedia.jobs.service import Jobs
from anymedia.media.studio import Studio
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.database import database_at
from anymedia.store.journal import Journal
from anymedia.wire.http import HttpResponse
from tests.jobs.test_course import done, hurried, taken
from tests.support.acme import ACME
from tests.support.transport import ScriptedTransport

LEASE_SECONDS = 1.0
WANTED = "mp4,1280x720,30fps"


def jobs_in(directory: Path, *answers: Any, studio: Studio | None = None, **said: Any) -> Jobs:
    """The jobs of a directory, and what their provider answers."""
    engine = Engine(
        Settings(data_dir=str(directory), **said),
        network=ScriptedTransport(*answers),
        clock=SystemClock(),
        chance=random.Random(7),
        ledger=Journal(directory / "journal"),
    )
    engine.providers.register(hurried(ACME))
    engine.providers.register(ProviderSettings(name="acme", api_key="acme-secret-key"))
    store = ArtifactStore(directory, limit_bytes=10**9)
    database = database_at(directory, None)
    return Jobs(engine, database, store, lease_seconds=LEASE_SECONDS, studio=studio)


def delivered(clip: Path) -> HttpResponse:
    """A clip, as its download brings it."""
    return HttpResponse(200, clip.read_bytes(), {"content-type": "video/mp4"})


async def main() -> None:
    """Work until the clip is being normalised, and go on until somebody stops it."""
    directory, clip = Path(sys.argv[1]), Path(sys.argv[2])
    jobs = jobs_in(directory, taken(), done(), delivered(clip))
    job = await jobs.submit(VideoRequest(prompt="a fox", duration_seconds=5, normalize=WANTED))
    jobs.start()
    while BEGUN not in [one.event for one in job.timeline]:
        await asyncio.sleep(0.01)
        job = await jobs.get(job.id)
    print(job.id, flush=True)
    await asyncio.sleep(3600)


if __name__ == "__main__":
    asyncio.run(main())
