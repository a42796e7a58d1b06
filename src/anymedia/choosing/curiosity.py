"""How much of the traffic may go to options that are not thought best, to learn of them.

Every request earns a small credit, and every detour costs one. So the share of detours has a
bound that holds always and not only on average. Credit is not hoarded: after a long time without
detours there are no more than a few in a row.
"""

from __future__ import annotations

from typing import Final

from anymedia.choosing.memory import Kind

SHARE: Final = 0.02
"""At most so many of all requests of a kind are detours."""
MOST_CREDIT: Final = 2.0


def may_explore(kind: Kind) -> bool:
    """Whether there is credit for a detour."""
    return kind.credit >= 1.0


def earn(kind: Kind) -> None:
    """One more request of the kind."""
    kind.credit = min(kind.credit + SHARE, MOST_CREDIT)


def spend(kind: Kind) -> None:
    """One detour."""
    kind.credit -= 1.0
