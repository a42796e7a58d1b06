"""Messages as people see them: what became of each, and sending one again."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Connection, RowMapping

from anymedia.clock import Clock
from anymedia.contracts.callback import MessageStatus, SigningSecrets, WebhookMessage
from anymedia.contracts.errors import Conflict, NotFound
from anymedia.jobs.outbox import rows
from anymedia.jobs.outbox.signing import INSTALLATION, OVERLAP_SECONDS, SigningKeys
from anymedia.store.database import Database


class Messages:
    """The messages of one owner, or of all (`None`)."""

    def __init__(
        self, database: Database, clock: Clock, keys: SigningKeys, owner: str | None
    ) -> None:
        self._database = database
        self._clock = clock
        self._keys = keys
        self._owner = owner

    def of(self, owner: str | None) -> Messages:
        """Somebody else's."""
        return Messages(self._database, self._clock, self._keys, owner)

    async def list(
        self,
        *,
        status: MessageStatus | None = None,
        job_id: str | None = None,
        limit: int = 50,
    ) -> tuple[WebhookMessage, ...]:
        """The latest first."""
        found = await self._database.read(
            lambda c: rows.listed(c, owner=self._owner, job_id=job_id, status=status, limit=limit)
        )
        return tuple(map(shown, found))

    async def get(self, message_id: str) -> WebhookMessage:
        """One message. `NotFound` when there is none of yours."""
        return shown(await self._database.read(lambda c: self._mine(c, message_id)))

    async def body(self, message_id: str) -> str:
        """What is sent, as JSON."""
        row = await self._database.read(lambda c: self._mine(c, message_id))
        return str(row["body"])

    async def replay(self, message_id: str) -> WebhookMessage:
        """Send a message again that was given up or delivered, under the id that it has."""
        now = self._clock.time()

        def work(c: Connection) -> RowMapping:
            if self._mine(c, message_id)["due_at"] is not None:
                raise Conflict(f"message `{message_id}` is still being delivered")
            rows.again(c, message_id, now)
            return self._mine(c, message_id)

        return shown(await self._database.write(work))

    async def replay_job(self, job_id: str) -> tuple[WebhookMessage, ...]:
        """Send all of a job's messages again, in their order."""
        now = self._clock.time()

        def work(c: Connection) -> list[RowMapping]:
            found = rows.listed(c, owner=self._owner, job_id=job_id, status=None, limit=10_000)
            if not found:
                raise NotFound(f"there is no message about job `{job_id}`")
            over = [row for row in reversed(found) if row["due_at"] is None]
            for row in over:
                rows.again(c, row["id"], now)
            return [self._mine(c, row["id"]) for row in over]

        return tuple(map(shown, await self._database.write(work)))

    # --- secrets --------------------------------------------------------------------------

    async def secrets(self) -> SigningSecrets:
        """What messages are signed with, masked; in clear if it was never shown."""
        return await self._keys.shown(self._owner or INSTALLATION)

    async def rotate(self, overlap_seconds: float = OVERLAP_SECONDS) -> SigningSecrets:
        """A new secret; the one before signs beside it for a while yet."""
        return await self._keys.rotate(self._owner or INSTALLATION, overlap_seconds)

    def _mine(self, c: Connection, message_id: str) -> RowMapping:
        row = rows.one(c, message_id)
        if row is None or self._owner not in {None, row["owner"]}:
            raise NotFound(
                f"there is no message `{message_id}`; `anymedia webhooks list` shows all"
            )
        return row


def shown(row: RowMapping) -> WebhookMessage:
    """A message's row as callers see it."""
    status: MessageStatus = "pending"
    if row["due_at"] is None:
        status = "dead" if row["delivered_at"] is None else "delivered"
    return WebhookMessage(
        id=row["id"],
        job_id=row["job_id"],
        type=row["type"] or "job",
        sequence=row["sequence"],
        owner=row["owner"] or INSTALLATION,
        receiver=row["receiver"] or "",
        status=status,
        created_at=moment(row["created_at"] or 0.0),
        tries=row["tries"],
        due_at=None if row["due_at"] is None else moment(row["due_at"]),
        delivered_at=None if row["delivered_at"] is None else moment(row["delivered_at"]),
        http_status=row["status"],
        problem=row["problem"],
    )


def moment(seconds: float) -> datetime:
    """A time of day."""
    return datetime.fromtimestamp(seconds, UTC)
