"""What is left under a caller's limits, in the headers that clients of each dialect look at.

Told are the windows of a minute or, where there is none, of a day: those that a client can wait
for. `x-ratelimit-*` as OpenAI has them; `anthropic-ratelimit-*` below `/v1/messages`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from functools import lru_cache
from typing import TypeAlias

from starlette.types import Message, Send

from anymedia.limits.claim import Left

KINDS = {
    "requests": ("per_minute", "per_hour", "per_day"),
    "tokens": ("tokens_per_minute", "tokens_per_hour", "tokens_per_day"),
}
"""Of several windows, the first that there is."""
OPENAI = {
    kind: tuple(f"x-ratelimit-{what}-{kind}" for what in ("limit", "remaining", "reset"))
    for kind in KINDS
}
ANTHROPIC = {
    kind: tuple(f"anthropic-ratelimit-{kind}-{what}" for what in ("limit", "remaining", "reset"))
    for kind in KINDS
}


Look: TypeAlias = Callable[[], tuple[Left, ...] | Awaitable[tuple[Left, ...]]]
"""Tells what is left, at once where nobody has to be asked."""


class Remaining:
    """Sends an answer on, with what is left when it begins."""

    def __init__(
        self, send: Send, look: Look, now: Callable[[], datetime], *, anthropic: bool
    ) -> None:
        self._send = send
        self._look = look
        self._now = now
        self._anthropic = anthropic

    async def __call__(self, message: Message) -> None:
        """Send on."""
        if message["type"] == "http.response.start":
            found = self._look()
            if not isinstance(found, tuple):
                found = await found
            left = told(found, self._now, anthropic=self._anthropic)
            message = {**message, "headers": [*message.get("headers", ()), *left]}
        await self._send(message)


def told(
    left: tuple[Left, ...], now: Callable[[], datetime], *, anthropic: bool
) -> list[tuple[bytes, bytes]]:
    """What is left as headers."""
    lines = written(left, now, anthropic=anthropic).splitlines()
    return [(name, value) for name, _, value in (line.partition(b": ") for line in lines)]


def written(left: tuple[Left, ...], now: Callable[[], datetime], *, anthropic: bool) -> bytes:
    """The same as they are on the wire."""
    lines = ""
    for place, limit, remains, again in shown(tuple([one.amount for one in left]), anthropic):
        one = left[place]
        seconds = one.whole_in_seconds
        if anthropic:
            reset = (now() + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ")
        else:
            reset = length(seconds)
        lines += f"{limit}{one.limit}{remains}{one.left}{again}{reset}\r\n"
    return lines.encode()


@lru_cache(maxsize=256)
def shown(
    amounts: tuple[str, ...],
    anthropic: bool,  # of what is remembered, one of two
) -> tuple[tuple[int, str, str, str], ...]:
    """Of these amounts those that are told: their places, and what stands before each value."""
    headers_of = ANTHROPIC if anthropic else OPENAI
    found = []
    for kind, names in KINDS.items():
        name = next((name for name in names if name in amounts), None)
        if name is not None:
            limit, remains, again = headers_of[kind]
            place = amounts.index(name)
            found.append((place, f"{limit}: ", f"\r\n{remains}: ", f"\r\n{again}: "))
    return tuple(found)


def length(seconds: float) -> str:
    """A length of time as OpenAI writes it: `6m0s`, `1.2s`, `20ms`."""
    if seconds < 1:
        return f"{round(seconds * 1000)}ms"
    return longer(round(seconds * 10))


@lru_cache(maxsize=1024)
def longer(tenths: int) -> str:
    """The same of a second and more: of a minute there are not many."""
    minutes, rest = divmod(tenths / 10, 60)
    hours, minutes = divmod(int(minutes), 60)
    if hours:
        return f"{hours}h{minutes}m{rest:.0f}s"
    return f"{minutes}m{rest:.0f}s" if minutes else f"{rest:g}s"
