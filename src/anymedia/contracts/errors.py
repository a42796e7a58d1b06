"""Everything that can fail, in one tree; each leaf says whose turn it is.

GenerationError
├── InvalidRequest             the caller's to fix
│   ├── UnknownModel
│   ├── UnsupportedOption
│   ├── UnreadableInput
│   ├── CostLimitExceeded      refused before spending
│   │   └── BudgetReached      too little is left of a budget
│   ├── NotFound
│   └── Conflict
├── InvalidConfiguration       the operator's to fix, every mistake at once
├── StorageFailed              our disk or database; nothing was lost that had been promised
├── ProviderError              one provider, one attempt
│   ├── AuthenticationFailed, InsufficientCredits      the operator's to fix
│   │   └── MissingKey
│   ├── RequestRejected        the provider found the request wrong
│   ├── ModelUnavailable       the provider does not know the model (any more)
│   ├── RateLimited            carries retry_after
│   │   └── LimitReached       a limit of ours
│   ├── ContentRefused         another provider may differ; a retry will not
│   ├── ProviderTimeout, ProviderUnavailable, NetworkFailed      try again, or elsewhere
│   │   └── CircuitOpen        left alone, because it has failed too often
│   └── UnreadableResponse     ours to fix: an answer we did not understand
├── NoRouteSucceeded           every candidate failed; `.failures` in order
├── JobFailed                  accepted, then failed
├── OutcomeUnknown             sent, and nobody knows what came of it; a person decides
└── Cancelled                  stopped because somebody asked
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from anymedia.contracts.problem import Acceptance, Code, Problem

if TYPE_CHECKING:
    from anymedia.contracts.attempt import Attempt


class GenerationError(Exception):
    """Anything that anymedia raises on purpose."""

    default_code: ClassVar[Code] = "UNKNOWN_ERROR"
    default_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        code: Code | None = None,
        retryable: bool | None = None,
        accepted: Acceptance = "no",
        provider: str | None = None,
        http_status: int | None = None,
        provider_code: str | None = None,
        request_id: str | None = None,
        retry_after: float | None = None,
        details: dict[str, Any] | None = None,
        attempts: tuple[Attempt, ...] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code: Code = code or self.default_code
        self.retryable = self.default_retryable if retryable is None else retryable
        self.accepted: Acceptance = accepted
        self.provider = provider
        self.http_status = http_status
        self.provider_code = provider_code
        self.request_id = request_id
        self.retry_after = retry_after
        self.details = details or {}
        self.attempts = attempts

    def __str__(self) -> str:
        return self.message

    def problem(self) -> Problem:
        """The same failure as a value."""
        return Problem(
            code=self.code,
            message=self.message,
            kind=type(self).__name__,
            retryable=self.retryable,
            accepted=self.accepted,
            provider=self.provider,
            http_status=self.http_status,
            provider_code=self.provider_code,
            request_id=self.request_id,
            retry_after=self.retry_after,
            details=self.details,
        )


class InvalidRequest(GenerationError):
    """The request cannot be right as it is."""

    default_code: ClassVar[Code] = "INVALID_REQUEST"


class UnknownModel(InvalidRequest):
    """No provider here knows the model, or it has been retired."""

    default_code: ClassVar[Code] = "INVALID_MODEL"


class UnsupportedOption(InvalidRequest):
    """The model exists and cannot do this; the message says which can."""


class UnreadableInput(InvalidRequest):
    """An input file, URL or artifact that cannot be read, or is too large."""


class CostLimitExceeded(InvalidRequest):
    """It would cost more than `max_cost` or a budget allows; nothing was spent."""

    default_code: ClassVar[Code] = "BUDGET_EXCEEDED"


class BudgetReached(CostLimitExceeded):
    """Too little is left of a budget; the provider was not asked."""


class NotFound(InvalidRequest):
    """No such job or artifact, or not yours."""

    default_code: ClassVar[Code] = "NOT_FOUND"


class Conflict(InvalidRequest):
    """It contradicts what is already there, such as an idempotency key with another body."""

    default_code: ClassVar[Code] = "CONFLICT"


class InvalidConfiguration(GenerationError):
    """The configuration has mistakes; the message lists them all, each with its path."""

    default_code: ClassVar[Code] = "INVALID_CONFIGURATION"


class StorageFailed(GenerationError):
    """The data directory, its disk or the database does not take what it should keep."""

    default_code: ClassVar[Code] = "STORAGE_ERROR"
    default_retryable: ClassVar[bool] = True


class ProviderError(GenerationError):
    """One provider, one attempt."""

    default_code: ClassVar[Code] = "PROVIDER_ERROR"


class AuthenticationFailed(ProviderError):
    """The provider does not accept the credentials."""

    default_code: ClassVar[Code] = "AUTHENTICATION_FAILED"


class MissingKey(AuthenticationFailed):
    """No credentials are configured for the provider."""


class InsufficientCredits(ProviderError):
    """The account is empty, in arrears or over its spending limit."""

    default_code: ClassVar[Code] = "INSUFFICIENT_CREDITS"


class RequestRejected(ProviderError):
    """The provider found the request wrong."""

    default_code: ClassVar[Code] = "INVALID_REQUEST"


class ModelUnavailable(ProviderError):
    """The provider does not know the model, or not for this account."""

    default_code: ClassVar[Code] = "INVALID_MODEL"


class RateLimited(ProviderError):
    """Too many requests; `retry_after` says when there is room again."""

    default_code: ClassVar[Code] = "RATE_LIMIT_EXCEEDED"
    default_retryable: ClassVar[bool] = True


class LimitReached(RateLimited):
    """A limit of this installation; the provider was not asked."""


class ContentRefused(ProviderError):
    """A safety system refused the prompt, an input or the result."""

    default_code: ClassVar[Code] = "CONTENT_POLICY_VIOLATION"


class ProviderTimeout(ProviderError):
    """No answer in time."""

    default_code: ClassVar[Code] = "TIMEOUT"
    default_retryable: ClassVar[bool] = True


class ProviderUnavailable(ProviderError):
    """The provider is overloaded or broken."""

    default_retryable: ClassVar[bool] = True


class CircuitOpen(ProviderUnavailable):
    """The provider has failed too often of late and was not asked."""


class NetworkFailed(ProviderError):
    """The connection could not be made, or broke."""

    default_code: ClassVar[Code] = "NETWORK_ERROR"
    default_retryable: ClassVar[bool] = True


class UnreadableResponse(ProviderError):
    """An answer that is not what the provider's documentation says."""


class NoRouteSucceeded(GenerationError):
    """Every candidate failed. `failures` holds them in the order they were tried."""

    def __init__(
        self, message: str, *, failures: tuple[GenerationError, ...] = (), **facts: Any
    ) -> None:
        last = failures[-1] if failures else None
        facts.setdefault("code", last.code if last else "UNKNOWN_ERROR")
        facts.setdefault("retryable", any(failure.retryable for failure in failures))
        facts.setdefault("provider", last.provider if last else None)
        facts.setdefault("http_status", last.http_status if last else None)
        facts.setdefault("retry_after", last.retry_after if last else None)
        taken = {failure.accepted for failure in failures}
        facts.setdefault("accepted", next((a for a in ("unknown", "yes") if a in taken), "no"))
        super().__init__(message, **facts)
        self.failures = failures


class JobFailed(GenerationError):
    """The provider took the job on and then failed it."""

    default_code: ClassVar[Code] = "PROVIDER_ERROR"


class OutcomeUnknown(GenerationError):
    """A paid request was sent and nobody knows whether it was accepted.

    It is neither retried nor refunded. `anymedia jobs resolve ID` decides.
    """

    default_code: ClassVar[Code] = "OUTCOME_UNKNOWN"


class Cancelled(GenerationError):
    """Stopped because somebody asked."""

    default_code: ClassVar[Code] = "CANCELLED"


def kinds(root: type[GenerationError] = GenerationError) -> dict[str, type[GenerationError]]:
    """Every error by its name."""
    found = {root.__name__: root}
    for child in root.__subclasses__():
        found |= kinds(child)
    return found


def raised(problem: Problem, attempts: tuple[Attempt, ...] = ()) -> GenerationError:
    """The exception that a stored problem stands for."""
    kind = kinds().get(problem.kind, GenerationError)
    facts = problem.model_dump(exclude={"message", "kind"})
    return kind(problem.message, **facts, attempts=attempts)
