"""A Memcached that hangs, talks nonsense, hangs up or comes back."""

from __future__ import annotations

import asyncio

import pytest

from anymedia.cache.memcached_link import MemcachedLink
from anymedia.state.redis import Unavailable
from tests.cache.samples import listening
from tests.support.clock import FakeClock


def linked(
    port: int, clock: FakeClock, said: list[str], timeout_seconds: float = 2.0
) -> MemcachedLink:
    """A link to a port of this machine."""
    url = f"memcached://127.0.0.1:{port}"
    return MemcachedLink(url, clock=clock, report=said.append, timeout_seconds=timeout_seconds)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Takes everything and answers nothing."""
    while await reader.read(1024):
        pass


def test_one_that_hangs_costs_one_short_wait_and_is_then_left_alone() -> None:
    """The first asks and waits; who comes after is told at once; it is said once."""

    async def work() -> None:
        async with listening(silence) as port:
            said: list[str] = []
            clock = FakeClock()
            link = linked(port, clock, said, timeout_seconds=0.05)
            for _ in range(100):
                with pytest.raises(Unavailable):
                    await link.get("a")
            assert not link.up
            clock.advance(1)
            with pytest.raises(Unavailable, match="Timeout"):
                await link.get("a")
            assert len(said) == 1
            await link.close()

    asyncio.run(work())


def test_many_that_ask_at_once_count_as_one_failure() -> None:
    """Forty, more than there are connections: one pause, one message."""

    async def work() -> None:
        async with listening(silence) as port:
            said: list[str] = []
            clock = FakeClock()
            link = linked(port, clock, said, timeout_seconds=0.05)
            failed = await asyncio.gather(
                *(link.get("a") for _ in range(40)), return_exceptions=True
            )
            assert {type(one) for one in failed} == {Unavailable}
            assert len(said) == 1
            clock.advance(0.51)
            with pytest.raises(Unavailable, match="Timeout"):
                await link.get("a")
            await link.close()

    asyncio.run(work())


@pytest.mark.parametrize(
    "nonsense",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"VALUE other 0 1 7\r\nx\r\nEND\r\n",
        b"VALUE a 0 99999999999 7\r\n",
        b"VALUE a 0 -5 7\r\n",
        b"VALUE a 0 3 7\r\nabcdefgEND\r\n",
        b"VALUE a\r\n",
        b"VALUE a 0 3 7\r\nab",
        b"\xff\xfe\r\n",
        b"VALUE \xff 0 1 7\r\n",
        b"x" * 200_000,
        b"ERROR\r\n",
        b"",
    ],
)
def test_one_that_talks_nonsense_is_as_good_as_none(nonsense: bytes) -> None:
    """The connection is not used again: whatever comes on it next is nobody's answer."""

    async def work() -> None:
        connections = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readline()
            writer.write(nonsense)

        async with listening(talk) as port:
            said: list[str] = []
            clock = FakeClock()
            link = linked(port, clock, said)
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await link.get("a")
                clock.advance(10)
            with pytest.raises(Unavailable):
                await link.store("set", "a", b"x")
            assert connections == 3
            assert len(said) == 1
            await link.close()

    asyncio.run(work())


def test_a_connection_whose_answer_was_not_awaited_is_not_used_again() -> None:
    """A caller gives up while its answer is on its way; the next must not read it as its own."""

    async def work() -> None:
        slow = asyncio.Event()
        asked = asyncio.Event()

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while line := await reader.readline():
                key = line.split()[1]
                asked.set()
                if key == b"slow":
                    await slow.wait()
                writer.write(b"VALUE %b 0 %d 1\r\n%b\r\nEND\r\n" % (key, len(key), key))

        async with listening(talk) as port:
            link = linked(port, FakeClock(), [])
            waiting = asyncio.create_task(link.get("slow"))
            await asked.wait()
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
            slow.set()
            assert (await link.get("quick"))["quick"].data == b"quick"
            assert link.up
            await link.close()

    asyncio.run(work())


def test_a_connection_that_the_server_has_closed_is_replaced_without_a_word() -> None:
    """Servers hang up on those who say nothing for long."""

    async def work() -> None:
        hung_up = asyncio.Event()
        connections = 0

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            await reader.readline()
            writer.write(b"END\r\n")
            await writer.drain()
            hung_up.set()

        async with listening(talk) as port:
            said: list[str] = []
            link = linked(port, FakeClock(), said)
            for _ in range(3):
                assert await link.get("a") == {}
                await hung_up.wait()
                for _ in range(100):
                    await asyncio.sleep(0)
                hung_up.clear()
            assert connections == 3
            assert said == []
            await link.close()

    asyncio.run(work())


def test_it_is_used_again_when_it_is_back() -> None:
    """Said once each."""

    async def work() -> None:
        back = False

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            while back and await reader.readline():
                writer.write(b"END\r\n")

        async with listening(talk) as port:
            said: list[str] = []
            clock = FakeClock()
            link = linked(port, clock, said)
            with pytest.raises(Unavailable):
                await link.get("a")
            with pytest.raises(Unavailable, match="left alone"):
                await link.get("a")
            back = True
            clock.advance(0.5)
            assert await link.get("a") == {}
            assert link.up
            assert [one.split(" ")[1] for one in said] == ["cannot", "answers"]
            await link.close()

    asyncio.run(work())


def test_a_value_that_the_server_finds_too_large_is_refused_and_no_failure(
    memcached_url: str,
) -> None:
    """The link goes on; so does a compare-and-set that came too late."""

    async def work() -> None:
        said: list[str] = []
        link = MemcachedLink(
            memcached_url, clock=FakeClock(), report=said.append, timeout_seconds=2.0
        )
        assert not await link.store("set", "large", b"x" * 2_000_000)
        assert await link.store("set", "small", b"a\r\nEND\r\nb")
        found = await link.get("small", "large")
        assert found["small"].data == b"a\r\nEND\r\nb"
        assert set(found) == {"small"}
        assert await link.store("cas", "small", b"new", token=found["small"].token)
        assert not await link.store("cas", "small", b"newer", token=found["small"].token)
        assert not await link.store("add", "small", b"newest")
        assert (await link.get("small"))["small"].data == b"new"
        assert (link.up, said) == (True, [])
        await link.close()

    asyncio.run(work())
