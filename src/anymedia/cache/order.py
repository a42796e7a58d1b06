"""Invalidation: which kept answers should go, and how every process hears of it.

Processes that share a tier share one short list of orders there. An answer is kept together with
the number of the last order that was known when it was asked for; a later order that covers it
makes it worthless, wherever it lies. So an order needs to find nothing to be obeyed: Memcached
cannot list its keys, and another process's memory cannot be reached at all.

The list is short, because it is read with every answer: what was kept so long ago that an order
since then has been dropped from it counts as covered. And it belongs to an epoch: when the list
is lost, another epoch begins, and what was kept in an earlier one counts as never kept. Better
asked again than wrongly answered.
"""

from __future__ import annotations

from fnmatch import fnmatchcase

import msgspec

MOST_ORDERS = 100
"""The list is no longer than this."""


class Order(msgspec.Struct, frozen=True, omit_defaults=True):
    """Which answers should go: those for which everything holds that is said here."""

    provider: str | None = None
    model: str | None = None
    """Without its provider, or as `provider/model`."""
    pattern: str | None = None
    """A glob over `provider/model`; `*` stands for slashes too."""
    owner: str | None = None

    def covers(self, names: tuple[str, ...], owner: str) -> bool:
        """Whether answers of these names (`provider/model`) and this owner should go."""
        if self.owner is not None and self.owner != owner:
            return False
        return any(map(self._names, names))

    def _names(self, name: str) -> bool:
        provider, _, model = name.partition("/")
        return (
            (self.provider is None or self.provider == provider)
            and (self.model is None or self.model in {model, name})
            and (self.pattern is None or fnmatchcase(name, self.pattern))
        )


class Orders(msgspec.Struct, frozen=True):
    """The latest orders, as they lie in a shared tier."""

    epoch: str
    last: int = 0
    """The number of the newest order."""
    recent: tuple[Order, ...] = ()
    """The newest at the end."""

    def after(self, number: int) -> tuple[Order, ...] | None:
        """Those that came after a number; `None` when some of them have been dropped."""
        newer = self.last - number
        if newer > len(self.recent):
            return None
        return self.recent[-newer:] if newer > 0 else ()

    def spare(self, epoch: str, number: int, names: tuple[str, ...], owner: str) -> bool:
        """Whether an answer kept when so many orders were known is still good."""
        if epoch != self.epoch or number > self.last:
            return False
        newer = self.after(number)
        return newer is not None and not any(order.covers(names, owner) for order in newer)

    def followed_by(self, order: Order) -> Orders:
        """The same and one more."""
        return Orders(self.epoch, self.last + 1, (*self.recent, order)[-MOST_ORDERS:])

    def written(self) -> bytes:
        """As bytes."""
        return msgspec.json.encode(self)

    @staticmethod
    def read(data: bytes | None) -> Orders | None:
        """From bytes; `None` where there is nothing, or something else."""
        if data is None:
            return None
        try:
            orders = msgspec.json.decode(data, type=Orders)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return None
        return orders if orders.last >= len(orders.recent) else None
