"""Single flight: identical requests at the same time are sent once."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest

from anymedia.cache.cache import Cache
from anymedia.cache.flight import Flights, Landed
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.errors import ProviderTimeout
from anymedia.contracts.text import Finish, TextRequest
from tests.cache.samples import answer
from tests.support.clock import FakeClock


class Provider:
    """Answers when told to, and counts what it was asked."""

    def __init__(self) -> None:
        self.asked = 0
        self.stopped = 0
        self.may_answer = asyncio.Event()
        self.failure: BaseException | None = None

    async def ask(self) -> str:
        self.asked += 1
        try:
            await self.may_answer.wait()
        except asyncio.CancelledError:
            self.stopped += 1
            raise
        if self.failure is not None:
            raise self.failure
        return f"answer {self.asked}"


async def settled() -> None:
    """Everybody has got as far as they can."""
    for _ in range(10):
        await asyncio.sleep(0)


def waiting(flights: Flights, provider: Provider, number: int) -> list[asyncio.Task[Landed[str]]]:
    """So many identical requests."""
    return [asyncio.create_task(flights.once("same", provider.ask)) for _ in range(number)]


def running(test: Callable[[Flights, Provider], Awaitable[None]]) -> None:
    """Run a test with nothing under way before and nothing left over after."""

    async def work() -> None:
        flights = Flights()
        await test(flights, Provider())
        await settled()
        assert flights._flights == {}

    asyncio.run(work())


def test_a_hundred_at_once_are_one() -> None:
    """All get the same, and all but one know that it was somebody else's."""

    async def test(flights: Flights, provider: Provider) -> None:
        tasks = waiting(flights, provider, 100)
        await settled()
        provider.may_answer.set()
        landed = await asyncio.gather(*tasks)
        assert provider.asked == 1
        assert {one.value for one in landed} == {"answer 1"}
        assert [one.joined for one in landed] == [False] + [True] * 99

    running(test)


def test_who_comes_later_asks_anew() -> None:
    """Nothing is kept here."""

    async def test(flights: Flights, provider: Provider) -> None:
        provider.may_answer.set()
        first = await flights.once("same", provider.ask)
        second = await flights.once("same", provider.ask)
        assert (first, second) == (
            Landed("answer 1", joined=False),
            Landed("answer 2", joined=False),
        )

    running(test)


def test_different_requests_do_not_wait_for_each_other() -> None:
    """Each has a flight of its own."""

    async def test(flights: Flights, provider: Provider) -> None:
        tasks = [asyncio.create_task(flights.once(word, provider.ask)) for word in "ab"]
        await settled()
        assert provider.asked == 2
        provider.may_answer.set()
        assert [one.joined for one in await asyncio.gather(*tasks)] == [False, False]

    running(test)


def test_a_failure_is_everybodys_who_waited_and_nobodys_who_comes_later() -> None:
    """The same would have happened to them; it is not remembered."""

    async def test(flights: Flights, provider: Provider) -> None:
        provider.failure = ProviderTimeout("too slow")
        tasks = waiting(flights, provider, 3)
        await settled()
        provider.may_answer.set()
        failed = await asyncio.gather(*tasks, return_exceptions=True)
        assert [type(one) for one in failed] == [ProviderTimeout] * 3
        assert provider.asked == 1
        provider.failure = None
        assert await flights.once("same", provider.ask) == Landed("answer 2", joined=False)

    running(test)


@pytest.mark.parametrize("gives_up", [0, 1, 2])
def test_who_gives_up_takes_nothing_from_the_others(gives_up: int) -> None:
    """Also the one who began it: what was asked goes on, and is not asked again."""

    async def test(flights: Flights, provider: Provider) -> None:
        tasks = waiting(flights, provider, 3)
        await settled()
        tasks[gives_up].cancel()
        await settled()
        assert tasks[gives_up].cancelled()
        provider.may_answer.set()
        rest = [task for task in tasks if task is not tasks[gives_up]]
        assert {one.value for one in await asyncio.gather(*rest)} == {"answer 1"}
        assert (provider.asked, provider.stopped) == (1, 0)

    running(test)


def test_when_all_have_given_up_the_work_stops() -> None:
    """And has stopped by the time that the last one hears so."""

    async def test(flights: Flights, provider: Provider) -> None:
        tasks = waiting(flights, provider, 3)
        await settled()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        assert (provider.asked, provider.stopped) == (1, 1)
        provider.may_answer.set()
        assert (await flights.once("same", provider.ask)).value == "answer 2"

    running(test)


def test_who_comes_while_abandoned_work_stops_does_not_wait_for_it() -> None:
    """A new flight begins at once."""

    async def test(flights: Flights, provider: Provider) -> None:
        tidied = asyncio.Event()

        async def slow_to_stop() -> str:
            try:
                return await provider.ask()
            finally:
                await tidied.wait()

        first = asyncio.create_task(flights.once("same", slow_to_stop))
        await settled()
        first.cancel()
        await settled()
        provider.may_answer.set()
        assert (await flights.once("same", provider.ask)).value == "answer 2"
        tidied.set()
        with pytest.raises(asyncio.CancelledError):
            await first

    running(test)


def test_work_that_is_cancelled_from_within_is_asked_again_by_those_who_had_joined() -> None:
    """Once for all of them: it is not their request that was stopped."""

    async def test(flights: Flights, provider: Provider) -> None:
        provider.failure = asyncio.CancelledError()

        async def another() -> str:
            return "asked again"

        first = asyncio.create_task(flights.once("same", provider.ask))
        await settled()
        asked = 0

        async def counted() -> str:
            nonlocal asked
            asked += 1
            await asyncio.sleep(0)
            return await another()

        others = [asyncio.create_task(flights.once("same", counted)) for _ in range(3)]
        await settled()
        provider.may_answer.set()
        assert {one.value for one in await asyncio.gather(*others)} == {"asked again"}
        assert asked == 1
        with pytest.raises(asyncio.CancelledError):
            await first

    running(test)


def test_a_failure_nobody_waits_for_any_more_makes_no_noise() -> None:
    """It has been seen; the loop has nothing to complain of."""
    complaints: list[Any] = []

    async def work() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, told: complaints.append(told))
        flights = Flights()

        async def fails_when_stopped() -> str:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                raise ProviderTimeout("too late") from None
            return "never"

        task = asyncio.create_task(flights.once("same", fails_when_stopped))
        await settled()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(work())
    assert complaints == []


def test_only_requests_that_would_fail_alike_are_joined() -> None:
    """Of the same caller and the same patience, although their answers would be the same."""

    async def work() -> None:
        cache = Cache(
            CacheSettings(shared_by_callers=True), clock=FakeClock(), report=lambda _: None
        )
        asked = 0
        go = asyncio.Event()

        async def ask() -> object:
            nonlocal asked
            asked += 1
            await go.wait()
            return answer()

        def once(caller: str, **facts: Any) -> asyncio.Task[Landed[object]]:
            request = TextRequest(prompt="Weather?", **facts)
            key = cache.key(request, caller=caller, wish="")
            return asyncio.create_task(cache.ask_once(key, ask))

        tasks = [
            once("ann"),
            once("ann", metadata={"order": 1}),
            once("bob"),
            once("ann", timeout_seconds=1),
            once("ann", max_cost=Decimal("0.01")),
            once("ann", retry={"max_attempts": 1}),
        ]
        await settled()
        go.set()
        joined = [one.joined for one in await asyncio.gather(*tasks)]
        assert joined == [False, True, False, False, False, False]
        assert asked == 5
        told = cache.statistics()
        assert (told.joined, told.saved_usd) == (1, Decimal("0.25"))

    asyncio.run(work())


@pytest.mark.parametrize("finish", ["stop", "content_filter"])
def test_who_joined_has_a_copy_that_costs_nothing(finish: str) -> None:
    """Paid for once, and nobody can change another's; also where it would not be kept."""
    cache = Cache(CacheSettings(), clock=FakeClock(), report=lambda _: None)
    brought = answer(
        finish=Finish.model_validate({"unified": finish}),
        metadata={"order": 1},
        provider_metadata={"tier": "gold"},
    )
    own = cache.joined(brought, TextRequest(prompt="Weather?", metadata={"order": 2}))
    assert (own.text, own.cost.amount, own.metadata) == (brought.text, Decimal(0), {"order": 2})
    own.provider_metadata["tier"] = "stolen"
    assert brought.provider_metadata == {"tier": "gold"}
    assert brought.cost.amount == Decimal("0.25")
