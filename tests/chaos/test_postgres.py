"""The same on Postgres: three workers, one cut off from the database, and its connections ended."""

from __future__ import annotations

import asyncio
import signal
import time
from pathlib import Path
from urllib.parse import urlsplit

from tests.chaos.run import Run, chance_of
from tests.chaos.test_chaos import judge, summary, whole_run
from tests.jobs.test_postgres_killed import without_host
from tests.support.forwarder import Forwarder
from tests.support.hurried import HurriedClock
from tests.support.postgres import URL, asked, fresh_url, hanging_up, needs_postgres

pytestmark = needs_postgres()
JOBS = 200
KILLS = 4
HANG_UPS = 2
PACE = 3.0
"""Whoever takes ten seconds to write down that something is sent does not send it: on a busy machine
whose database comes and goes, time must not pass faster."""
AWAY_SECONDS = 16.0
"""Beyond a lease, which goes by the server's clock and is fifteen seconds."""


def test_nothing_is_lost_paid_twice_or_told_twice_whatever_becomes_of_the_database(
    tmp_path: Path,
) -> None:
    """200 jobs; kills -9 of workers and gateway, a freeze, a cut cable, two ends of all connections."""
    where = urlsplit(URL)
    with fresh_url() as url, Forwarder(where.hostname or "", where.port or 5432) as wire:
        clock = HurriedClock(time.time(), time.time(), PACE)
        run = Run(tmp_path, JOBS, database_url=url, clock=clock)

        def trouble(run: Run) -> None:
            chance = chance_of("postgres")
            gateway, killed, frozen = (run.process(one) for one in ("gateway", "worker", "worker"))
            cut_off = run.process("worker", without_host(url, wire.port))
            run.ready()
            wire.cut()
            frozen.signal(signal.SIGSTOP)
            away = time.monotonic()
            for turn in range(KILLS):
                time.sleep(chance.uniform(1.0, 2.0))
                victim = (killed, gateway)[turn % 2]
                victim.kill()
                victim.start()
                if turn < HANG_UPS:
                    time.sleep(chance.uniform(0.5, 1.5))
                    asyncio.run(asked(URL, hanging_up(url)))
            time.sleep(max(0.0, away + AWAY_SECONDS - time.monotonic()))
            wire.mend()
            frozen.signal(signal.SIGCONT)
            run.frozen += 1
            assert cut_off.popen is not None
            assert cut_off.popen.poll() is None, "who is cut off waits for the database"

        left = whole_run(run, trouble)
        print(summary(run, left))
        judge(run, left)
        assert sum(one.kills for one in run.processes) == KILLS
