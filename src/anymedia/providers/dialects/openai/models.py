"""The list of models: `GET /models`, which costs nothing and shows that the key works."""

from __future__ import annotations

from anymedia.providers.spec import Account
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape


class Listed(Shape):
    """One model."""

    id: str | None = None


class Listing(Shape):
    """The models that the key may use."""

    data: tuple[Listed | None, ...] | None = None


def check() -> Exchange[Account]:
    """Which models the account has."""
    response = yield get("/models")
    listing = response.read(Listing)
    return Account(models=tuple(sorted(one.id for one in listing.data or () if one and one.id)))
