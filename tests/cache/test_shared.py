"""A tier shared with others, on a shelf that does what a test wants."""

from __future__ import annotations

import asyncio

from anymedia.cache.kept import Kept
from anymedia.cache.key import CacheKey
from anymedia.cache.order import Order, Orders
from anymedia.cache.shared import Lying, Shared
from anymedia.contracts.caching import CacheTier
from anymedia.state.redis import Unavailable
from tests.cache.samples import kept, some_key
from tests.support.clock import FakeClock


class DictShelf:
    """A shelf that is a dictionary, and fails where it is told to."""

    def __init__(self) -> None:
        self.tier: CacheTier = "redis"
        self.largest_bytes = 10_000
        self.lies: dict[str, bytes] = {}
        self.lost_swaps = 0
        """So often somebody else is quicker."""
        self.cannot_remove = False
        self.forgets_orders = False

    async def read(self, digest: str) -> tuple[bytes | None, bytes | None]:
        return self.lies.get(digest), self.lies.get("orders")

    async def write(self, key: CacheKey, kept: Kept, data: bytes, ttl_seconds: float) -> bool:
        self.lies[key.digest] = data
        return True

    async def orders(self) -> Lying | None:
        data = self.lies.get("orders")
        return None if data is None else Lying(data, data)

    async def begin(self, data: bytes) -> None:
        if not self.forgets_orders:
            self.lies.setdefault("orders", data)

    async def swap(self, old: Lying, data: bytes) -> bool:
        if self.lost_swaps:
            self.lost_swaps -= 1
            known = Orders.read(self.lies["orders"])
            assert known is not None
            self.lies["orders"] = known.followed_by(Order(provider="quicker")).written()
        if self.lies["orders"] != old.token:
            return False
        self.lies["orders"] = data
        return True

    async def remove(self, order: Order) -> set[str]:
        if self.cannot_remove:
            raise Unavailable("busy")
        return set()


def shared(shelf: DictShelf) -> tuple[Shared, list[Order | None]]:
    """A tier on a shelf, and what it tells."""
    told: list[Order | None] = []
    return Shared(shelf, now=FakeClock().now, tell=told.append), told


def test_an_order_is_repeated_until_nobody_was_quicker() -> None:
    """And those of the others are heard on the way, each once and in order."""

    async def work() -> None:
        shelf = DictShelf()
        tier, told = shared(shelf)
        await tier.keep(some_key("a"), kept(), ttl_seconds=60)
        shelf.lost_swaps = 3
        await tier.obey(Order(provider="openai"))
        quicker = Order(provider="quicker")
        assert told == [quicker, quicker, quicker, Order(provider="openai")]
        assert await tier.find(some_key("a")) is None

    asyncio.run(work())


def test_what_cannot_be_taken_away_is_worthless_all_the_same() -> None:
    """The tier goes on: only tidying up has failed."""

    async def work() -> None:
        shelf = DictShelf()
        tier, _ = shared(shelf)
        await tier.keep(some_key("a"), kept(), ttl_seconds=60)
        shelf.cannot_remove = True
        assert await tier.obey(Order(provider="openai")) == set()
        assert some_key("a").digest in shelf.lies
        assert await tier.find(some_key("a")) is None
        await tier.keep(some_key("a"), kept("anew"), ttl_seconds=60)
        assert await tier.find(some_key("a")) is not None
        orders = Orders.read(shelf.lies["orders"])
        assert orders is not None
        assert orders.last == 1

    asyncio.run(work())


def test_an_order_that_always_comes_too_late_is_given_later() -> None:
    """Nothing is taken from there until it has been."""

    async def work() -> None:
        shelf = DictShelf()
        tier, told = shared(shelf)
        await tier.keep(some_key("a"), kept(provider="anthropic"), ttl_seconds=60)
        shelf.lost_swaps = 25
        await tier.obey(Order(provider="openai"))
        assert Order(provider="openai") not in told
        assert await tier.find(some_key("a")) is not None
        assert told[-1] == Order(provider="openai")

    asyncio.run(work())


def test_a_shelf_that_keeps_no_orders_keeps_no_answers() -> None:
    """They could not be invalidated."""

    async def work() -> None:
        shelf = DictShelf()
        shelf.forgets_orders = True
        tier, _ = shared(shelf)
        await tier.keep(some_key("a"), kept(), ttl_seconds=60)
        assert shelf.lies == {}
        assert await tier.find(some_key("a")) is None

    asyncio.run(work())


def test_who_hears_of_orders_for_the_first_time_may_have_missed_some() -> None:
    """What it holds nearer was kept without knowing of them."""

    async def work() -> None:
        shelf = DictShelf()
        first, _ = shared(shelf)
        await first.obey(Order(provider="openai"))
        late, told = shared(shelf)
        await late.listen()
        await late.listen()
        assert told == [None]

    asyncio.run(work())
