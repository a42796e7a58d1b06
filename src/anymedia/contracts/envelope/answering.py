"""From what came of a request to the envelope that says so."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import Any, TypeAlias

from pydantic_core import to_jsonable_python

from anymedia.contracts.attempt import Attempt
from anymedia.contracts.cost import Cost, total
from anymedia.contracts.envelope.v2_0 import UnifiedError, UnifiedRequest, UnifiedResponse
from anymedia.contracts.errors import GenerationError, NoRouteSucceeded
from anymedia.contracts.job import Job
from anymedia.contracts.problem import Problem
from anymedia.contracts.result import Result
from anymedia.contracts.usage import Usage

Outcome: TypeAlias = Result | Job | GenerationError
Link: TypeAlias = Callable[[str], str]
"""Where an artifact can be fetched, by its id."""

SAID_BY_THE_ENVELOPE = {"provider", "model", "metadata", "elapsed_seconds"}
OF_A_JOB = (
    "request_id",
    "usage",
    "cost",
    "attempts",
    "warnings",
    "provider_metadata",
    "artifacts",
)
"""What a finished job says in the words of a `MediaResult`."""

ENDED = {
    "cancelled": Problem(code="CANCELLED", kind="Cancelled", message="the job was cancelled"),
    "outcome_unknown": Problem(
        code="OUTCOME_UNKNOWN",
        kind="OutcomeUnknown",
        accepted="unknown",
        message="the request was sent and nobody knows what came of it. "
        "Decide with `anymedia jobs resolve`.",
    ),
    "failed": Problem(code="UNKNOWN_ERROR", kind="JobFailed", message="the job failed"),
}
"""For jobs that ended badly without a word."""


def answered(
    outcome: Outcome,
    request: UnifiedRequest,
    *,
    now: datetime,
    elapsed_seconds: float,
    artifact_url: Link | None = None,
) -> UnifiedResponse:
    """The response to `request`: a result, a job wherever it stands, or a failure.

    `artifact_url` says where callers can fetch an artifact; without it they get ids alone.
    """
    facts = {
        "request_id": request.request_id,
        "timestamp": now,
        "processing_time_ms": max(0, round(elapsed_seconds * 1000)),
    }
    match outcome:
        case Result():
            said = of_result(outcome, artifact_url)
        case Job():
            said = of_job(outcome, now, artifact_url)
        case GenerationError():
            said = of_failure(outcome, request, now)
    metadata = jsonable(request.metadata | said.pop("metadata", {}))
    return UnifiedResponse.model_validate({**facts, **said, "metadata": metadata})


def of_result(result: Result, link: Link | None) -> dict[str, Any]:
    """Everything that the result says and the envelope does not."""
    body = result.model_dump(exclude=SAID_BY_THE_ENVELOPE)
    if result.cached_at is None:
        del body["cached_at"]  # a finished job reads like its result, and no job is cached
    return {
        "status": "success",
        "provider": result.provider,
        "model": result.model or None,
        "result": presentable(body, link),
        "metadata": result.metadata,
        "tokens_used": tokens(result.usage),
        "cost": amount(result.cost),
    }


def of_job(job: Job, now: datetime, link: Link | None) -> dict[str, Any]:
    """A job that goes on, that has ended well, or that has not."""
    said: dict[str, Any] = {
        "provider": job.provider,
        "model": job.model or None,
        "metadata": job.metadata,
        "tokens_used": tokens(job.usage),
    }
    standing = {"job_id": job.id, "status": job.status, "progress": job.progress}
    if not job.final:
        return said | {"status": "processing", "result": standing}
    said["cost"] = amount(job.cost)
    if job.status == "succeeded":
        body = {"job_id": job.id, **job.model_dump(include=set(OF_A_JOB))}
        return said | {"status": "success", "result": presentable(body, link)}
    error = failure(job.problem or ENDED[job.status], now, job_id=job.id)
    return said | {"status": "failed", "error": error}


def of_failure(error: GenerationError, request: UnifiedRequest, now: datetime) -> dict[str, Any]:
    """A request that came to nothing."""
    last = error.attempts[-1] if error.attempts else None
    more: dict[str, Any] = {}
    if error.attempts:
        more["attempts"] = [attempt.model_dump() for attempt in error.attempts]
    if isinstance(error, NoRouteSucceeded):
        more["failures"] = [
            {"code": each.code, "message": each.message, "provider": each.provider}
            for each in error.failures
        ]
    return {
        "status": "failed",
        "provider": (last.provider if last else None) or error.provider or request.provider,
        "model": (last.model if last else None) or request.model,
        "error": failure(error.problem(), now, **more),
        "cost": spent(error.attempts),
    }


def failure(problem: Problem, now: datetime, **more: Any) -> UnifiedError:
    """A failure in the envelope's words; what it has none for stands in `details`."""
    facts = {
        "kind": problem.kind,
        "http_status": problem.http_status,
        "provider_code": problem.provider_code,
        "provider_request_id": problem.request_id,
        "accepted": problem.accepted,
    }
    known = {name: value for name, value in facts.items() if value is not None}
    return UnifiedError(
        code=problem.code,
        message=printable_text(problem.message),
        retryable=problem.retryable,
        provider=problem.provider,
        details=jsonable({**known, **more, **problem.details}),
        timestamp=now,
        retry_after=None if problem.retry_after is None else max(0.0, problem.retry_after),
    )


def presentable(body: dict[str, Any], link: Link | None) -> dict[str, Any]:
    """A result for callers: units that were used, and artifacts by their address."""
    used = body["usage"]
    body["usage"] = {name: value for name, value in used.items() if value is not None}
    for artifact in body.get("artifacts", ()):
        # The key in our store is ours; callers go by the id.
        del artifact["location"]
        if link is not None:
            artifact["url"] = link(artifact["id"])
    return jsonable(body)


def spent(attempts: tuple[Attempt, ...]) -> Decimal | None:
    """What failed attempts cost together, where that is known."""
    costs: list[Cost] = [attempt.cost for attempt in attempts if attempt.cost is not None]
    return amount(total(costs)) if costs else None


def amount(cost: Cost) -> Decimal | None:
    """US dollars; a provider that reports less than nothing has not told what it costs."""
    return cost.amount if cost.amount is not None and cost.amount >= 0 else None


def tokens(usage: Usage) -> int | None:
    """Input and output together, if the provider counted either; some write -1 for neither."""
    counted = [n for n in (usage.input_tokens, usage.output_tokens) if n is not None and n >= 0]
    return sum(counted) if counted else None


def jsonable(value: dict[str, Any]) -> dict[str, Any]:
    """The same as JSON, whatever a provider put into its metadata."""
    plain: dict[str, Any] = to_jsonable_python(
        value, fallback=str, bytes_mode="base64", inf_nan_mode="null"
    )
    return plain


def printable_text(message: str) -> str:
    """A message that can be encoded: half a surrogate pair would break the whole response."""
    return message.encode("utf-8", "replace").decode()
