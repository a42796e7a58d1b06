"""What failures mean at fal: a model's own list of problems, or the platform's word for them.

https://docs.fal.ai/errors and https://docs.fal.ai/model-apis/errors (read 2026-11-21). The type in
`detail[]` decides before the status, then `error_type` (also a header), then words.
"""

from __future__ import annotations

from typing import Any

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
from anymedia.providers.explain import ErrorTable, Rule, Said, text
from anymedia.wire.http import HttpResponse

WRONG_INPUT = (
    *("missing", "literal_error", "enum", "value_error", "type_error*", "string_*", "int_*"),
    *("float_*", "bool_*", "list_*", "url_*", "greater_than*", "less_than*", "multiple_of"),
    *("one_of", "sequence_too_short", "sequence_too_long", "feature_not_supported"),
    *("image_too_small", "image_too_large", "image_load_error", "file_too_large"),
    *("face_detection_error", "unsupported_image_format", "unsupported_video_format"),
    "unsupported_audio_format",
)
BROKEN = (
    *("internal_server_error", "downstream_service_error", "downstream_service_unavailable"),
    *("runner_*", "internal_error"),
)
RULES: tuple[Rule, ...] = (
    Rule(error=ContentRefused, code="content_policy_violation"),
    # Often a silent refusal; fal says that trying once more can help.
    Rule(error=ProviderError, code="no_media_generated", retryable=True),
    Rule(error=RequestRejected, code="file_download_error", retryable=True),
    Rule(error=RequestRejected, code=WRONG_INPUT),
    # A limit that the caller set is not fal's slowness.
    Rule(error=ProviderTimeout, code="user:*", retryable=False),
    Rule(
        error=ProviderTimeout,
        code=("generation_timeout", "request_timeout", "startup_timeout"),
        accepted="unknown",
    ),
    Rule(error=RateLimited, code="concurrent_requests_limit"),
    Rule(error=ProviderUnavailable, code=BROKEN, accepted="unknown"),
    Rule(error=InsufficientCredits, status=403, words=("balance", "top_up", "top up")),
    Rule(error=InsufficientCredits, status=402),
    # An account that an administrator locked: no money opens it.
    Rule(error=AuthenticationFailed, status=403),
    Rule(error=ModelUnavailable, status=404, words=("application", "model", "endpoint")),
    Rule(error=RequestRejected, status=(400, 404, 405, 422)),
)


def said(response: HttpResponse) -> Said:
    """Its words, from the body or, where it has none, from its headers."""
    header = response.headers.get("x-fal-error-type", "")
    by_user = response.headers.get("x-fal-request-timeout-type", "").lower() == "user"
    found = said_in(response.read(Any), header) if response.content else Said(type=header)
    if by_user:
        return Said(message=found.message, code=f"user:{found.type or 'request_timeout'}")
    return found


def said_in(body: Any, header: str = "") -> Said:
    """The same for JSON that is already decoded: a result, or what a callback brings."""
    if not isinstance(body, dict):
        return Said(message=body if isinstance(body, str) else "", type=header)
    detail = body.get("detail")
    problems = [one for one in detail if isinstance(one, dict)] if isinstance(detail, list) else []
    kinds = [text(one.get("type")) for one in problems]
    # Of several problems a refusal is the one that matters.
    kind = next((one for one in kinds if one == "content_policy_violation"), next(iter(kinds), ""))
    return Said(
        message=text(detail) or text(body.get("error")) or text(body.get("message")),
        code=kind,
        type=text(body.get("error_type")) or header,
        param=text(problems[0].get("loc")).removeprefix("body; ") if problems else "",
    )


FAL_ERRORS = ErrorTable(rules=RULES, reads=said, request_id_headers=("x-fal-request-id",))


def explain(response: HttpResponse) -> ProviderError:
    """What a failed response of fal's means; its word against retrying overrules the table."""
    error = FAL_ERRORS(response)
    word = response.headers.get("x-fal-retryable") or response.headers.get("x-fal-needs-retry")
    if (word or "").lower() in {"false", "0"}:
        error.retryable = False
    return error
