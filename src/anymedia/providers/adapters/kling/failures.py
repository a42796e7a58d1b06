"""What failures mean at Kling. Its status 429 stands for six things; its codes tell them apart."""

from __future__ import annotations

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule

POLICY = ("risk control", "sensitive", "policy", "moderation", "safety", "prohibited")

explain = ErrorTable(
    (
        Rule(error=AuthenticationFailed, code=("1000", "1001", "1002", "1003", "1100", "1304")),
        # Signed anew for every request, so the next one carries a fresh token.
        Rule(error=AuthenticationFailed, code="1004", retryable=True),
        Rule(error=InsufficientCredits, code=("1101", "1102")),
        Rule(error=ModelUnavailable, code=("1103", "1203")),
        Rule(error=ContentRefused, code="1301"),
        Rule(error=RequestRejected, code=("1200", "1201", "1202", "1300")),
        Rule(error=RateLimited, code=("1302", "1303")),
        Rule(error=ProviderTimeout, code="5002", accepted="unknown"),
        Rule(error=ProviderUnavailable, code=("5000", "5001"), accepted="unknown"),
        # A task's own end; its words are all there is.
        Rule(error=ContentRefused, code="failed", words=POLICY, accepted="no"),
        Rule(error=ProviderError, code="failed", retryable=True, accepted="no"),
    )
)
