"""What failures mean at Black Forest Labs."""

from __future__ import annotations

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule

explain = ErrorTable(
    (
        # Words of a task that has ended; tasks are polled with status 200.
        Rule(error=ContentRefused, code=("Request Moderated", "Content Moderated"), accepted="no"),
        Rule(error=ProviderUnavailable, code="Task not found", retryable=True),
        Rule(error=ProviderError, code=("Error", "Failed"), retryable=True, accepted="no"),
        Rule(error=InsufficientCredits, status=402),
        # A missing or wrong key is answered 403, "Not authenticated".
        Rule(error=AuthenticationFailed, status=(401, 403)),
        Rule(error=ModelUnavailable, status=404, words="Not Found"),
        Rule(error=RequestRejected, status=422),
        # Too many active tasks, refused before anything is taken on.
        Rule(error=RateLimited, status=429),
        # "No capacity" is said instead of taking the task on.
        Rule(error=ProviderUnavailable, status=503, retryable=True, accepted="no"),
    )
)
