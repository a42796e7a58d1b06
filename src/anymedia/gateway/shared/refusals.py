"""Which status each of our errors is, and what else every dialect says with it.

A provider's wrong key or empty account is not the caller's: a 401 would send people looking for
their own. What may have been accepted, and paid, is never to be sent again by a client's own retry,
so `x-should-retry` (which the official clients heed) says no.
"""

from __future__ import annotations

import math

from anymedia.contracts import errors
from anymedia.contracts.errors import GenerationError, NoRouteSucceeded
from anymedia.gateway.spec import Refused

STATUSES: dict[type[GenerationError], int] = {
    errors.InvalidRequest: 400,
    errors.UnknownModel: 404,
    errors.CostLimitExceeded: 402,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.InvalidConfiguration: 500,
    errors.StorageFailed: 503,
    errors.ProviderError: 502,
    errors.RequestRejected: 400,
    errors.ModelUnavailable: 404,
    errors.RateLimited: 429,
    errors.ContentRefused: 400,
    errors.ProviderTimeout: 504,
    errors.ProviderUnavailable: 503,
    errors.JobFailed: 502,
    errors.OutcomeUnknown: 502,
    errors.Cancelled: 409,
    GenerationError: 500,
}
"""Of the nearest kind; what is not here is as its parent."""
RETRIED = frozenset({408, 409, 429})
"""Statuses below 500 that clients try again by themselves."""
LONGEST_WAIT_SECONDS = 86_400


def decisive(error: GenerationError) -> GenerationError:
    """The failure that decides: of several candidates' the last one's."""
    while isinstance(error, NoRouteSucceeded) and error.failures:
        error = error.failures[-1]
    return error


def status_of(error: GenerationError) -> int:
    """The status of a failure."""
    error = decisive(error)
    if isinstance(error, Refused):
        return error.status
    return next(STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES)


def headers_of(error: GenerationError) -> dict[str, str]:
    """When to come back, whether to come back at all, and with which method."""
    headers: dict[str, str] = {}
    wait = error.retry_after
    if wait is not None and math.isfinite(wait):
        headers["retry-after"] = str(min(max(0, math.ceil(wait)), LONGEST_WAIT_SECONDS))
    status = status_of(error)
    if (status >= 500 or status in RETRIED) and (not error.retryable or error.accepted != "no"):
        headers["x-should-retry"] = "false"
    cause = decisive(error)
    if isinstance(cause, Refused) and cause.allow:
        headers["allow"] = ", ".join(cause.allow)
    return headers
