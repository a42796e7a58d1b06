"""What a cache does, wherever it keeps: the same for memory, Redis and Memcached."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from decimal import Decimal

import pytest

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.text import Finish, TextRequest
from tests.cache.samples import Place, answer, kept, said_again, some_key
from tests.support.clock import START


def test_what_is_kept_is_found_and_costs_nothing(place: Place) -> None:
    """The same words; when they were made, and for how much, is told."""

    async def work() -> None:
        async with place.cache() as cache:
            request = TextRequest(prompt="Weather?", metadata={"order": 7})
            key = cache.key(request, caller="ann", wish="openai/gpt-5")
            assert await cache.find(key) is None
            await cache.keep(key, kept("It rains."))
            found = await cache.find(key)
            assert found is not None
            again = found.result(request)
            assert (again.text, again.provider, again.model) == ("It rains.", "openai", "gpt-5")
            assert (again.cost.amount, again.attempts) == (Decimal(0), ())
            assert again.cached_at == START
            assert again.metadata == {"order": 7}
            assert "0.25 USD" in (again.cost.explanation or "")

    asyncio.run(work())


def test_one_caller_never_sees_anothers(place: Place) -> None:
    """The same request of another caller, or of nobody, is another."""

    async def work() -> None:
        async with place.cache() as cache:
            request = TextRequest(prompt="Weather?")
            await cache.keep(cache.key(request, caller="ann", wish=""), kept("Ann's"))
            for other in ("bob", "", None):
                assert await cache.find(cache.key(request, caller=other, wish="")) is None
            assert await said_again(cache, cache.key(request, caller="ann", wish="")) == "Ann's"

    asyncio.run(work())


def test_callers_share_only_where_the_operator_says_so(place: Place) -> None:
    """Then the same request is the same, whoever asks."""

    async def work() -> None:
        async with place.cache(shared_by_callers=True) as cache:
            request = TextRequest(prompt="Weather?")
            await cache.keep(cache.key(request, caller="ann", wish=""), kept("Everybody's"))
            assert await said_again(cache, cache.key(request, caller="bob", wish=""))

    asyncio.run(work())


def test_what_is_too_old_is_not_found(place: Place) -> None:
    """To the second, by the clock that is handed in."""

    async def work() -> None:
        async with place.cache(ttl_seconds=60) as cache:
            await cache.keep(some_key("a"), kept())
            place.clock.advance(59)
            assert await cache.find(some_key("a")) is not None
            place.clock.advance(1)
            assert await cache.find(some_key("a")) is None

    asyncio.run(work())


def test_a_very_long_time_is_not_taken_for_a_date(place: Place) -> None:
    """As Memcached does with more than thirty days."""

    async def work() -> None:
        async with place.cache(ttl_seconds=90 * 24 * 3600) as cache:
            await cache.keep(some_key("a"), kept())
            assert await cache.find(some_key("a")) is not None

    asyncio.run(work())


def test_a_failed_end_is_not_kept(place: Place) -> None:
    """Nor is an answer that was itself found in a cache."""

    async def work() -> None:
        async with place.cache() as cache:
            for number, result in enumerate(
                (
                    answer(finish=Finish(unified="error")),
                    answer(finish=Finish(unified="content_filter")),
                    answer(cached_at=START),
                )
            ):
                await cache.keep(some_key(str(number)), kept().of(result, made_at=START))
                assert await cache.find(some_key(str(number))) is None
            assert cache.statistics().stores == 0

    asyncio.run(work())


@pytest.mark.parametrize(
    ("said", "stays"),
    [
        ({"provider": "openai"}, {"c"}),
        ({"model": "gpt-5"}, {"b", "c"}),
        ({"model": "openai/gpt-5-mini"}, {"a", "c", "d"}),
        ({"pattern": "openai/gpt-5*"}, {"c"}),
        ({"pattern": "*5"}, {"b"}),
        ({"pattern": "OPENAI/*"}, {"a", "b", "c", "d"}),
        ({"caller": "bob"}, {"a", "b", "c"}),
        ({"provider": "openai", "caller": "bob"}, {"a", "b", "c"}),
        ({"provider": "anthropic", "model": "gpt-5"}, {"a", "b", "c", "d"}),
        ({"everything": True}, set()),
    ],
)
def test_invalidation_throws_out_what_is_named_and_nothing_else(
    place: Place, said: dict[str, object], stays: set[str]
) -> None:
    """By who answered, by a pattern, by who had asked, and by several of these together."""

    async def work() -> None:
        async with place.cache() as cache:
            facts = {
                "a": ("ann", "openai", "gpt-5"),
                "b": ("ann", "openai", "gpt-5-mini"),
                "c": ("ann", "anthropic", "claude-5"),
                "d": ("bob", "openai", "gpt-5"),
            }
            keys = {}
            for word, (caller, provider, model) in facts.items():
                request = TextRequest(prompt=word)
                keys[word] = cache.key(request, caller=caller, wish="")
                await cache.keep(keys[word], kept(word, provider=provider, model=model))
            gone = await cache.invalidate(**said)  # type: ignore[arg-type]  # by name
            found = {word for word, key in keys.items() if await cache.find(key) is not None}
            assert found == stays
            assert gone == (len(facts) - len(stays) if place.lists_what_it_holds else 0)
            await cache.keep(keys["a"], kept("anew"))
            assert await said_again(cache, keys["a"]) == "anew"

    asyncio.run(work())


def test_an_answer_goes_by_the_name_that_was_asked_for_too(place: Place) -> None:
    """Providers answer as a dated version of what they were asked for."""

    async def work() -> None:
        async with place.cache() as cache:
            asked = Attempt(number=1, provider="openai", model="gpt-5", state="succeeded")
            result = kept(model="gpt-5-2026-08-01", attempts=(asked,))
            for model in ("gpt-5", "gpt-5-2026-08-01"):
                await cache.keep(some_key("a"), result)
                gone = await cache.invalidate(model=model)
                assert gone == int(place.lists_what_it_holds)
                assert await cache.find(some_key("a")) is None

    asyncio.run(work())


@pytest.mark.parametrize("said", [{}, {"everything": True, "provider": "openai"}])
def test_an_invalidation_says_what_it_means(place: Place, said: dict[str, object]) -> None:
    """Nothing said would be everything, by mistake."""

    async def work() -> None:
        async with place.cache() as cache:
            await cache.keep(some_key("a"), kept())
            with pytest.raises(InvalidRequest, match="expected at least one"):
                await cache.invalidate(**said)  # type: ignore[arg-type]  # by name
            assert await cache.find(some_key("a")) is not None

    asyncio.run(work())


def test_the_statistics_count_what_happened(place: Place) -> None:
    """And the money that was not spent."""

    async def work() -> None:
        async with place.cache() as cache:
            await cache.find(some_key("a"))
            await cache.keep(some_key("a"), kept())
            await cache.keep(
                some_key("b"), kept(cost=answer().cost.model_copy(update={"amount": None}))
            )
            for word in "aab":
                assert await cache.find(some_key(word)) is not None
            told = cache.statistics()
            assert (told.hits, told.misses, told.stores, told.evictions) == (3, 1, 2, 0)
            assert told.saved_usd == Decimal("0.50")
            assert told.hits_by_tier == {place.tiers[0]: 3}
            assert told.entries == (2 if "memory" in place.tiers else 0)

    asyncio.run(work())


def test_what_is_kept_again_replaces_what_was_there(place: Place) -> None:
    """With an age of its own."""

    async def work() -> None:
        async with place.cache(ttl_seconds=60) as cache:
            await cache.keep(some_key("a"), kept("old"))
            place.clock.advance(40)
            await cache.keep(some_key("a"), kept("new", provider="anthropic"))
            place.clock.advance(40)
            assert await said_again(cache, some_key("a")) == "new"
            assert await cache.invalidate(provider="anthropic") == int(place.lists_what_it_holds)
            assert await cache.find(some_key("a")) is None

    asyncio.run(work())


def test_an_answer_too_large_for_a_tier_is_not_kept_there(place: Place) -> None:
    """It is counted, and is in nobody's way."""

    async def work() -> None:
        async with place.cache(max_bytes=1024 * 1024) as cache:
            await cache.keep(some_key("a"), kept("x" * 1024 * 1024))
            assert await cache.find(some_key("a")) is None
            assert cache.statistics().too_large == len(place.tiers)
            assert cache.statistics().bytes == 0
            assert place.said == []

    asyncio.run(work())


def test_changing_a_found_answer_changes_nobody_elses(place: Place) -> None:
    """Frozen as results are, the values of their dictionaries are not."""

    async def work() -> None:
        async with place.cache() as cache:
            request = TextRequest(prompt="any")
            await cache.keep(some_key("a"), kept(provider_metadata={"tier": "gold"}))
            first = await cache.find(some_key("a"))
            assert first is not None
            first.result(request).provider_metadata["tier"] = "stolen"
            second = await cache.find(some_key("a"))
            assert second is not None
            assert second.result(request).provider_metadata == {"tier": "gold"}
            assert second.made_at - START == timedelta(0)

    asyncio.run(work())
