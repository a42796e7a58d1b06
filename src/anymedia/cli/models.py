"""`anymedia models`: what can be asked for, and what it costs."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from anymedia.cli.options import Run, Setup
from anymedia.cli.words import dollars, table
from anymedia.contracts.media import Medium
from anymedia.providers.catalog.own import stale

if TYPE_CHECKING:
    from datetime import date

    from anymedia.contracts.model import Model, Price

SHOWN_PRICES = 2


async def models(
    *,
    media: Annotated[Medium | None, Parameter(help="Only models that make this.")] = None,
    provider: Annotated[
        str | None, Parameter(name=["--provider", "-p"], help="Only this provider's.")
    ] = None,
    setup: Setup = Setup(),
    session: Run,
) -> None:
    """Models that the catalogue lists: what each can do, its price, how long it lives."""
    async with session.client(setup) as client:
        days = client.settings.stale_price_days
        found = [
            one for one in client.models(media) if provider is None or one.provider == provider
        ]
    today = datetime.now(UTC).date()
    if setup.json:
        session.json(
            [
                {
                    **one.model_dump(mode="json"),
                    "lifecycle": one.lifecycle(today),
                    "stale_price": stale(one, today, days) is not None,
                }
                for one in found
            ]
        )
    elif found:
        head = ("MODEL", "MEDIA", "TASKS", "PRICE", "LIFE")
        session.print(table(head, (row(one, today, days) for one in found)))
    else:
        session.tell("the catalogue lists none")


def row(model: Model, today: date, days: int) -> tuple[str, ...]:
    """One model as a line."""
    return (
        f"{model.provider}/{model.id}",
        model.medium,
        ", ".join(model.tasks),
        prices(model) + remark(model, today, days),
        life(model, today),
    )


def remark(model: Model, today: date, days: int) -> str:
    """Which file of yours says so, and whether it has not been looked at for long."""
    old = stale(model, today, days)
    said = [model.catalog or "", f"of {old}: stale" if old else ""]
    words = ", ".join(filter(None, said))
    return f" ({words})" if words else ""


def prices(model: Model) -> str:
    """The first prices; a model without any is not free."""
    told = list(dict.fromkeys(price(one) for one in model.prices if not one.when))
    told = told or list(dict.fromkeys(price(one) for one in model.prices))
    more = " ..." if len(told) > SHOWN_PRICES or any(one.when for one in model.prices) else ""
    return ", ".join(told[:SHOWN_PRICES]) + more if told else "not known"


def price(one: Price) -> str:
    """What one unit costs, or a million of them."""
    per = {1: "", 1_000: "1k ", 1_000_000: "1M "}.get(one.per, f"{one.per:,} ")
    unit = one.unit.removesuffix("s") if one.per == 1 else one.unit
    return f"{dollars(one.usd)}/{per}{unit.replace('_', ' ')}"


def life(model: Model, today: date) -> str:
    """Whether a model lives, goes soon, or is gone, and what follows it."""
    state = model.lifecycle(today)
    if model.retires_on is None or state == "live":
        return ""
    follows = f", then {model.successor}" if model.successor else ""
    return f"{'retired' if state == 'retired' else 'retires'} {model.retires_on}{follows}"
