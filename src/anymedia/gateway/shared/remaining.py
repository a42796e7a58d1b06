"""What is left under a caller's limits, in the headers that clients of each dialect look at.

Told are the windows of a minute or, where there is none, of a day: those that a client can wait
for. `x-ratelimit-*` as OpenAI has them; `anthropic-ratelimit-*` below `/v1/messages`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from datetime import datetime, timedelta
from functools import lru_cache

from starlette.types import Message, Send

from anymedia.limits.claim import Left

KINDS = {
    "requests": ("per_minute", "per_hour", "per_day"),
    "tokens": ("tokens_per_minute", "tokens_per_hour", "tokens_per_day"),
}
"""Of several windows, the first that there is."""
OPENAI = {
    kind: tuple(f"x-ratelimit-{what}-{kind}".encode() for what in ("limit", "remaining", "reset"))
    for kind in KINDS
}
ANTHROPIC = {
    kind: tuple(
        f"anthropic-ratelimit-{kind}-{what}".encode() for what in ("limit", "remaining", "reset")
    )
    for kind in KINDS
}


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
            left = told(await self._look(), self._now, anthropic=self._anthropic)
            message = {**message, "headers": [*message.get("headers", ()), *left]}
        await self._send(message)


def told(
    left: Iterable[Left], now: Callable[[], datetime], *, anthropic: bool
) -> list[tuple[bytes, bytes]]:
    """What is left as headers."""
    found = {one.amount: one for one in left}
    headers_of = ANTHROPIC if anthropic else OPENAI
    headers: list[tuple[bytes, bytes]] = []
    for kind, names in KINDS.items():
        for name in names:
            if name in found:
                break
        else:
            continue
        one = found[name]
        if anthropic:
            moment = now() + timedelta(seconds=one.whole_in_seconds)
            reset = moment.strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            reset = length(one.whole_in_seconds)
        limit_of, left_of, reset_of = headers_of[kind]
        headers += (
            (limit_of, b"%d" % one.limit),
            (left_of, b"%d" % one.left),
            (reset_of, reset.encode()),
        )
    return headers


def length(seconds: float) -> str:
    """A length of time as OpenAI writes it: `6m0s`, `1.2s`, `20ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    return longer(round(seconds, 1))


@lru_cache(maxsize=1024)
def longer(seconds: float) -> str:
    """The same of a second and more, in tenths: of a minute there are not many."""
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}h{minutes}m{rest:.0f}s"
    return f"{minutes}m{rest:.0f}s" if minutes else f"{rest:g}s"
