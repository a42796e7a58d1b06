"""One prediction: what every answer and every call consists of, and what its state means.

https://replicate.com/docs/topics/predictions/lifecycle (read 2026-11-21)
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from anymedia.contracts.errors import ProviderError, ProviderTimeout, UnreadableResponse
from anymedia.contracts.job import Failed, JobState, Queued, Running, Stopped, Succeeded
from anymedia.contracts.media import Medium
from anymedia.providers.adapters.replicate.errors import failure
from anymedia.providers.adapters.replicate.output import artifacts, used
from anymedia.wire.shape import Shape

PLAIN_ID = re.compile(r"[A-Za-z0-9]{1,100}")
PERCENT = re.compile(r"(\d{1,3})%\|")
"""How progress bars write it into the logs."""


class Prediction(Shape):
    """One run of a model."""

    id: str
    status: str | None = None
    model: str | None = None
    version: str | None = None
    output: Any = None
    error: Any = None
    logs: str | None = None
    metrics: Any = None
    data_removed: bool | None = None
    created_at: str | None = None
    completed_at: str | None = None
    deadline: str | None = None
    source: str | None = None
    webhook: str | None = None


def identified(made: Prediction) -> Prediction:
    """The same, if its id can stand in a path."""
    if not PLAIN_ID.fullmatch(made.id):
        raise UnreadableResponse("the prediction's id cannot stand in a path", accepted="unknown")
    return made


def state(made: Prediction, medium: Medium, *, early: bool = False) -> JobState:
    """What a prediction's state means.

    `early`: the answer was waited for; then files are complete before the state says so.
    """
    usage = used(made.metrics, 0, medium)
    match made.status:
        case "starting":
            return Queued()
        case "succeeded":
            return succeeded(made, medium)
        case "failed":
            words = made.error if isinstance(made.error, str) else None
            return Failed(problem=failure(words, made.id).problem(), usage=usage)
        case "canceled" if past(made.completed_at, made.deadline):
            return Failed(problem=overdue(made).problem(), usage=usage, charged=True)
        case "canceled":
            return Stopped(usage=usage, charged=None if usage.gpu_seconds is None else True)
        case "aborted" if made.deadline:
            return Failed(problem=overdue(made).problem(), usage=usage, charged=False)
        case "aborted":  # it never began to run
            return Stopped(usage=usage, charged=False)
        case _ if early and made.output:
            return succeeded(made, medium)
        case _:  # processing, and whatever Replicate may add
            return Running(progress=progress(made.logs))


def succeeded(made: Prediction, medium: Medium) -> JobState:
    """Done; an hour later everything that was made is gone."""
    if made.output is None and made.data_removed:
        gone = UnreadableResponse(
            "the prediction succeeded and its files are gone: Replicate removes them after an hour",
            accepted="yes",
            request_id=made.id,
        )
        return Failed(problem=gone.problem(), usage=used(made.metrics, 0, medium), charged=True)
    until = moment(made.completed_at)
    found = artifacts(made.output, expires_at=until and until + timedelta(hours=1))
    if not found:
        raise UnreadableResponse(
            "the prediction succeeded without a file", accepted="yes", request_id=made.id
        )
    version = made.version if made.version not in {None, "hidden"} else None
    return Succeeded(
        model=f"{made.model}:{version}" if made.model and version else made.model,
        request_id=made.id,
        artifacts=found,
        usage=used(made.metrics, len(found), medium),
    )


def overdue(made: Prediction) -> ProviderError:
    """The caller's own deadline (`cancel_after`) passed."""
    return ProviderTimeout(
        "the prediction was stopped at its deadline", retryable=False, request_id=made.id
    )


def progress(logs: str | None) -> float | None:
    """The last progress bar in the logs."""
    found = PERCENT.findall((logs or "")[-2000:])
    return min(int(found[-1]), 100) / 100 if found else None


def moment(text: str | None) -> datetime | None:
    """A time with its zone, if it is one that can be reckoned with."""
    try:
        found = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    return found if found.tzinfo is not None and 1970 < found.year < 9000 else None


def past(text: str | None, deadline: str | None) -> bool:
    """Whether it ended at its deadline or later."""
    ended, limit = moment(text), moment(deadline)
    return ended is not None and limit is not None and ended >= limit
