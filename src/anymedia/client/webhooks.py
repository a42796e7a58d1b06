"""`client.webhooks`: what your server was told of your jobs, and providers' calls handed in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from anymedia.contracts.callback import MessageStatus, SigningSecrets, WebhookMessage

if TYPE_CHECKING:
    from anymedia.client.portal import Portal
    from anymedia.jobs.outbox.messages import Messages
    from anymedia.jobs.service import Jobs

DAY_SECONDS = 86_400.0


class AsyncWebhooksView:
    """The messages of one owner, or of all (`None`)."""

    def __init__(self, jobs: Callable[[], Jobs], owner: str | None) -> None:
        self._open = jobs
        self._owner = owner

    def of(self, owner: str | None) -> AsyncWebhooksView:
        """The messages of somebody else who uses this client, or of everybody."""
        return AsyncWebhooksView(self._open, owner)

    @property
    def _messages(self) -> Messages:
        return self._open().messages.of(self._owner)

    async def list(
        self,
        *,
        status: MessageStatus | None = None,
        job_id: str | None = None,
        limit: int = 50,
    ) -> tuple[WebhookMessage, ...]:
        """Messages, the latest first."""
        return await self._messages.list(status=status, job_id=job_id, limit=limit)

    async def get(self, message_id: str) -> WebhookMessage:
        """One message. `NotFound` when there is none of that id."""
        return await self._messages.get(message_id)

    async def body(self, message_id: str) -> str:
        """What a message says, as JSON."""
        return await self._messages.body(message_id)

    async def replay(self, message_id: str) -> WebhookMessage:
        """Send a message again that was given up or delivered, under the id that it has."""
        return await self._messages.replay(message_id)

    async def replay_job(self, job_id: str) -> tuple[WebhookMessage, ...]:
        """Send all of a job's messages again, in their order."""
        return await self._messages.replay_job(job_id)

    async def secrets(self) -> SigningSecrets:
        """What messages are signed with, masked; the newest in clear if it was never shown."""
        return await self._messages.secrets()

    async def rotate(self, overlap_seconds: float = DAY_SECONDS) -> SigningSecrets:
        """A new secret; the one before signs beside it for a while yet."""
        return await self._messages.rotate(overlap_seconds)

    async def received(
        self,
        token: str | None,
        body: bytes,
        headers: Mapping[str, str],
        *,
        provider: str | None = None,
    ) -> bytes | None:
        """Hand in a provider's call; `token` is the last part of its URL.

        What to answer the provider, if it waits for more than a status.
        """
        from anymedia.wire.http import Headers

        heads = headers if isinstance(headers, Headers) else Headers(headers)
        return await self._open().received(token, body, heads, provider=provider)


class WebhooksView:
    """The same for code that waits."""

    def __init__(self, webhooks: AsyncWebhooksView, portal: Portal) -> None:
        self._webhooks = webhooks
        self._portal = portal

    def of(self, owner: str | None) -> WebhooksView:
        """The messages of somebody else who uses this client, or of everybody."""
        return WebhooksView(self._webhooks.of(owner), self._portal)

    def list(
        self,
        *,
        status: MessageStatus | None = None,
        job_id: str | None = None,
        limit: int = 50,
    ) -> tuple[WebhookMessage, ...]:
        """Messages, the latest first."""
        return self._portal.call(self._webhooks.list(status=status, job_id=job_id, limit=limit))

    def get(self, message_id: str) -> WebhookMessage:
        """One message. `NotFound` when there is none of that id."""
        return self._portal.call(self._webhooks.get(message_id))

    def body(self, message_id: str) -> str:
        """What a message says, as JSON."""
        return self._portal.call(self._webhooks.body(message_id))

    def replay(self, message_id: str) -> WebhookMessage:
        """Send a message again that was given up or delivered, under the id that it has."""
        return self._portal.call(self._webhooks.replay(message_id))

    def replay_job(self, job_id: str) -> tuple[WebhookMessage, ...]:
        """Send all of a job's messages again, in their order."""
        return self._portal.call(self._webhooks.replay_job(job_id))

    def secrets(self) -> SigningSecrets:
        """What messages are signed with, masked; the newest in clear if it was never shown."""
        return self._portal.call(self._webhooks.secrets())

    def rotate(self, overlap_seconds: float = DAY_SECONDS) -> SigningSecrets:
        """A new secret; the one before signs beside it for a while yet."""
        return self._portal.call(self._webhooks.rotate(overlap_seconds))

    def received(
        self,
        token: str | None,
        body: bytes,
        headers: Mapping[str, str],
        *,
        provider: str | None = None,
    ) -> bytes | None:
        """Hand in a provider's call; `token` is the last part of its URL."""
        return self._portal.call(self._webhooks.received(token, body, headers, provider=provider))
