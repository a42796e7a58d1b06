"""The list of models: `GET /v1/models`, which costs nothing and shows that the key works."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape

MOST_PAGES = 10
PAGE = 1000


class Listed(Shape):
    """One model."""

    id: str | None = None
    lifecycle: str | None = None


class Listing(Shape):
    """A page of the models that the key may use."""

    data: tuple[Listed | None, ...] | None = None
    has_more: bool | None = None
    last_id: str | None = None


def checking(quirks: Quirks) -> Callable[[], Exchange[Account]]:
    """The check of a service that has this list."""
    return partial(check, quirks)


def check(quirks: Quirks) -> Exchange[Account]:
    """Which models the account has, without those that are only listed as gone."""
    found: set[str] = set()
    after: str | None = None
    for _ in range(MOST_PAGES):
        response = yield get(
            "/v1/models",
            query={"limit": PAGE, "after_id": after},
            headers={"anthropic-version": quirks.version},
        )
        page = response.read(Listing)
        found |= {
            one.id for one in page.data or () if one and one.id and one.lifecycle != "retired"
        }
        if not page.has_more or not page.last_id or page.last_id == after:
            break
        after = page.last_id
    return Account(models=tuple(sorted(found)))
