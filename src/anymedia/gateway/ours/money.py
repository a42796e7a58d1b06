"""What was spent and used: a key sees its own, an administrator everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from fastapi import APIRouter, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.ledger import Costs, CostsBy, Spent
from anymedia.gateway.ours.schemas import answers, listed
from anymedia.gateway.ours.shown import plain
from anymedia.gateway.shared.document import as_json

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

Moment = Annotated[str | None, Query(max_length=64, examples=["7d", "24h", "2026-11-01"])]
COUNTS = ("requests", "failed", "input_tokens", "output_tokens", "unpriced", "pending")
AMOUNTS = {name: {"type": "integer"} for name in COUNTS}
USAGE: dict[str, Any] = {
    "type": "object",
    "required": ["by", "lines", "total"],
    "properties": {
        "by": {"type": "string"},
        "since": {"type": ["string", "null"]},
        "until": {"type": ["string", "null"]},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["group", *COUNTS],
                "properties": {"group": {"type": "string"}, **AMOUNTS},
            },
        },
        "total": {"type": "object", "required": list(COUNTS), "properties": AMOUNTS},
    },
}


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["money"])

    @routes.get("/api/costs", summary="What was spent, in groups", responses=answers({200: Costs}))
    async def costs(
        request: HttpRequest,
        by: CostsBy = "provider",
        since: Moment = None,
        until: Moment = None,
        key: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        found = await summed(gateway, request, by, since, until, key)
        return as_json(plain(found))

    @routes.get("/api/usage", summary="What was used, in groups", responses=answers({200: USAGE}))
    async def usage(
        request: HttpRequest,
        by: CostsBy = "model",
        since: Moment = None,
        until: Moment = None,
        key: Annotated[str | None, Query(max_length=64)] = None,
    ) -> Response:
        found = await summed(gateway, request, by, since, until, key)
        told = plain(found)
        return as_json(
            {
                "by": by,
                "since": told["since"],
                "until": told["until"],
                "lines": [{"group": one.group, **counted(one)} for one in found.lines],
                "total": counted(found.total),
            }
        )

    @routes.get(
        "/api/budgets",
        summary="How budgets stand: spent, reserved, left, and when they start anew",
        responses=answers({200: listed("budgets", "BudgetStanding")}),
    )
    async def budgets(request: HttpRequest) -> Response:
        caller = gateway.asker(request)
        caller.need("costs")
        found = [
            plain(one)
            for one in await gateway.client.budgets()
            if caller.may("admin") or (one.scope == "key" and one.name == caller.owner)
        ]
        return as_json({"budgets": found})

    return routes


async def summed(
    gateway: Gateway,
    request: HttpRequest,
    by: CostsBy,
    since: str | None,
    until: str | None,
    key: str | None,
) -> Costs:
    """The sums that whoever asks may see; an administrator may look at one `key`."""
    caller = gateway.asker(request)
    caller.need("costs")
    owner = key if caller.may("admin") else caller.owner
    return await gateway.client.costs(by, since=since, until=until, owner=owner)


def counted(spent: Spent) -> dict[str, int]:
    """A sum without its money."""
    return {name: getattr(spent, name) for name in COUNTS}
