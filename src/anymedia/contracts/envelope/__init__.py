"""The versioned envelope: one request and one response for everything, in JSON.

`UnifiedRequest`, `UnifiedResponse` and `UnifiedError` are the current version (`v2_0`). Older
versions are accepted: `read_request` and `write_response` speak with a caller in the caller's
version, `migrate` moves a document between any two. `typed` and `answered` translate between
the envelope and the typed contracts. Schemas are published in `schemas/`.
"""

from anymedia.contracts.envelope.answering import answered
from anymedia.contracts.envelope.asking import typed
from anymedia.contracts.envelope.migration import migrate, read_request, write_response
from anymedia.contracts.envelope.v2_0 import UnifiedError, UnifiedRequest, UnifiedResponse
from anymedia.contracts.envelope.values import CURRENT, Version

__all__ = [
    "CURRENT",
    "UnifiedError",
    "UnifiedRequest",
    "UnifiedResponse",
    "Version",
    "answered",
    "migrate",
    "read_request",
    "typed",
    "write_response",
]
