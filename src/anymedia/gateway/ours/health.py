"""How the gateway and its providers do: for people, for balancers, for Prometheus."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING, Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4
from starlette.requests import Request as HttpRequest
from starlette.responses import Response

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.resilience import ProviderHealth
from anymedia.contracts.version import __version__
from anymedia.gateway.ours.schemas import answers
from anymedia.gateway.ours.shown import plain
from anymedia.gateway.shared.document import as_json
from anymedia.gateway.spec import Refused

if TYPE_CHECKING:
    from anymedia.gateway.app import Gateway

HEALTH: dict[str, Any] = {
    "type": "object",
    "required": ["status", "providers", "metrics"],
    "properties": {
        "status": {"enum": ["healthy", "degraded", "unhealthy"]},
        "providers": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "required": ["healthy", "circuit_state", "health_score"],
                "properties": {
                    "healthy": {"type": "boolean"},
                    "circuit_state": {"enum": ["closed", "open", "half_open"]},
                    "health_score": {"type": "number", "minimum": 0, "maximum": 1},
                },
            },
        },
        "metrics": {
            "type": "object",
            "required": ["total_requests", "success_rate", "avg_response_time"],
            "properties": {
                "total_requests": {"type": "integer"},
                "success_rate": {"type": "number", "minimum": 0, "maximum": 1},
                "avg_response_time": {"type": "number", "description": "Milliseconds"},
            },
        },
    },
}
DETAILED: dict[str, Any] = {"type": "object", "additionalProperties": True}
ALIVE = {
    "type": "object",
    "required": ["status"],
    "properties": {"status": {"type": "string"}},
}


def router(gateway: Gateway) -> APIRouter:
    """The routes. `/health`, `/livez` and `/readyz` need no key; what tells more does."""
    routes = APIRouter(tags=["health"])

    async def health() -> Response:
        told = await summary(gateway)
        return as_json(told, 503 if told["status"] == "unhealthy" else 200)

    for path in ("/health", "/api/health"):
        routes.add_api_route(
            path,
            health,
            name=f"health_{path.count('/')}",
            summary="Whether it is well, in short",
            responses=answers({200: HEALTH}) | {503: answers({200: HEALTH})[200]},
        )

    @routes.get(
        "/health/detailed",
        summary="Whether it is well, at length",
        responses=answers({200: DETAILED}),
    )
    async def detailed(request: HttpRequest) -> Response:
        inside(gateway, request)
        return as_json(
            {
                **(await summary(gateway)),
                "providers": by_name(gateway.client.health()),
                "version": __version__,
                "uptime_seconds": round(gateway.clock.monotonic() - gateway.began, 1),
                "pid": os.getpid(),
                "database": await database_works(gateway),
                "jobs": {**gateway.client.job_work(), "kept": await jobs_kept(gateway)},
                "disk_free_bytes": shutil.disk_usage(gateway.client.data_dir).free,
            }
        )

    @routes.get(
        "/health/providers",
        summary="How each provider does, by what this worker has seen of it",
        responses=answers({200: DETAILED}),
    )
    async def providers(request: HttpRequest) -> Response:
        inside(gateway, request)
        return as_json({"providers": by_name(gateway.client.health())})

    @routes.get(
        "/health/metrics", summary="The counters, as JSON", responses=answers({200: DETAILED})
    )
    async def metrics(request: HttpRequest) -> Response:
        inside(gateway, request)
        families = gateway.metrics.families()
        samples = {
            name: [{"labels": labels, "value": value} for labels, value in found]
            for name, found in families.items()
            if not name.endswith(("_created", "_bucket"))
        }
        jobs = await jobs_kept(gateway)
        return as_json({**gateway.metrics.summary(), "jobs": jobs, "samples": samples})

    @routes.get(
        "/metrics",
        summary="The counters, for Prometheus",
        responses={
            200: {"description": "All of them", "content": {"text/plain": {"schema": TEXT}}},
            "default": answers({})["default"],
        },
    )
    async def prometheus(request: HttpRequest) -> Response:
        inside(gateway, request)
        jobs = await gateway.client.jobs_standing()
        body = gateway.metrics.text(gateway.client.health(), jobs)
        return Response(body, headers={"content-type": CONTENT_TYPE_PLAIN_0_0_4})

    @routes.get("/livez", summary="Whether the process lives", responses=answers({200: ALIVE}))
    async def livez() -> Response:
        return as_json({"status": "alive"})

    @routes.get(
        "/readyz",
        summary="Whether it should be sent requests",
        responses=answers({200: ALIVE}),
    )
    async def readyz() -> Response:
        if gateway.stopping.is_set():
            raise Refused("the gateway is stopping", status=503, retryable=True)
        if not await database_works(gateway):
            raise Refused("the database does not answer", status=503, retryable=True)
        return as_json({"status": "ready"})

    return routes


TEXT = {"type": "string"}


async def summary(gateway: Gateway) -> dict[str, Any]:
    """The exact shape that `/health` promises."""
    found = gateway.client.health()
    well = [one.healthy for one in found]
    works = await database_works(gateway)
    bad = not works or (bool(well) and not any(well))
    return {
        "status": "unhealthy" if bad else "healthy" if all(well) else "degraded",
        "providers": {
            one.name: {
                "healthy": one.healthy,
                "circuit_state": one.circuit_state,
                "health_score": round(one.health_score, 4),
            }
            for one in found
        },
        "metrics": gateway.metrics.summary(),
    }


def inside(gateway: Gateway, request: HttpRequest) -> None:
    """For those who may look inside only."""
    gateway.asker(request).need("health")


def by_name(found: tuple[ProviderHealth, ...]) -> dict[str, Any]:
    """Providers' health by their names."""
    return {one.name: plain(one) for one in found}


async def jobs_kept(gateway: Gateway) -> dict[str, int]:
    """How many jobs stand how, whatever they make."""
    counts: dict[str, int] = {}
    for (_, status), count in (await gateway.client.jobs_standing()).items():
        counts[status] = counts.get(status, 0) + count
    return counts


async def database_works(gateway: Gateway) -> bool:
    """Whether the database answers."""
    try:
        await gateway.keys.any()
    except GenerationError:
        return False
    return True
