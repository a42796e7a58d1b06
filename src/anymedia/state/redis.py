"""A Redis that several processes share, and that may refuse, hang, be full or come back.

Nothing waits for it longer than `StateSettings.timeout_seconds`. After a failure it is left alone
for a moment, longer each time, so that a Redis that hangs costs one short wait a second and not
one per request; whoever asks meanwhile is told `Unavailable` at once and goes on with counts of
its own. The operator hears once that it is gone and once that it is back.

Keys carry the version of their layout: two releases on one Redis do not read each other's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from anymedia.clock import Clock
from anymedia.contracts.configuration import StateSettings
from anymedia.contracts.errors import InvalidConfiguration

if TYPE_CHECKING:
    from redis.asyncio import Redis

LAYOUT = "v1"
"""Of the keys and values. Another layout gets another number, and with it keys of its own."""
FIRST_PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 5.0


class Unavailable(Exception):
    """Redis did not answer, or could not take what it was given."""


class RedisLink:
    """One Redis, shared with other processes."""

    def __init__(
        self,
        settings: StateSettings,
        *,
        clock: Clock,
        report: Callable[[str], None],
        client: Redis | None = None,
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._report = report
        self._client = client if client is not None else connected(settings)
        self._pause = 0.0
        self._silent_until = float("-inf")
        self._failed_at = float("-inf")
        self._scripts: dict[str, Any] = {}

    @property
    def up(self) -> bool:
        """Whether it answered last time. When it did not, others have counts of their own."""
        return self._pause == 0.0

    def key(self, *parts: str) -> str:
        """A key of ours. What is between braces stays on one shard of a cluster."""
        return ":".join((self._settings.namespace, LAYOUT, *parts))

    async def run(self, source: str, keys: Sequence[str], arguments: Sequence[Any]) -> Any:
        """What a Lua script returns. Raises `Unavailable`."""
        script = self._scripts.get(source)
        if script is None:
            script = self._scripts[source] = self._client.register_script(source)
        return await self._asked(lambda: script(keys=list(keys), args=list(arguments)))

    async def command(self, *words: Any) -> Any:
        """What one command returns. Raises `Unavailable`."""
        return await self._asked(
            lambda: self._client.execute_command(*words)  # type: ignore[no-untyped-call]  # untyped there
        )

    async def _asked(self, ask: Callable[[], Any]) -> Any:
        from redis.exceptions import RedisError

        now = self._clock.monotonic()
        if now < self._silent_until:
            raise Unavailable("Redis is being left alone for a moment")
        if not self.up:
            # One asks whether it is back; the others need not all wait for the same silence.
            self._silent_until = now + self._settings.timeout_seconds
        try:
            async with asyncio.timeout(self._settings.timeout_seconds):
                answer = await ask()
        except (RedisError, OSError, TimeoutError) as error:
            raise self._gone(error, now) from None
        if not self.up:
            self._pause, self._silent_until = 0.0, float("-inf")
            self._report("Redis answers again: limits, circuits and cache are shared again")
        return answer

    def _gone(self, error: Exception, asked_at: float) -> Unavailable:
        why = f"{type(error).__name__}: {error}".rstrip(": ")
        if self.up:
            self._report(
                f"Redis cannot be used ({why}): this process goes on with limits, circuits and "
                f"cache of its own until it is back"
            )
        if asked_at <= self._failed_at:
            return Unavailable(why)  # of many that were asking at the time, one has said so
        self._failed_at = self._clock.monotonic()
        self._pause = min(max(self._pause * 2, FIRST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        self._silent_until = self._failed_at + self._pause
        return Unavailable(why)

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()


def connected(settings: StateSettings) -> Redis:
    """A client for the configured URL. Nothing is sent yet."""
    try:
        from redis.asyncio import Redis
        from redis.asyncio.retry import Retry
        from redis.backoff import NoBackoff
    except ImportError:
        raise InvalidConfiguration(
            "`state.redis_url` is set and the Redis client is not installed: "
            "`pip install 'anymedia[redis]'`"
        ) from None
    assert settings.redis_url is not None
    return Redis.from_url(
        settings.redis_url,
        decode_responses=False,
        socket_connect_timeout=settings.timeout_seconds,
        socket_timeout=settings.timeout_seconds,
        retry=Retry(NoBackoff(), 0),
    )
