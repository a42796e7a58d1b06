"""What failures mean at Runway, as a status and as the code of a failed task."""

from __future__ import annotations

from typing import Any

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
from anymedia.providers.explain import ErrorTable, Rule, Said, text
from anymedia.wire.http import HttpResponse
from anymedia.wire.shape import Shape


class Issue(Shape):
    """One thing that is wrong with a body."""

    code: str | None = None
    path: tuple[Any, ...] | None = None
    message: str | None = None


class Refusal(Shape):
    """A failed answer."""

    error: Any = None
    code: str | None = None
    issues: tuple[Issue, ...] | None = None


def said(response: HttpResponse) -> Said:
    """The vendor's words; of a body with several mistakes the first one's path counts."""
    refusal = response.read(Refusal)
    issues = refusal.issues or ()
    paths = [".".join(map(str, issue.path or ())) for issue in issues]
    told = "; ".join(
        f"{path}: {issue.message}" if path else issue.message or ""
        for path, issue in zip(paths, issues, strict=True)
    )
    message = text(refusal.error)
    return Said(
        message=f"{message} ({told})" if told else message,
        code=refusal.code or (issues[0].code if issues else "") or "",
        param="model" if "model" in paths else paths[0] if paths else "",
    )


explain = ErrorTable(
    (
        # Codes of tasks that have failed. What was refused on the way in is charged all the same.
        Rule(error=ContentRefused, code="SAFETY.INPUT*", retryable=False),
        Rule(error=ContentRefused, code=("SAFETY*", "INPUT_PREPROCESSING.SAFETY*")),
        Rule(error=RequestRejected, code=("INPUT_PREPROCESSING*", "ASSET.INVALID*")),
        Rule(error=ProviderError, code="INTERNAL*", retryable=True, accepted="yes"),
        Rule(error=ProviderError, code="task-failed", retryable=True, accepted="yes"),
        # There is no status of its own for an empty account (sdk-node issue 28).
        Rule(error=InsufficientCredits, status=400, words="enough credits"),
        Rule(error=ModelUnavailable, status=(400, 404), code="no_eligible_model"),
        Rule(error=ModelUnavailable, status=400, param="model"),
        Rule(error=RequestRejected, status=(400, 404, 405)),
        Rule(error=AuthenticationFailed, status=(401, 403)),
        # The day's quota; too much at once is queued instead.
        Rule(error=RateLimited, status=429),
        Rule(error=ProviderUnavailable, status=(500, 502, 503), accepted="unknown"),
    ),
    reads=said,
)
