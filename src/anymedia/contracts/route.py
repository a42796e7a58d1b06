"""Where requests for a medium go: strategies, groups, fallback, affinity."""

from __future__ import annotations

from typing import Literal, TypeAlias

from pydantic import Field, model_validator

from anymedia.contracts.base import Contract
from anymedia.contracts.limit import OnFull
from anymedia.contracts.media import Medium, Quality

Strategy: TypeAlias = Literal[
    "priority",
    "round_robin",
    "weighted",
    "least_loaded",
    "latency",
    "cost",
    "quality",
    "adaptive",
]
"""How the next provider is chosen among those that fit.

`priority`: in the order given. `round_robin`: each in turn. `weighted`: in turn, by weight.
`least_loaded`: the less busy of two drawn at random. `latency`: the fastest of late. `cost`: the
cheapest that satisfies the request. `quality`: what delivers what was asked most often.
`adaptive`: what has the best of success, time and price by what was learnt.
"""

FailureClass: TypeAlias = Literal[
    "rate_limited",
    "unavailable",
    "timeout",
    "network",
    "unreadable",
    "authentication",
    "credit",
    "content_refused",
    "invalid_model",
]
"""Failures of a provider that another provider may not have."""

LateFallback: TypeAlias = Literal["never", "unless_charged", "always"]
"""Whether another provider is asked after one has taken a job on and failed.

`unless_charged`: after a refusal of the content, and after failures that the provider says it does
not charge for. `always`: also when both will have to be paid.
"""

Affinity: TypeAlias = Literal["session", "user"]
"""What stays with the provider that served it last."""

EVERY_FAILURE: tuple[FailureClass, ...] = (
    "rate_limited",
    "unavailable",
    "timeout",
    "network",
    "unreadable",
    "authentication",
    "credit",
    "content_refused",
    "invalid_model",
)


class RouteGroup(Contract):
    """Providers that stand in for each other; the next group is asked when none of these could."""

    name: str = Field(min_length=1, max_length=64)
    providers: tuple[str, ...] = Field(min_length=1)
    strategy: Strategy = "priority"
    max_attempts: int | None = Field(default=None, ge=1, le=50)
    """How many of the group one request may be sent to."""


class RoutePolicy(Contract):
    """How the next provider is chosen, and what happens when one fails or is full."""

    strategy: Strategy = "priority"
    max_attempts: int | None = Field(default=None, ge=1, le=50)
    """How many providers one request may be sent to; all that fit unless said."""
    fallback_on: tuple[FailureClass, ...] = EVERY_FAILURE
    """After which failures another provider is asked."""
    affinity: Affinity | None = None
    on_full: OnFull = "switch"
    queue_seconds: float = Field(default=30.0, gt=0, le=86400)
    """How long a request may wait for room."""
    degrade_to: Quality | None = None
    """The preset that is tried when nothing has room left for the one asked for."""
    attempt_seconds: float | None = Field(default=None, gt=0)
    """The longest that one provider may take for a text, an embedding or a transcription, so that
    there is time left for another."""
    late_fallback: LateFallback = "unless_charged"
    """Which failures of a job under way send it to another provider."""
    abandon_after_seconds: float | None = Field(default=None, gt=0)
    """The longest that a job waits for one provider while there is another to ask. The first is
    stopped where it can be; what it makes all the same is kept, and may cost."""
    stall_seconds: float | None = Field(default=None, gt=0)
    """A stream that is silent for longer has failed; `timeouts.read_seconds` unless said."""
    resume_streams: bool = False
    """Ask another provider even after the first event; the caller sees a `stream-restart`."""
    follow_successors: bool = False
    """Use the successor that the catalogue names once a model has been retired; with a warning."""
    retry_unknown: bool | None = None
    """Whether to try again when nobody knows what became of a request. Unless said: yes for text,
    embeddings and transcription, no for generated media."""


class RouteSettings(RoutePolicy):
    """Which providers serve a medium, and how."""

    media: Medium
    providers: tuple[str, ...] = ()
    groups: tuple[RouteGroup, ...] = ()
    """Instead of `providers`: asked one group after the other."""
    last_resort: str | None = None
    """Asked when all others have failed or are left alone."""

    @model_validator(mode="after")
    def _has_one_list(self) -> RouteSettings:
        if bool(self.providers) == bool(self.groups):
            raise ValueError("expected either `providers` or `groups`")
        return self


class FailoverSettings(RoutePolicy):
    """The same for media that no route is about."""


Routing: TypeAlias = FailoverSettings
"""As callers write it: `Client(routing=Routing(strategy="weighted"))`."""
