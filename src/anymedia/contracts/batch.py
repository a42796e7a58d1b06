"""Many requests as one: what is wanted of them together, how they stand, what became of each."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import AfterValidator, Field, JsonValue

from anymedia.contracts.base import Contract
from anymedia.contracts.cost import Cost
from anymedia.contracts.media import Medium
from anymedia.contracts.problem import Problem
from anymedia.contracts.usage import Usage

BatchStatus: TypeAlias = Literal[
    "queued", "running", "cancelling", "completed", "cancelled", "stopped"
]
"""`completed` says that every line has an end, good or bad; `stopped` that money or time were up."""
ItemStatus: TypeAlias = Literal[
    "queued", "running", "succeeded", "failed", "cancelled", "outcome_unknown", "invalid"
]
OVER: frozenset[str] = frozenset({"completed", "cancelled", "stopped"})
ENDED: frozenset[str] = frozenset(
    {"succeeded", "failed", "cancelled", "outcome_unknown", "invalid"}
)
SECONDS = {"m": 60, "h": 3600, "d": 86400}
WINDOW = re.compile(r"([1-9]\d{0,3})([mhd])")
LOW = -50
EXPIRED = "expired"
"""Among a failure's details: the provider's batch ended before it got to the line."""


def window(said: str) -> str:
    """A length of time as people write it."""
    if not WINDOW.fullmatch(said):
        raise ValueError("expected a time such as `24h`, `90m` or `2d`")
    return said


def seconds_of(said: str) -> float:
    """A window in seconds."""
    found = WINDOW.fullmatch(said)
    assert found is not None
    return float(int(found[1]) * SECONDS[found[2]])


class BatchSettings(Contract):
    """What is wanted of all requests of a batch together."""

    name: str | None = Field(default=None, max_length=200)
    completion_window: Annotated[str, AfterValidator(window)] | None = None
    """How long it may take, such as `24h`. From there on, text goes through the batch APIs of
    providers that have one, at their discount."""
    on_invalid: Literal["refuse", "skip"] = "refuse"
    """Whether one bad line is a reason to take none on."""
    on_expired: Literal["fallback", "fail"] = "fail"
    """What becomes of requests that a provider's batch did not get to: single requests at the full
    price, or the failure."""
    max_cost: Decimal | None = Field(default=None, ge=0)
    """US dollars for the whole batch. What could exceed it is not begun."""
    timeout_seconds: float | None = Field(default=None, gt=0)
    """From its acceptance; what has not begun by then is not begun any more."""
    concurrency: int = Field(default=16, ge=1, le=256)
    """How many of its requests are under way at the same time, limits of providers apart."""
    priority: int = Field(default=LOW, ge=-100, le=100)
    """Of its requests, where a line does not say."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    tags: tuple[str, ...] = ()
    """Labels that the costs of all its requests can be grouped by."""
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=255)

    @property
    def uses_provider_batches(self) -> bool:
        """Whether there is time enough for the batch APIs of providers."""
        return self.completion_window is not None and seconds_of(self.completion_window) >= 86400


class BatchRequest(BatchSettings):
    """A batch as one document: its requests, or a file of them that is kept already."""

    requests: tuple[dict[str, JsonValue], ...] | None = Field(default=None, max_length=100_000)
    """Each as a line of the file would be: `custom_id`, `media_type`, and the request's fields."""
    input_artifact: str | None = None
    """The id of an artifact: a JSONL file."""
    media_type: Medium | None = None
    """Of requests that do not say."""


class BatchCounts(Contract):
    """How many of its lines stand how."""

    total: int = 0
    queued: int = 0
    running: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0
    outcome_unknown: int = 0
    invalid: int = 0

    @property
    def ended(self) -> int:
        """How many are over."""
        return self.total - self.queued - self.running


class LineMistake(Contract):
    """A line that is not a request."""

    line: int
    custom_id: str | None = None
    message: str
    param: str | None = None
    """The field that it is about, as a path into the line's body, where one is known."""
    code: str | None = None
    """A word for it in the dialect of the line, where that has one."""


class BatchPart(Contract):
    """What was handed to one provider's batch API."""

    provider: str
    model: str
    state: str
    requests: int
    handle: str | None = None
    """The provider's id of it."""
    problem: Problem | None = None


class Batch(Contract):
    """Many requests, from accepted to the last of them ended."""

    id: str
    status: BatchStatus
    settings: BatchSettings
    counts: BatchCounts
    progress: float = 0.0
    """From 0 to 1, by requests."""
    eta_seconds: float | None = None
    """How long the rest takes if it goes on like this; `None` when nothing can be said."""
    cost: Cost
    """What its requests have cost so far."""
    pending: int = 0
    """Requests that may be charged and of which nobody knows how much: not in `cost`."""
    created_at: datetime
    updated_at: datetime
    finished_at: datetime | None = None
    problem: Problem | None = None
    """Why it was stopped."""
    mistakes: tuple[LineMistake, ...] = ()
    """The first of the lines that were left out."""
    parts: tuple[BatchPart, ...] = ()

    @property
    def final(self) -> bool:
        """Whether nothing will happen any more."""
        return self.status in OVER


class BatchItem(Contract):
    """One line and what became of it."""

    custom_id: str | None
    line: int
    status: ItemStatus
    media_type: Medium | None = None
    provider: str | None = None
    model: str | None = None
    result: dict[str, Any] | None = None
    error: Problem | None = None
    usage: Usage | None = None
    cost: Cost | None = None
    job_id: str | None = None
