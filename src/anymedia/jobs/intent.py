"""What an attempt asks its provider for, and how."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import RowMapping

from anymedia.contracts.request import MediaRequest
from anymedia.engine.fitting import fit
from anymedia.engine.wishes import without_alias
from anymedia.jobs import requests
from anymedia.jobs.desk import Attempt, Desk
from anymedia.providers.spec import Brief, Call, Job, Operation


def operation_of(desk: Desk, attempt: Attempt, medium: Any) -> Call | Job:
    """How the attempt's provider does this; it was a candidate, so it does."""
    operation: Operation | None = desk.connection_of(attempt).provider.operation(medium, Call, Job)
    assert isinstance(operation, Call | Job)
    return operation


def effective_request(job: RowMapping, attempt: Attempt, desk: Desk) -> MediaRequest[Any]:
    """The request as the attempt's model takes it."""
    request = without_alias(requests.from_row(job), desk.engine.providers)
    connection = desk.connection_of(attempt)
    options = {**connection.configured.options, **request.options}
    # What is made of the result later is not the provider's business.
    changes = {"options": options, "model": attempt["model"], "normalize": None}
    if attempt["quality"] is not None:
        changes["quality"] = attempt["quality"]
    request = request.model_copy(update=changes)
    model = desk.model_of(attempt, job["medium"])
    if model is None:
        return request  # type: ignore[return-value]  # an alias keeps the request's type
    # The model may have been retired since: what was sent then is fitted as it was then.
    sent = datetime.fromtimestamp(attempt["created_at"], UTC).date()
    return fit(request, model, sent)[0]  # type: ignore[return-value]  # as above


def brief_of(desk: Desk, job: RowMapping, attempt: RowMapping) -> Brief:
    """What the adapter is told."""
    return Brief(
        model=desk.model_of(attempt, job["medium"]),
        marker=attempt["id"],
        callback_url=desk.callback_url(attempt),
        callback_secret=desk.callback_secret(attempt),
    )
