"""What every request can say, whatever it asks for."""

from __future__ import annotations

from decimal import Decimal
from typing import ClassVar, Generic, TypeVar

from pydantic import Field, JsonValue, field_validator

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium, Quality
from anymedia.contracts.moment import Moment
from anymedia.contracts.normalization import Normalizing
from anymedia.contracts.result import Result

ResultT = TypeVar("ResultT", bound=Result)


class RetryConfig(Contract):
    """How often and how patiently a request may be tried again at the same provider."""

    max_attempts: int = Field(default=3, ge=1, le=20)
    base_delay_seconds: float = Field(default=0.5, ge=0, le=60)
    backoff_factor: float = Field(default=2.0, ge=1, le=10)
    max_delay_seconds: float = Field(default=30.0, ge=0, le=600)


class Request(Contract, Generic[ResultT]):
    """What is wanted. It carries the type of its result, so one `run` serves every medium."""

    medium: ClassVar[Medium]
    result_type: ClassVar[type[Result]]

    model: str | None = None
    """A model, `provider/model`, or an alias from the configuration. `None` lets anymedia pick."""
    provider: str | None = None
    """Only this provider."""
    prefer: tuple[str, ...] = ()
    """Providers to ask first, in this order, as far as they fit."""
    exclude: tuple[str, ...] = ()
    """Providers, or `provider/model`, not to ask."""
    session: str | None = Field(default=None, min_length=1, max_length=255)
    """Requests of one session may be kept together at one provider (`affinity` of the route)."""
    priority: int = Field(default=0, ge=-100, le=100)
    """Higher waits less where there is a queue."""
    cache: bool | None = None
    """Whether an answer that was given before may do, and this one may be kept. As configured
    unless said."""
    options: dict[str, JsonValue] = Field(default_factory=dict)
    """Provider-specific options, passed on as they are."""
    metadata: dict[str, JsonValue] = Field(default_factory=dict)
    """Yours; comes back with the result and the job."""
    tags: tuple[str, ...] = ()
    """Labels that costs can be grouped by."""
    max_cost: Decimal | None = Field(default=None, ge=0)
    """US dollars. Candidates that may cost more are not tried."""
    idempotency_key: str | None = Field(default=None, min_length=1, max_length=255)
    """The same key with the same request is the same work, done once."""
    timeout_seconds: float | None = Field(default=None, gt=0)
    """For everything together: waiting, retries and fallbacks."""
    retry: RetryConfig | None = None
    strict: bool = False
    """Refuse a candidate that would have to round or drop an option."""

    @property
    def task(self) -> str:
        """The finer kind of work, as capability sheets name it."""
        return self.medium


class MediaRequest(Request[ResultT], Generic[ResultT]):
    """What requests for generated media share. They become jobs."""

    quality: Quality | None = None
    """Preset for whatever is not said explicitly."""
    count: int = Field(default=1, ge=1, le=100)
    seed: int | None = Field(default=None, ge=0, le=2**63 - 1)
    callback_url: str | None = Field(default=None, max_length=2048)
    """Told when the job ends."""
    not_before: Moment | None = None
    """Nothing is begun earlier; time limits count from then on."""
    fallback: bool | None = None
    """Whether another provider is asked after one has taken it on and failed, also where both
    charge for it. As the route says unless said."""
    normalize: Normalizing | None = None
    """What the results are made into, whoever delivers them; as configured unless said."""

    @field_validator("normalize")
    @classmethod
    def _suits_the_medium(cls, said: Normalizing | None) -> Normalizing | None:
        if said is not None and (mistake := said.mistake(cls.medium)) is not None:
            raise ValueError(mistake)
        return said
