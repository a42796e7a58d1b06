"""What was spent and used: a key sees its own, an administrator everybody's."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any, get_args

from fastapi import APIRouter, Depends, Query
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.ledger import Costs, CostsBy, Spent
from anymedia.contracts.media import Medium
from anymedia.contracts.quality import QualityReport
from anymedia.contracts.replay import Replay
from anymedia.contracts.route import Strategy
from anymedia.gateway.ours.schemas import answers, listed
from anymedia.gateway.ours.shown import plain
from anymedia.gateway.shared.document import as_json

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

Moment = Annotated[str | None, Query(max_length=64, examples=["7d", "24h", "2026-11-01"])]
Name = Annotated[str | None, Query(max_length=300)]
UNITS = (
    "requests",
    "failed",
    "cached",
    "input_tokens",
    "output_tokens",
    "cached_input_tokens",
    "images",
    "seconds",
    "characters",
    "credits",
    "unpriced",
    "pending",
)
AMOUNTS = {
    name: {"type": "number" if name in {"seconds", "credits"} else "integer"} for name in UNITS
}
USAGE: dict[str, Any] = {
    "type": "object",
    "required": ["by", "lines", "total"],
    "properties": {
        "by": {"type": "string"},
        "since": {"type": ["string", "null"]},
        "until": {"type": ["string", "null"]},
        "time_zone": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["group", *UNITS],
                "properties": {"group": {"type": "string"}, **AMOUNTS},
            },
        },
        "total": {"type": "object", "required": list(UNITS), "properties": AMOUNTS},
    },
}


def part(
    since: Moment = None,
    until: Moment = None,
    key: Annotated[str | None, Query(max_length=64)] = None,
    tag: Name = None,
    provider: Name = None,
    model: Name = None,
    media: Medium | None = None,
    time_zone: Annotated[str, Query(max_length=64, examples=["Europe/Berlin"])] = "UTC",
) -> dict[str, Any]:
    """Which part of the ledger is asked about, as the client takes it."""
    said = {
        "since": since,
        "until": until,
        "owner": key,
        "tag": tag,
        "provider": provider,
        "model": model,
        "media": media,
        "time_zone": time_zone,
    }
    return {name: value for name, value in said.items() if value is not None}


Part = Annotated[dict[str, Any], Depends(part)]
Form = Annotated[
    str | None, Query(alias="format", pattern="^(json|csv)$", description="Instead of `Accept`.")
]


def router(gateway: Gateway) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["money"])

    @routes.get(
        "/api/costs",
        summary="What was spent, in groups",
        responses=answers({200: Costs}, tables=True),
    )
    async def costs(
        request: HttpRequest, asked: Part, by: CostsBy = "provider", form: Form = None
    ) -> Response:
        found = await gateway.client.costs(by, **seen(gateway, request, asked))
        if wants_csv(request, form):
            head = (by, *Spent.model_fields)
            return as_csv(head, every_line(found, tuple(Spent.model_fields)))
        return as_json(plain(found))

    @routes.get(
        "/api/usage",
        summary="What was used, in groups",
        responses=answers({200: USAGE}, tables=True),
    )
    async def usage(
        request: HttpRequest, asked: Part, by: CostsBy = "model", form: Form = None
    ) -> Response:
        found = await gateway.client.costs(by, **seen(gateway, request, asked))
        if wants_csv(request, form):
            return as_csv((by, *UNITS), every_line(found, UNITS))
        told = plain(found)
        return as_json(
            {
                "by": by,
                "since": told["since"],
                "until": told["until"],
                "time_zone": found.time_zone,
                "lines": [{"group": one.group, **counted(one)} for one in found.lines],
                "total": counted(found.total),
            }
        )

    @routes.get(
        "/api/quality",
        summary="How well each model has done what was asked, how fast, for how much",
        responses=answers({200: QualityReport}),
    )
    async def quality(request: HttpRequest, asked: Part) -> Response:
        return as_json(plain(await gateway.client.quality(**seen(gateway, request, asked))))

    @routes.get(
        "/api/costs/replay",
        summary="What the same requests would have cost, had they been given to others",
        responses=answers({200: Replay}),
    )
    async def replay(
        request: HttpRequest,
        asked: Part,
        strategy: Annotated[list[Strategy], Query(max_length=len(get_args(Strategy)))] = [],  # noqa: B006  FastAPI copies it
    ) -> Response:
        found = await gateway.client.replay(strategy, **seen(gateway, request, asked))
        return as_json(plain(found))

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


def seen(gateway: Gateway, request: HttpRequest, asked: Mapping[str, Any]) -> dict[str, Any]:
    """The part that whoever asks may see; an administrator may look at one `key`."""
    caller = gateway.asker(request)
    caller.need("costs")
    return {**asked} if caller.may("admin") else {**asked, "owner": caller.owner}


def counted(spent: Spent) -> dict[str, float]:
    """A sum without its money."""
    found: dict[str, float] = {}
    for name in UNITS:
        value = getattr(spent, name)
        found[name] = float(value) if isinstance(value, Decimal) else value
    return found


def wants_csv(request: HttpRequest, form: str | None) -> bool:
    """Whether it is for a spreadsheet."""
    if form is not None:
        return form == "csv"
    return "text/csv" in request.headers.get("accept", "")


def every_line(found: Costs, names: tuple[str, ...]) -> Iterable[tuple[Any, ...]]:
    """The groups, the total last."""
    for group, one in [*((line.group, line) for line in found.lines), ("total", found.total)]:
        yield harmless(group), *(getattr(one, name) for name in names)


def harmless(text: str) -> str:
    """A name that no spreadsheet takes for a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def as_csv(head: tuple[str, ...], lines: Iterable[tuple[Any, ...]]) -> Response:
    """Comma-separated lines."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(lines)
    return Response(out.getvalue(), media_type="text/csv")
