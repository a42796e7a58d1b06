"""What is held of answers to requests with a key: for how long, how much, and what not."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from anymedia.contracts.errors import Conflict, ProviderUnavailable
from anymedia.gateway.repeats import HELD_SECONDS, LARGEST_BYTES, MOST_BYTES, Repeats
from anymedia.gateway.repeats_shared import LEASE_SECONDS, SharedRepeats
from anymedia.state.redis import RedisLink
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

Sent = list[dict[str, Any]]


class Site:
    """An application that counts, behind what holds its answers."""

    def __init__(self, shared: SharedRepeats | None = None, clock: FakeClock | None = None) -> None:
        self.clock = clock or FakeClock()
        self.repeats = Repeats(self.clock, shared)
        self.asked = 0
        self.size = 3
        self.status = 200
        self.broken = False
        self.error: Exception | None = None
        self.holds: asyncio.Event | None = None

    async def app(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers `size` bytes, in pieces."""
        self.asked += 1
        assert (await receive())["type"] == "http.request"
        holds, error = self.holds, self.error
        self.holds = self.error = None  # they are for the first who comes
        if holds is not None:
            await holds.wait()
        if error is not None:
            raise error
        await send({"type": "http.response.start", "status": self.status, "headers": []})
        rest = self.size
        while rest > 0:
            piece = min(rest, 1_000_000)
            rest -= piece
            await send(body(b"x" * piece, more=True))
        scope["state"]["broken"] = self.broken
        await send(body(b"", more=False))

    async def ask(self, key: str = "k", what: bytes = b"{}", owner: str = "me") -> Sent:
        """What is sent for a request."""
        sent: Sent = []

        async def send(message: Message) -> None:
            sent.append(dict(message))

        said = iter([{"type": "http.request", "body": what, "more_body": False}])

        async def receive() -> Message:
            for message in said:
                return message
            await asyncio.Event().wait()
            raise AssertionError

        scope: Scope = {
            "type": "http",
            "method": "POST",
            "path": "/v1/chat/completions",
            "query_string": b"",
            "headers": [(b"idempotency-key", key.encode()), (b"content-type", b"application/json")],
            "state": {"request_id": "req_1"},
        }
        assert self.repeats.concerns(scope)
        await self.repeats.serve(self.app, scope, receive, send, owner=owner)
        return sent


def body(piece: bytes, *, more: bool) -> Message:
    """A piece of an answer."""
    return {"type": "http.response.body", "body": piece, "more_body": more}


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    """To its end."""
    asyncio.run(scenario())  # type: ignore[arg-type]


def again(sent: Sent) -> bool:
    """Whether it was told once more."""
    return (b"idempotent-replayed", b"true") in sent[0]["headers"]


def test_an_answer_is_held_for_a_day() -> None:
    """And asked for anew after that."""

    async def scenario() -> None:
        site = Site()
        assert not again(await site.ask())
        site.clock.advance(HELD_SECONDS - 1)
        assert again(await site.ask())
        site.clock.advance(2)
        assert not again(await site.ask())
        assert site.asked == 2

    run(scenario)


def test_the_oldest_go_when_there_are_too_many_bytes() -> None:
    """Nobody fills the memory with keys."""

    async def scenario() -> None:
        site = Site()
        site.size = LARGEST_BYTES
        number = MOST_BYTES // LARGEST_BYTES
        for one in range(number + 3):
            await site.ask(f"k{one}")
        assert again(await site.ask(f"k{number + 2}"))
        assert again(await site.ask("k3"))
        assert not again(await site.ask("k0"))

    run(scenario)


def test_there_are_never_too_many_answers() -> None:
    """However small they are."""

    async def scenario() -> None:
        site = Site()
        site.repeats = Repeats(site.clock, most_answers=5)
        for one in range(7):
            await site.ask(f"k{one}")
        assert again(await site.ask("k6"))
        assert not again(await site.ask("k1"))

    run(scenario)


def test_an_answer_that_is_too_large_is_not_asked_for_twice() -> None:
    """It is sent whole the first time; the second is told why there is none."""

    async def scenario() -> None:
        site = Site()
        site.size = LARGEST_BYTES + 1
        sent = await site.ask()
        assert sum(len(one.get("body", b"")) for one in sent) == site.size
        with pytest.raises(Conflict, match="not held"):
            await site.ask()
        assert site.asked == 1

    run(scenario)


def test_what_is_no_whole_answer_is_not_held() -> None:
    """A refusal, a failure, a stream that broke off."""

    async def scenario() -> None:
        site = Site()
        site.status = 429
        assert (await site.ask())[0]["status"] == 429
        site.status, site.broken = 200, True
        assert not again(await site.ask())
        site.broken, site.error = False, ProviderUnavailable("gone", accepted="no", provider="x")
        with pytest.raises(ProviderUnavailable):
            await site.ask()
        assert not again(await site.ask())
        assert again(await site.ask())
        assert site.asked == 4

    run(scenario)


def test_who_waits_for_a_failure_asks_anew() -> None:
    """One of them, and the others wait for that one."""

    async def scenario() -> None:
        site = Site()
        holds = site.holds = asyncio.Event()
        site.error = ProviderUnavailable("gone", provider="x")
        first = asyncio.create_task(site.ask())
        others = [asyncio.create_task(site.ask()) for _ in range(4)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        holds.set()
        with pytest.raises(ProviderUnavailable):
            await first
        answers = await asyncio.gather(*others, return_exceptions=True)
        assert sum(isinstance(one, list) and again(one) for one in answers) == 3
        assert site.asked == 2

    run(scenario)


@needs_redis
def test_a_process_that_dies_leaves_the_key_to_others() -> None:
    """When its lease ends; nobody asks before."""

    async def scenario() -> None:
        clock, state = FakeClock(), fresh_state()
        links = [RedisLink(state, clock=clock, report=lambda _: None) for _ in range(2)]
        dead, alive = (SharedRepeats(link, clock) for link in links)

        def check(_: bytes) -> None:
            return

        assert await dead.claim("k", b"what", check) is None
        renewing = dead._renewing.pop("k")
        renewing.cancel()  # it is killed
        key = links[0].key("repeats", "k")
        left = await links[0].command("PTTL", key)
        assert 0 < left <= LEASE_SECONDS * 1000
        waiting = asyncio.create_task(alive.claim("k", b"what", check))
        for _ in range(20):
            await asyncio.sleep(0)
        assert not waiting.done()
        await links[0].command("PEXPIRE", key, 1)
        assert await waiting is None
        await alive.let_go("k")
        assert await links[0].command("EXISTS", key) == 0
        for link in links:
            await link.close()

    run(scenario)


@needs_redis
def test_without_an_answer_of_redis_each_process_knows_its_own() -> None:
    """It goes on."""

    async def scenario() -> None:
        clock = FakeClock()
        state = fresh_state(redis_url="redis://127.0.0.1:1/0", timeout_seconds=0.1)
        link = RedisLink(state, clock=clock, report=lambda _: None)
        site = Site(SharedRepeats(link, clock), clock)
        assert not again(await site.ask())
        assert again(await site.ask())
        await link.close()

    run(scenario)
