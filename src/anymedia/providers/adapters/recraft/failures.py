"""What failures mean at Recraft.

Only 401 and 404 are documented, both as plain text; for the rest the status decides, and where one
status serves several the words do.
"""

from __future__ import annotations

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    RequestRejected,
)
from anymedia.providers.explain import ErrorTable, Rule

explain = ErrorTable(
    (
        Rule(error=InsufficientCredits, code="not_enough_credits"),
        Rule(
            error=InsufficientCredits,
            status=(400, 403, 422),
            words=("not enough credits", "insufficient", "balance", "api units"),
        ),
        Rule(
            error=ContentRefused,
            status=(400, 403, 422),
            words=("nsfw", "content policy", "moderation", "inappropriate", "safety"),
        ),
        Rule(
            error=ModelUnavailable,
            status=(400, 404, 422),
            words=("unknown model", "invalid model", "unsupported model", "model not found"),
        ),
        Rule(error=AuthenticationFailed, status=(401, 403)),
        Rule(error=InsufficientCredits, status=402),
        Rule(error=RequestRejected, status=(400, 404, 413, 415, 422)),
    )
)
