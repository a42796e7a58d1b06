"""Several processes on one Redis or Memcached, and what they do when it fails them."""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack

import pytest

from anymedia.cache.cache import Cache
from anymedia.cache.key import CacheKey
from anymedia.cache.memcached_link import MemcachedLink
from anymedia.cache.order import MOST_ORDERS
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.configuration import StateSettings
from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.text import TextRequest
from anymedia.state.redis import RedisLink
from tests.cache.samples import Place, before_memcached, kept, said_again, some_key
from tests.support.clock import FakeClock
from tests.support.redis import needs_redis

GARBAGE = (b"", b"\x00", b"null", b"{}", b"\x93\x01\x02\x03", b"x" * 4096, b"[1,2")


async def overwrite(place: Place, name: str, data: bytes | None) -> None:
    """Somebody else writes over what lies in the shared tier, or takes it away."""
    if "redis" in place.tiers:
        link = RedisLink(place.state, clock=FakeClock(), report=place.said.append)
        key = link.key("{cache}", "1", name)
        await (link.command("SET", key, data) if data is not None else link.command("DEL", key))
        await link.close()
        return
    assert place.memcached_url is not None
    there = MemcachedLink(
        place.memcached_url, clock=FakeClock(), report=place.said.append, timeout_seconds=2.0
    )
    key = f"{place.memcached_url.rpartition('/')[2]}:cache:1:{name.removeprefix('answer:')}"
    seconds = -1 if data is None else 0
    await there.store("set", key, data or b"", seconds=seconds)
    await there.close()


async def raw(place: Place, name: str) -> bytes | None:
    """What lies in the shared tier."""
    if "redis" in place.tiers:
        link = RedisLink(place.state, clock=FakeClock(), report=place.said.append)
        data: bytes | None = await link.command("GET", link.key("{cache}", "1", name))
        await link.close()
        return data
    assert place.memcached_url is not None
    there = MemcachedLink(
        place.memcached_url, clock=FakeClock(), report=place.said.append, timeout_seconds=2.0
    )
    key = f"{place.memcached_url.rpartition('/')[2]}:cache:1:{name.removeprefix('answer:')}"
    found = await there.get(key)
    await there.close()
    return found[key].data if key in found else None


def test_another_process_finds_what_one_has_kept(shared_place: Place) -> None:
    """And keeps it nearer for the time it has left."""

    async def work() -> None:
        place = shared_place
        async with place.cache(ttl_seconds=60) as one, place.cache(ttl_seconds=60) as other:
            await one.keep(some_key("a"), kept())
            place.clock.advance(50)
            assert await said_again(other, some_key("a")) == "It rains."
            assert await said_again(other, some_key("a")) == "It rains."
            far, near = place.tiers[-1], place.tiers[0]
            hits = {far: 1, near: 1} if far != near else {far: 2}
            assert other.statistics().hits_by_tier == hits
            place.clock.advance(10)
            assert await other.find(some_key("a")) is None

    asyncio.run(work())


def test_a_process_keeps_what_it_finds_no_longer_than_its_own_settings_allow(
    shared_place: Place,
) -> None:
    """However long whoever kept it first would have kept it."""
    if "memory" not in shared_place.tiers:
        shared_place.tiers = ("memory", *shared_place.tiers)

    async def work() -> None:
        place = shared_place
        async with place.cache(ttl_seconds=3600) as one, place.cache(ttl_seconds=10) as other:
            await one.keep(some_key("a"), kept())
            assert await other.find(some_key("a")) is not None
            place.clock.advance(10)
            assert await other.find(some_key("a")) is not None
            assert other.statistics().hits_by_tier == {place.tiers[-1]: 2}

    asyncio.run(work())


def test_an_invalidation_reaches_the_memory_of_every_process(shared_place: Place) -> None:
    """Within a second, although nobody tells them."""

    async def work() -> None:
        place = shared_place
        async with place.cache() as one, place.cache() as other:
            for word, provider in {"a": "openai", "b": "anthropic"}.items():
                await one.keep(some_key(word), kept(provider=provider))
                assert await other.find(some_key(word)) is not None
            await one.invalidate(provider="openai")
            place.clock.advance(1.0)
            assert await other.find(some_key("a")) is None
            assert await other.find(some_key("b")) is not None

    asyncio.run(work())


def test_a_missed_invalidation_costs_answers_and_never_gives_wrong_ones(
    shared_place: Place,
) -> None:
    """The list of orders is short: who has not heard for long throws everything out."""

    async def work() -> None:
        place = shared_place
        async with place.cache() as one, place.cache() as other:
            for word in "ab":
                await one.keep(some_key(word), kept(provider=word))
                assert await other.find(some_key(word)) is not None
            await one.invalidate(provider="a")
            for number in range(MOST_ORDERS):
                await one.invalidate(provider=f"nobody-{number}")
            place.clock.advance(1.0)
            assert await other.find(some_key("a")) is None
            assert other.statistics().entries == 0
            await other.keep(some_key("c"), kept())
            assert await one.find(some_key("c")) is not None

    asyncio.run(work())


def test_when_the_list_of_orders_is_lost_so_are_the_answers(shared_place: Place) -> None:
    """A full Memcached throws out what it likes: perhaps the order, and not what it was about."""

    async def work() -> None:
        place = shared_place
        async with place.cache() as one, place.cache() as other:
            await one.keep(some_key("a"), kept())
            await one.invalidate(everything=True)
            await one.keep(some_key("b"), kept())
            await overwrite(place, "orders", None)
            assert await other.find(some_key("a")) is None
            assert await other.find(some_key("b")) is None
            await other.keep(some_key("b"), kept("again"))
            assert await said_again(other, some_key("b")) == "again"

    asyncio.run(work())


@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_is_a_miss(shared_place: Place, garbage: bytes) -> None:
    """Under an answer's key or in the place of the orders; and then it is written over."""

    async def work() -> None:
        place = shared_place
        key = some_key("a")
        for name in (f"answer:{key.digest}", "orders"):
            async with place.cache() as one, place.cache() as other:
                await one.keep(key, kept())
                await overwrite(place, name, garbage)
                assert await other.find(key) is None
                await other.keep(key, kept("whole"))
                assert await said_again(other, key) == "whole"
        async with place.cache() as one, place.cache() as other:
            await overwrite(place, "orders", garbage)
            await one.invalidate(everything=True)
            assert await other.find(key) is None
        assert place.said == []

    asyncio.run(work())


def test_an_answer_under_anothers_key_is_not_given(shared_place: Place) -> None:
    """Entries say whose they are; a mistake in the shared tier shows nobody another's answer."""

    async def work() -> None:
        place = shared_place
        async with place.cache() as one, place.cache() as other:
            anns, bobs = some_key("a", "ann"), some_key("a", "bob")
            await one.keep(anns, kept())
            await overwrite(
                place, f"answer:{bobs.digest}", await raw(place, f"answer:{anns.digest}")
            )
            assert await other.find(bobs) is None
            claimed = CacheKey(anns.digest, "bob", "")
            assert await other.find(claimed) is None
            assert await other.find(anns) is not None

    asyncio.run(work())


def test_keys_tell_nothing_about_who_asked_or_what(shared_place: Place) -> None:
    """Only hashes; what is kept is the answer, and not the caller's notes about it."""

    async def work() -> None:
        place = shared_place
        async with place.cache() as cache:
            request = TextRequest(prompt="the secret plan", metadata={"note": "private"})
            key = cache.key(request, caller="ann@example.com", wish="openai/gpt-5")
            await cache.keep(key, kept(metadata={"note": "private"}))
            data = await raw(place, f"answer:{key.digest}")
            assert data is not None
            assert b"It rains." in data
            for secret in (b"secret plan", b"ann@example.com", b"private"):
                assert secret not in data

    asyncio.run(work())


def test_without_its_shared_tier_a_cache_does_what_it_can() -> None:
    """Nothing is raised; memory serves; the operator hears of it once, and once that it is back."""

    async def work() -> None:
        said: list[str] = []
        clock = FakeClock()
        gone = StateSettings(redis_url="redis://127.0.0.1:9/0")
        async with AsyncExitStack() as stack:
            link = RedisLink(gone, clock=clock, report=said.append)
            stack.push_async_callback(link.close)
            settings = CacheSettings(
                tiers=("memory", "redis", "memcached"), memcached_url="memcached://127.0.0.1:9"
            )
            cache = Cache(settings, clock=clock, link=link, report=said.append)
            stack.push_async_callback(cache.close)
            for _ in range(5):
                await cache.keep(some_key("a"), kept())
                assert await cache.find(some_key("a")) is not None
                assert await cache.find(some_key("b")) is None
                clock.advance(10)
            assert await cache.invalidate(everything=True) == 1
            assert await cache.find(some_key("a")) is None
            assert sorted(one.split(" cannot")[0] for one in said) == ["Memcached", "Redis"]

    asyncio.run(work())


def test_an_invalidation_is_obeyed_even_if_it_could_not_be_given(memcached_url: str) -> None:
    """Until the shared tier has heard of it, nothing is taken from there."""

    async def work() -> None:
        place = Place(("memory", "memcached"), memcached_url)
        reachable = True

        async def passes(line: bytes) -> bool:
            return reachable

        assert place.memcached_url is not None
        async with before_memcached(place.memcached_url, passes) as url:
            place.memcached_url = url
            async with place.cache() as cache:
                await cache.keep(some_key("a"), kept())
                assert await cache.find(some_key("a")) is not None
                reachable = False
                assert await cache.invalidate(provider="openai") == 1
                assert await cache.find(some_key("a")) is None
                reachable = True
                place.clock.advance(0.6)
                assert await cache.find(some_key("a")) is None
                await cache.keep(some_key("a"), kept("anew"))
                assert await said_again(cache, some_key("a")) == "anew"
                assert [one.split(" ")[1] for one in place.said] == ["cannot", "answers"]

    asyncio.run(work())


def test_what_is_on_its_way_when_it_is_thrown_out_is_not_kept_nearer(memcached_url: str) -> None:
    """Found further down, invalidated meanwhile: memory must not bring it back."""

    async def work() -> None:
        place = Place(("memory", "memcached"), memcached_url)
        key = some_key("a")
        on_its_way, may_arrive = asyncio.Event(), asyncio.Event()

        async def passes(line: bytes) -> bool:
            if key.digest.encode() in line and line.startswith(b"gets"):
                on_its_way.set()
                await may_arrive.wait()
            return True

        async with place.cache() as one:
            await one.keep(key, kept())
            assert place.memcached_url is not None
            async with before_memcached(place.memcached_url, passes) as url:
                place.memcached_url = url
                async with place.cache() as other:
                    finding = asyncio.create_task(other.find(key))
                    await on_its_way.wait()
                    await other.invalidate(everything=True)
                    may_arrive.set()
                    await finding
                    assert await other.find(key) is None
                    assert other.statistics().entries == 0

    asyncio.run(work())


@needs_redis
def test_what_redis_holds_goes_by_itself_when_it_is_too_old() -> None:
    """Answers and the index of them: nobody has to tidy up."""

    async def work() -> None:
        place = Place(("redis",))
        link = RedisLink(place.state, clock=place.clock, report=place.said.append)
        every = link.key("{cache}", "1", "*")
        async with place.cache(ttl_seconds=100) as brief, place.cache(ttl_seconds=1000) as long:
            await brief.keep(some_key("a"), kept())
            (index,) = await link.command("KEYS", link.key("{cache}", "1", "by:*"))
            await link.command("ZADD", index, 1, "an answer of long ago")
            await long.keep(some_key("b"), kept())
            assert await link.command("ZCARD", index) == 2
            left = {
                key: await link.command("TTL", key) for key in await link.command("KEYS", every)
            }
            left = {key.decode().split(":")[4:][0]: seconds for key, seconds in left.items()}
            assert left.pop("orders") == -1
            assert 900 < left.pop("by") <= 1000
            assert 900 < left.pop("labels") <= 1000
            assert set(left) == {"answer"}
            await brief.keep(some_key("b"), kept())
            assert 900 < await link.command("TTL", index) <= 1000
        await link.close()

    asyncio.run(work())


def test_many_invalidate_at_the_same_time_and_none_is_lost(shared_place: Place) -> None:
    """Each of ten orders counts."""

    async def work() -> None:
        place = shared_place
        async with place.cache() as one, place.cache() as other, place.cache() as third:
            for number in range(10):
                await one.keep(some_key(str(number)), kept(provider=f"p{number}"))
            await asyncio.gather(
                *(
                    cache.invalidate(provider=f"p{number}")
                    for number, cache in enumerate([one, other] * 5)
                )
            )
            for number in range(10):
                assert await third.find(some_key(str(number))) is None

    asyncio.run(work())


def test_a_thousand_answers_are_thrown_out_and_counted(shared_place: Place) -> None:
    """In several steps where the far end is not to be held up."""

    async def work() -> None:
        place = shared_place
        async with place.cache(max_entries=5000) as cache:
            for number in range(1200):
                await cache.keep(some_key(str(number)), kept(provider="p"))
            gone = await cache.invalidate(pattern="p/*")
            assert gone == (1200 if place.lists_what_it_holds else 0)
            assert await cache.find(some_key("7")) is None

    asyncio.run(work())


@pytest.mark.parametrize("tier", ["redis", "memcached"])
def test_a_tier_that_is_nowhere_is_a_mistake_in_the_configuration(tier: str) -> None:
    """It says which setting is missing."""
    settings = CacheSettings.model_validate({"tiers": ("memory", tier)})
    with pytest.raises(InvalidConfiguration, match="_url"):
        Cache(settings, clock=FakeClock(), report=print)
