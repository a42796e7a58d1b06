"""A tier that other processes use too, wherever it lies."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from anymedia.cache.kept import Kept, opened, sealed
from anymedia.cache.key import CacheKey
from anymedia.cache.order import Order, Orders
from anymedia.contracts.caching import CacheTier
from anymedia.state.redis import Unavailable

MOST_SWAPS = 20
"""Tries to add an order where other processes add theirs at the same time."""


class Lying(NamedTuple):
    """Bytes in a shared tier, and what shows that they have not been changed since."""

    data: bytes
    token: Any


class Shelf(Protocol):
    """Where bytes lie. Everything raises `Unavailable` when nobody answers there."""

    tier: CacheTier
    largest_bytes: int

    async def read(self, digest: str) -> tuple[bytes | None, bytes | None]:
        """What lies under a digest, and the orders, at one moment."""
        ...

    async def write(self, key: CacheKey, kept: Kept, data: bytes, ttl_seconds: float) -> bool:
        """Keep something. False where it is too large."""
        ...

    async def orders(self) -> Lying | None:
        """The orders, to change them."""
        ...

    async def begin(self, data: bytes) -> None:
        """The first orders, unless there are some already."""
        ...

    async def swap(self, old: Lying, data: bytes) -> bool:
        """Other orders, unless somebody else has changed them."""
        ...

    async def remove(self, order: Order) -> set[str]:
        """Take away what an order covers, as far as it can be found; the digests."""
        ...


class Found(NamedTuple):
    """An answer from a shared tier."""

    kept: Kept
    seconds_left: float


class Shared:
    """Answers that other processes find too.

    `tell` is called with every order of invalidation that was not known before, or with `None`
    when orders may have been missed; it is for what this process holds nearer.
    """

    def __init__(
        self,
        shelf: Shelf,
        *,
        now: Callable[[], datetime],
        tell: Callable[[Order | None], None],
    ) -> None:
        self.name: CacheTier = shelf.tier
        self.too_large = 0
        self._shelf = shelf
        self._now = now
        self._tell = tell
        self._known: Orders | None = None
        self._unsent: list[Order] = []
        """Orders that could not be given. Until they are, nothing is taken from there."""

    async def find(self, key: CacheKey) -> Found | None:
        """An answer that is neither too old nor invalidated; `None` also when nobody answers."""
        try:
            await self._send()
            data, orders = await self._shelf.read(key.digest)
        except Unavailable:
            return None
        known = self._heard(orders)
        if known is None or data is None:
            return None
        found = opened(data, key.digest)
        if found is None:
            return None
        envelope, kept = found
        left = envelope.expires_at - self._now().timestamp()
        good = known.spare(envelope.epoch, envelope.order, kept.names, envelope.owner)
        if not (left > 0 and good and envelope.owner == key.owner):
            return None
        return Found(kept, left)

    async def keep(self, key: CacheKey, kept: Kept, *, ttl_seconds: float) -> None:
        """Keep an answer for so long, if it fits and somebody answers."""
        if kept.size_bytes > self._shelf.largest_bytes:
            self.too_large += 1
            return
        try:
            await self._send()
            known = self._known or await self._current()
            data = sealed(
                kept,
                digest=key.digest,
                owner=key.owner,
                epoch=known.epoch,
                order=known.last,
                expires_at=self._now().timestamp() + ttl_seconds,
            )
            if not await self._shelf.write(key, kept, data, ttl_seconds):
                self.too_large += 1
        except Unavailable:
            return

    async def obey(self, order: Order) -> set[str]:
        """Throw out what an order covers, for everybody; the digests of what was found."""
        self._unsent.append(order)
        try:
            return await self._send()
        except Unavailable:
            return set()

    async def listen(self) -> None:
        """Hear of orders that other processes have given."""
        try:
            await self._send()
            lying = await self._shelf.orders()
        except Unavailable:
            return
        self._heard(lying.data if lying else None)

    def _heard(self, data: bytes | None) -> Orders | None:
        """Take note of the orders; tell of those that were not known."""
        orders = Orders.read(data)
        before, self._known = self._known, orders
        if orders == before or (before is None and orders is not None and not orders.last):
            return orders
        newer = orders.after(before.last) if orders and before else None
        if orders is None or before is None or orders.epoch != before.epoch or newer is None:
            self._tell(None)
        else:
            for order in newer:
                self._tell(order)
        return orders

    async def _send(self) -> set[str]:
        """Give the orders that have not been given; the digests of what was found."""
        gone: set[str] = set()
        while self._unsent:
            order = self._unsent[0]
            await self._give(order)
            if self._unsent and self._unsent[0] is order:  # others may have been at it too
                self._unsent.pop(0)
            with suppress(Unavailable):  # worthless it is by now; that it goes is tidiness
                gone |= await self._shelf.remove(order)
        return gone

    async def _give(self, order: Order) -> None:
        for _ in range(MOST_SWAPS):
            lying = await self._shelf.orders()
            if lying is None:
                # There are none, and so nothing that was kept is good any more.
                await self._shelf.begin(Orders(new_epoch()).written())
                continue
            known = self._heard(lying.data)
            new = (known or Orders(new_epoch())).followed_by(order)
            if await self._shelf.swap(lying, new.written()):
                self._heard(new.written())
                return
        raise Unavailable("too many processes invalidate at the same time")

    async def _current(self) -> Orders:
        """The orders as they are, begun if there are none."""
        lying = await self._shelf.orders()
        if lying is None:
            await self._shelf.begin(Orders(new_epoch()).written())
            lying = await self._shelf.orders()
        elif Orders.read(lying.data) is None:  # garbage: whoever comes first begins anew
            await self._shelf.swap(lying, Orders(new_epoch()).written())
            lying = await self._shelf.orders()
        known = self._heard(lying.data) if lying else None
        if known is None:
            raise Unavailable("the list of invalidations does not stay where it is put")
        return known


def new_epoch() -> str:
    """Like no other before."""
    return secrets.token_hex(8)
