"""Sending messages to callers' servers until they are taken, or given up after a day.

A message is held by one process while it is on its way. Each receiver has a few at a time, so one
that hangs keeps nobody else waiting. An answer is read no further than its head, and a redirect is
an answer like any other that is not 2xx: it is never followed.
"""

from __future__ import annotations

import asyncio
import contextlib
import email.utils
from collections import Counter
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import RowMapping

from anymedia.contracts.callback import CallbackSettings
from anymedia.contracts.errors import GenerationError, ProviderTimeout
from anymedia.engine.identity import new_id
from anymedia.engine.transport import Outgoing
from anymedia.jobs import rows as jobs
from anymedia.jobs.desk import Desk
from anymedia.jobs.outbox import rows
from anymedia.jobs.outbox.receivers import checked
from anymedia.jobs.outbox.signing import SigningKeys
from anymedia.wire.http import Headers
from anymedia.wire.signature import standard_headers

MINUTE, HOUR = 60.0, 3600.0
PAUSES_SECONDS = (
    *(5.0, 30.0, 2 * MINUTE, 10 * MINUTE, 30 * MINUTE),
    *(HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR),
)
"""Ten tries over a day; each pause is a tenth shorter or longer by chance."""
LONGEST_PAUSE_SECONDS = 12 * HOUR
"""What a receiver's `Retry-After` is heeded up to."""
HOLD_SECONDS = 90.0
"""Three times as long as a try may take: then whoever held it is gone."""
LOOK_SECONDS = 1.0
"""How often to look for messages that other processes wrote or left."""
PER_RECEIVER = 4
AT_ONCE = 256
LEAVE_SECONDS = 5.0
"""How long messages on their way may take when the process stops."""
GONE = 410


class Outbox:
    """The delivery of messages in this process."""

    def __init__(
        self, desk: Desk, keys: SigningKeys, *, hold_seconds: float = HOLD_SECONDS
    ) -> None:
        self._desk = desk
        self._hold_seconds = hold_seconds
        self._keys = keys
        self._holder = new_id("out")
        self._busy: Counter[str] = Counter()
        self._sending: set[asyncio.Task[None]] = set()
        self._awake = asyncio.Event()

    async def run(self) -> None:
        """Deliver until cancelled; then let go of what was not yet delivered."""
        try:
            while True:
                self._awake.clear()
                try:
                    await self._begin_due()
                except Exception as error:  # noqa: BLE001  it is looked at again
                    said = error.message if isinstance(error, GenerationError) else type(error)
                    self._desk.engine.report(f"messages could not be looked up: {said}")
                await self._rest()
        finally:
            await self._leave()

    async def deliver(self) -> int:
        """Send everything that is due now, and what becomes due by it; how many tries."""
        tries = 0
        while True:
            begun = await self._begin_due()
            if not begun and not self._sending:
                return tries
            tries += begun
            if self._sending:
                await asyncio.wait(self._sending)

    async def forget(self) -> None:
        """Messages that are long over are seen no more."""
        now = self._desk.now()
        await self._desk.database.write(lambda c: rows.prune(c, now))

    async def _begin_due(self) -> int:
        """Begin as many deliveries as there is room for, the longest waiting receivers first."""
        now = self._desk.now()
        found = await self._desk.database.read(lambda c: rows.waiting(c, now))
        begun = 0
        for receiver in sorted(found, key=found.__getitem__):
            room = min(PER_RECEIVER - self._busy[receiver], AT_ONCE - len(self._sending))
            if room <= 0:
                continue
            for row in await self._taken(receiver, now, room):
                self._begin(receiver, row)
                begun += 1
        return begun

    async def _taken(self, receiver: str, now: float, room: int) -> list[RowMapping]:
        taken = await self._desk.database.write(
            lambda c: rows.take(c, receiver, self._holder, now, now + self._hold_seconds, room)
        )
        return list(taken)

    def _begin(self, receiver: str, row: RowMapping) -> None:
        self._busy[receiver] += 1
        task = asyncio.create_task(self._deliver(receiver, row))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _deliver(self, receiver: str, row: RowMapping) -> None:
        try:
            columns = await self._tried(row)
            with contextlib.suppress(GenerationError):  # it is sent again when nobody holds it
                await self._desk.database.write(
                    lambda c: rows.finish(c, row["id"], self._holder, **columns)
                )
        except Exception as error:  # noqa: BLE001  a fault in one message must not stop the others
            self._desk.engine.report(f"message {row['id']}: {type(error).__name__} while sending")
        finally:
            self._busy[receiver] -= 1
            self._awake.set()

    async def _tried(self, row: RowMapping) -> dict[str, Any]:
        """One try: what the row says after it."""
        tries, status, wait = row["tries"] + 1, None, None
        problem: str | None
        try:
            status, wait = await self._posted(row)
            problem = explained(status)
        except GenerationError as error:
            problem = error.message
        now = self._desk.now()
        columns = {"tries": tries, "status": status, "problem": problem, "due_at": None}
        if problem is None:
            columns["delivered_at"] = now
        elif status != GONE and tries <= len(PAUSES_SECONDS):
            pause = PAUSES_SECONDS[tries - 1] * (0.9 + 0.2 * self._desk.engine.chance())
            columns["due_at"] = now + max(pause, min(wait or 0.0, LONGEST_PAUSE_SECONDS))
        return columns

    async def _posted(self, row: RowMapping) -> tuple[int, float | None]:
        """Send it: the answer's status, and how long to wait before the next try if it says."""
        desk, settings = self._desk, self._desk.settings.callbacks
        body = await self._body(row, settings)
        secrets = await self._keys.of(row["owner"] or "local")
        try:
            async with asyncio.timeout(settings.timeout_seconds):
                pinned = await checked(row["url"], settings, desk.engine.downloads)
        except TimeoutError:
            raise ProviderTimeout("the receiver's name was not looked up in time") from None
        signed = standard_headers(secrets, row["id"], int(desk.now()), body)
        outgoing = Outgoing(
            method="POST",
            url=row["url"],
            headers={"Content-Type": "application/json", **signed},
            body=body,
            total_seconds=settings.timeout_seconds,
            read_seconds=settings.timeout_seconds,
            pinned_address=pinned,
        )
        async with desk.engine.providers.transport.stream(outgoing) as incoming:
            return incoming.head.status, retry_after(incoming.head.headers, desk.engine.clock.now())

    async def _body(self, row: RowMapping, settings: CallbackSettings) -> bytes:
        """What is sent; with the request, where the configuration wants it repeated."""
        text: str = row["body"]
        if not settings.include_request:
            return text.encode()
        job = await self._desk.database.read(lambda c: jobs.job(c, row["job_id"]))
        message = msgspec.json.decode(text)
        if job is not None and isinstance(message.get("data"), dict):
            message["data"]["request"] = msgspec.json.decode(job["request"])
        return msgspec.json.encode(message)

    # --- waiting and stopping -------------------------------------------------------------

    async def _rest(self) -> None:
        waiting = asyncio.ensure_future(self._awake.wait())
        pausing = asyncio.ensure_future(self._desk.engine.clock.sleep(LOOK_SECONDS))
        try:
            await asyncio.wait((waiting, pausing), return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            pausing.cancel()

    async def _leave(self) -> None:
        """Nobody may be here after this process: what is due is sent, for a moment."""
        with contextlib.suppress(TimeoutError, GenerationError):
            async with asyncio.timeout(LEAVE_SECONDS):
                await self.deliver()
        left = list(self._sending)
        for task in left:
            task.cancel()
        if left:
            await asyncio.wait(left)
            with contextlib.suppress(GenerationError):
                await self._desk.database.write(lambda c: rows.let_go(c, self._holder))


def explained(status: int) -> str | None:
    """What is wrong with an answer; nothing if the message was taken."""
    if 200 <= status < 300:
        return None
    if 300 <= status < 400:
        return f"answered {status}: redirects are not followed; give the final URL"
    if status == GONE:
        return "answered 410: the receiver is gone for good"
    return f"answered {status}"


def retry_after(headers: Headers, now: datetime) -> float | None:
    """Seconds that the receiver wants to be left alone."""
    said = headers.get("retry-after", "").strip()
    if said.isascii() and said.isdigit():
        return float(said[:9])
    try:
        return max(0.0, (email.utils.parsedate_to_datetime(said) - now).total_seconds())
    except (TypeError, ValueError):  # no date, or one without a zone
        return None
