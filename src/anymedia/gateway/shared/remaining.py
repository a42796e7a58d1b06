"""What is left under a caller's limits, in the headers that clients of each dialect look at.

Told are the windows of a minute or, where there is none, of a day: those that a client can wait
for. `x-ratelimit-*` as OpenAI has them; `anthropic-ratelimit-*` below `/v1/messages`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from datetime import datetime, timedelta

from starlette.types import Message, Send

from anymedia.limits.claim import Left

KINDS = {
    "requests": ("per_minute", "per_hour", "per_day"),
    "tokens": ("tokens_per_minute", "tokens_per_hour", "tokens_per_day"),
}
"""Of several windows, the first that there is."""


class Remaining:
    """Sends an answer on, with what is left when it begins."""

    def __init__(
        self,
        send: Send,
        look: Callable[[], Awaitable[Iterable[Left]]],
        now: Callable[[], datetime],
        *,
        anthropic: bool,
    ) -> None:
        self._send = send
        self._look = look
        self._now = now
        self._anthropic = anthropic

    async def __call__(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "http.response.start":
            found = {one.amount: one for one in await self._look()}
            told = self._told(found)
            message = {**message, "headers": [*message.get("headers", ()), *told]}
        await self._send(message)

    def _told(self, found: dict[str, Left]) -> Iterator[tuple[bytes, bytes]]:
        for kind, names in KINDS.items():
            one = next((found[name] for name in names if name in found), None)
            if one is None:
                continue
            if self._anthropic:
                moment = self._now() + timedelta(seconds=one.whole_in_seconds)
                said = {"limit": str(one.limit), "remaining": str(one.left)}
                said["reset"] = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
                for what, value in said.items():
                    yield f"anthropic-ratelimit-{kind}-{what}".encode(), value.encode()
            else:
                said = {"limit": str(one.limit), "remaining": str(one.left)}
                said["reset"] = length(one.whole_in_seconds)
                for what, value in said.items():
                    yield f"x-ratelimit-{what}-{kind}".encode(), value.encode()


def length(seconds: float) -> str:
    """A length of time as OpenAI writes it: `6m0s`, `1.2s`, `20ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    minutes, rest = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}h{minutes}m{rest:.0f}s"
    return f"{minutes}m{rest:.0f}s" if minutes else f"{rest:g}s"
