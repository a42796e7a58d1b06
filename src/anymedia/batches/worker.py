"""Which process carries which batch: a lease in its own name, as for jobs.

A batch that a process has claimed is its own while the lease lives; it is renewed every few
seconds. When the process dies or sleeps too long, whoever looks next claims what it had and goes
on from the rows.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import platform
import secrets
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import Connection

from anymedia.batches import rows
from anymedia.batches.carrying import Carrying
from anymedia.batches.desk import Desk
from anymedia.clock import Clock
from anymedia.contracts.errors import StorageFailed
from anymedia.store.database import Database

LEASE_SECONDS = 15.0
LOOK_SECONDS = 1.0
MOST_AT_ONCE = 16
"""Batches that one process carries."""
AFTER_FAULT_SECONDS = 10.0


class Worker:
    """Claims batches and carries them."""

    def __init__(
        self,
        database: Database,
        clock: Clock,
        report: Callable[[str], None],
        desk_for: Callable[[str], Desk],
        *,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        self._database = database
        self._clock = clock
        self._report = report
        self._desk_for = desk_for
        self._lease_seconds = lease_seconds
        self._host = this_machine()
        self._id = ""
        self._carried: dict[str, tuple[Carrying, asyncio.Task[None]]] = {}
        self._awake = asyncio.Event()
        self._stopping = False

    def wake(self, batch_id: str | None = None) -> None:
        """Something has happened to a batch: look at it now."""
        carried = self._carried.get(batch_id) if batch_id is not None else None
        if carried is not None:
            carried[0].wake()
        self._awake.set()

    def stop(self) -> None:
        """Begin nothing new."""
        self._stopping = True
        for carrying, _ in self._carried.values():
            carrying.stop()
        self._awake.set()

    async def run(self, *, until_idle: bool = False) -> None:
        """Work until stopped, or until no batch is left."""
        await self._register()
        beating = asyncio.create_task(self._beat())
        try:
            while not self._stopping:
                self._awake.clear()
                await self._claim()
                if until_idle and await self.idle():
                    return
                await self._rest()
        finally:
            self.stop()
            if self._carried:
                await asyncio.wait([task for _, task in self._carried.values()])
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            with contextlib.suppress(StorageFailed):
                await self._database.write(lambda c: rows.retire(c, self._id))

    async def idle(self) -> bool:
        """Whether no batch is left, here or elsewhere."""
        return not self._carried and await self._database.read(rows.pending) == 0

    def _now(self) -> float:
        """The time that all who share the database go by."""
        return self._database.time(self._clock.time())

    async def _register(self) -> None:
        worker = f"wrk_{secrets.token_hex(8)}"
        now = self._now()

        def work(c: Connection) -> None:
            rows.insert_worker(c, worker, self._host, os.getpid(), now + self._lease_seconds)
            rows.forget_lost(c, now)

        await self._database.write(work)
        self._id = worker

    async def _beat(self) -> None:
        while True:
            await self._clock.sleep(self._lease_seconds / 4)
            now = self._now()
            try:
                alive = await self._database.write(
                    lambda c, n=now: rows.beat(c, self._id, n, self._lease_seconds)  # type: ignore[misc]  # mypy cannot type a lambda's defaults
                )
            except StorageFailed as error:
                self._report(f"the lease could not be renewed: {error.message}")
                continue
            if not alive:
                # This process slept longer than its lease. What it carried may be others' by now.
                for _, task in self._carried.values():
                    task.cancel()
                await self._register()
                self._awake.set()

    async def _claim(self) -> None:
        room = MOST_AT_ONCE - len(self._carried)
        if room <= 0:
            return
        worker, now = self._id, self._now()

        def work(c: Connection) -> list[str]:
            for one in rows.workers_on(c, self._host):
                if not lives(one["pid"]):  # nobody has to wait for the end of its lease
                    rows.retire(c, one["id"])
            return rows.claim(c, worker, now, room)

        try:
            taken = await self._database.write(work)
        except StorageFailed as error:
            self._report(f"batches could not be claimed: {error.message}")
            return
        for batch_id in taken:
            carrying = Carrying(self._desk_for(worker), batch_id)
            task = asyncio.create_task(self._carry(carrying, batch_id))
            self._carried[batch_id] = (carrying, task)

    async def _carry(self, carrying: Carrying, batch_id: str) -> None:
        try:
            await carrying.run()
        except StorageFailed as error:
            self._report(f"batch {batch_id}: {error.message}")
            await self._clock.sleep(AFTER_FAULT_SECONDS / 2)
        except Exception as error:  # noqa: BLE001  a fault in one batch must not stop the others
            self._report(f"batch {batch_id}: {type(error).__name__}; it is taken up again")
            await self._clock.sleep(AFTER_FAULT_SECONDS)
        finally:
            if (held := self._carried.get(batch_id)) is not None and held[0] is carrying:
                del self._carried[batch_id]
            with contextlib.suppress(StorageFailed):
                worker = self._id
                await self._database.write(lambda c: rows.let_go(c, batch_id, worker))
            self._awake.set()

    async def _rest(self) -> None:
        waiting = asyncio.ensure_future(self._awake.wait())
        sleeping = asyncio.ensure_future(self._clock.sleep(LOOK_SECONDS))
        try:
            await asyncio.wait((waiting, sleeping), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()


def this_machine() -> str:
    """Where process ids mean the same: a machine, and in it a container."""
    try:
        inside = str(Path("/proc/self/ns/pid").readlink())
    except OSError:
        inside = ""
    return f"{platform.node()} {inside}".strip()


def lives(pid: int) -> bool:
    """Whether a process of this machine is there, ours or not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
