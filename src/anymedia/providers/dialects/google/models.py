"""The list of models, which costs nothing and shows that the credentials work."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape

MOST_PAGES = 10
PAGE = 100


class Listed(Shape):
    """One model: `models/...`, on Vertex AI `publishers/google/models/...`."""

    name: str | None = None


class Listing(Shape, rename="camel"):
    """A page of models, under either surface's name."""

    models: tuple[Listed | None, ...] | None = None
    publisher_models: tuple[Listed | None, ...] | None = None
    next_page_token: str | None = None


def checking(path: str) -> Callable[[], Exchange[Account]]:
    """The check of a surface that has this list."""
    return partial(check, path)


def check(path: str) -> Exchange[Account]:
    """Which models there are."""
    found: set[str] = set()
    after: str | None = None
    for _ in range(MOST_PAGES):
        response = yield get(path, query={"pageSize": PAGE, "pageToken": after})
        page = response.read(Listing)
        listed = (*(page.models or ()), *(page.publisher_models or ()))
        found |= {one.name.rpartition("/")[2] for one in listed if one and one.name}
        if not page.next_page_token or page.next_page_token == after:
            break
        after = page.next_page_token
    return Account(models=tuple(sorted(found)))
