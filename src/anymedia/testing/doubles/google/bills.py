"""What the double charges: by the catalogue's prices, reckoned on its own."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from anymedia.contracts.model import Model
from anymedia.testing.doubles.google.interactions import seconds_of
from anymedia.testing.tariff import owed


def prices(model: Model) -> dict[str, Decimal]:
    """What one of each unit costs, where nothing else is said."""
    plain = (one for one in model.prices if not one.when and one.above_input_tokens is None)
    return {one.unit: one.usd / one.per for one in plain}


def paid(model: Model, number: Decimal) -> Decimal:
    """What so many results cost."""
    each = prices(model)
    return number * (each.get("images") or each.get("requests") or Decimal(0))


def filmed(model: Model, body: dict[str, Any]) -> Decimal:
    """What a clip costs, by the second.

    Google counts tokens, about 5792 a second at 720p for 17.50 dollars a million; the lists that
    can be cited, for all resolutions, round what that comes to.
    """
    form = body.get("response_format", {})
    seconds = Decimal(str(seconds_of(form)))
    amount = owed(model, {"resolution": form.get("resolution", "720p")}, seconds=seconds)
    return Decimal(0) if amount is None else amount


def charged(model: Model, whole: dict[str, Any], body: dict[str, Any]) -> Decimal:
    """What an answer costs: tokens, or a picture of its size; a blocked prompt, nothing."""
    if "candidates" not in whole:
        return Decimal(0)
    told, each = whole["usageMetadata"], prices(model)
    total = each.get("input_tokens", Decimal(0)) * told["promptTokenCount"]
    out = told.get("candidatesTokenCount", 0) + told.get("thoughtsTokenCount", 0)
    total += each.get("output_tokens", Decimal(0)) * out
    if model.medium == "image" and told.get("candidatesTokensDetails"):
        size = body.get("generationConfig", {}).get("imageConfig", {}).get("imageSize", "1K")
        sized = [one.usd for one in model.prices if one.when.get("resolution") == size]
        total += sized[0] if sized else each["images"]
    return Decimal(total)
