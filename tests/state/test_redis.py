"""The shared Redis: found, gone, hanging, full, back."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

import pytest
from tests.support.clock import FakeClock
from tests.support.redis import fresh_state, needs_redis

from anymedia.clock import SystemClock
from anymedia.state.redis import RedisLink, Unavailable

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(serve: Serve) -> AsyncIterator[str]:
    """A server that is not quite a Redis; its URL."""
    serving: list[asyncio.Task[None]] = []

    async def one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        serving.append(task)
        try:
            await serve(reader, writer)
        finally:
            writer.close()
            await writer.wait_closed()

    server = await asyncio.start_server(one, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.close()
        await asyncio.gather(*serving)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything and answers nothing."""
    while await reader.read(1024):
        pass


async def fullness(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Has no memory left."""
    while await reader.read(4096):
        writer.write(b"-OOM command not allowed when used memory > 'maxmemory'.\r\n")
        await writer.drain()


@needs_redis
def test_a_script_runs_on_keys_of_its_namespace() -> None:
    """Keys carry namespace and layout."""

    async def work() -> None:
        said: list[str] = []
        link = RedisLink(fresh_state(namespace="ours"), clock=SystemClock(), report=said.append)
        assert link.key("limit", "a") == "ours:v1:limit:a"
        assert await link.run("return ARGV[1]", [link.key("x")], ["7"]) == b"7"
        assert (link.up, said) == (True, [])
        await link.close()

    asyncio.run(work())


def test_a_redis_that_hangs_costs_one_short_wait_and_is_then_left_alone() -> None:
    """The first asks and waits; who comes after is told at once; it is said once."""

    async def work() -> None:
        async with listening(silence) as url:
            said: list[str] = []
            clock = FakeClock()
            link = RedisLink(
                fresh_state(redis_url=url, timeout_seconds=0.05), clock=clock, report=said.append
            )
            for _ in range(100):
                with pytest.raises(Unavailable):
                    await link.command("PING")
            assert not link.up
            assert len(said) == 1
            assert "goes on with limits, circuits and cache of its own" in said[0]
            await link.close()

    asyncio.run(work())


def test_many_that_ask_at_once_count_as_one_failure() -> None:
    """Twenty waits that end together do not make the pause twenty times longer."""

    async def work() -> None:
        async with listening(silence) as url:
            clock = FakeClock()
            link = RedisLink(
                fresh_state(redis_url=url, timeout_seconds=0.05), clock=clock, report=lambda _: None
            )
            asked = [link.command("PING") for _ in range(20)]
            failed = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(one) for one in failed} == {Unavailable}
            clock.advance(0.51)
            with pytest.raises(Unavailable, match=r"^(?!Redis is being left alone)"):
                await link.command("PING")
            await link.close()

    asyncio.run(work())


def test_a_full_redis_is_as_good_as_none() -> None:
    """Its answer is an error, and the reason is told."""

    async def work() -> None:
        async with listening(fullness) as url:
            said: list[str] = []
            link = RedisLink(fresh_state(redis_url=url), clock=FakeClock(), report=said.append)
            with pytest.raises(Unavailable):
                await link.command("SET", "a", "b")
            assert "OutOfMemory" in said[0]
            await link.close()

    asyncio.run(work())


@needs_redis
def test_it_is_used_again_when_it_is_back() -> None:
    """Refused connections, then a real one: said once each, and no request was kept waiting."""

    async def work() -> None:
        said: list[str] = []
        clock = FakeClock()
        real = fresh_state()
        assert real.redis_url is not None
        back = asyncio.Event()

        async def through(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if not back.is_set():
                return
            there = urlsplit(str(real.redis_url))
            incoming, outgoing = await asyncio.open_connection(there.hostname, there.port)

            async def copy(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
                while data := await source.read(4096):
                    to.write(data)
                    await to.drain()
                to.write_eof()

            await asyncio.gather(copy(reader, outgoing), copy(incoming, writer))
            outgoing.close()
            await outgoing.wait_closed()

        async with listening(through) as url:
            link = RedisLink(fresh_state(redis_url=url), clock=clock, report=said.append)
            with pytest.raises(Unavailable):
                await link.command("PING")
            with pytest.raises(Unavailable, match="left alone"):
                await link.command("PING")
            back.set()
            clock.advance(1.0)
            assert await link.command("PING") in {b"PONG", True}
            assert link.up
            assert [one.split(":")[0][:12] for one in said] == ["Redis cannot", "Redis answer"]
            await link.close()

    asyncio.run(work())
