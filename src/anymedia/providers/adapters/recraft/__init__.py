"""Recraft: raster and vector pictures, answered at once.

API: https://www.recraft.ai/docs/api-reference (read 2026-11-21)

The answer tells what the call cost, in units of a thousandth of a dollar. There is nothing to look
a lost call up by, and no idempotency key.
"""

from __future__ import annotations

from decimal import Decimal

from anymedia.contracts.image import ImageRequest
from anymedia.providers.adapters.recraft.failures import explain
from anymedia.providers.adapters.recraft.image import draw
from anymedia.providers.spec import Account, Call, Inputs, Provider
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape


class Owner(Shape):
    """Whose token it is; of what is told, only the balance is read."""

    credits: Decimal | None = None


def check() -> Exchange[Account]:
    """The balance, in units of a thousandth of a dollar."""
    response = yield get("/users/me")
    return Account(balance=response.read(Owner).credits, unit="credits")


RECRAFT = Provider(
    name="recraft",
    title="Recraft",
    base_url="https://external.api.recraft.ai/v1",
    auth=BearerToken("RECRAFT_API_TOKEN", "RECRAFT_API_KEY"),
    operations=(Call(ImageRequest, draw),),
    explain=explain,
    inputs=Inputs(schemes=(), inline_bytes=10 * 1024 * 1024, mask="white"),
    check=check,
    docs="https://www.recraft.ai/docs/api-reference",
)
