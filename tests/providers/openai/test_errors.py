"""OpenAI's failures, row by row of its documentation, and what servers add."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    ModelUnavailable,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.providers.dialects.openai.errors import (
    OPENAI_ERRORS,
    SERVER_ERRORS,
    explain,
    failure_inside,
)
from anymedia.wire.http import HttpResponse


def failed(status: int, *, headers: dict[str, str] | None = None, **error: Any) -> HttpResponse:
    """A failed response."""
    return HttpResponse(status, json.dumps({"error": error}).encode(), headers)


VERIFY = "Your organization must be verified to use the model `gpt-image-2`."


@pytest.mark.parametrize(
    ("response", "error", "retryable", "accepted"),
    [
        (failed(400, code="invalid_value"), RequestRejected, False, "no"),
        (failed(400, code=None, message="x"), RequestRejected, False, "no"),
        (failed(400, code="context_length_exceeded"), RequestRejected, False, "no"),
        (failed(400, code="model_not_found"), ModelUnavailable, False, "no"),
        (failed(400, code="invalid_value", param="model"), ModelUnavailable, False, "no"),
        (failed(404, code="model_not_found"), ModelUnavailable, False, "no"),
        (failed(404, message="Invalid URL"), RequestRejected, False, "no"),
        (
            failed(400, code="moderation_blocked", type="image_generation_user_error"),
            ContentRefused,
            False,
            "no",
        ),
        (failed(400, code="content_policy_violation"), ContentRefused, False, "no"),
        (failed(401, code="invalid_api_key"), AuthenticationFailed, False, "no"),
        (failed(403, message="Country not supported"), AuthenticationFailed, False, "no"),
        (failed(400, message=VERIFY), AuthenticationFailed, False, "no"),
        (failed(409, message="conflict"), ProviderUnavailable, True, "no"),
        (failed(413), RequestRejected, False, "no"),
        (failed(422), RequestRejected, False, "no"),
        (failed(429, code="rate_limit_exceeded"), RateLimited, True, "no"),
        (failed(429, code="slow_down", type="rate_limit_error"), RateLimited, True, "no"),
        (failed(429), RateLimited, True, "no"),
        (failed(429, type="insufficient_quota"), InsufficientCredits, False, "no"),
        (failed(429, code="project_spend_limit_exceeded"), InsufficientCredits, False, "no"),
        (failed(429, code="credit_balance_exhausted"), InsufficientCredits, False, "no"),
        (failed(408), ProviderTimeout, True, "unknown"),
        (failed(500, type="server_error"), ProviderUnavailable, True, "unknown"),
        (failed(502), ProviderUnavailable, True, "unknown"),
        (failed(503), ProviderUnavailable, True, "unknown"),
        (failed(503, code="server_is_overloaded"), ProviderUnavailable, True, "no"),
        (failed(504), ProviderTimeout, True, "unknown"),
        (HttpResponse(500, b"<html>"), ProviderUnavailable, True, "unknown"),
        (HttpResponse(404, b""), RequestRejected, False, "no"),
        (HttpResponse(400, b'{"error": {"message": {"loc": 5}}}'), RequestRejected, False, "no"),
    ],
)
def test_each_failure_says_whose_turn_it_is(
    response: HttpResponse, error: type[GenerationError], retryable: bool, accepted: str
) -> None:
    """And whether a paid request may be sent again."""
    found = explain(response)
    assert type(found) is error
    assert (found.retryable, found.accepted) == (retryable, accepted)
    assert found.http_status == response.status


def test_a_failure_keeps_what_support_will_ask_for() -> None:
    """The provider's code, the field it blames, its request id, its patience."""
    headers = {"X-Request-Id": "req_7", "retry-after-ms": "1500", "retry-after": "9"}
    found = explain(
        failed(429, headers=headers, code="rate_limit_exceeded", param="n", message="Slow down")
    )
    assert found.message == "Slow down"
    assert (found.provider_code, found.request_id) == ("rate_limit_exceeded", "req_7")
    assert found.retry_after == 1.5
    assert found.details == {"param": "n"}


@pytest.mark.parametrize(
    ("status", "word", "retryable"),
    [(500, "false", False), (429, "false", False), (400, "true", True), (500, "maybe", True)],
)
def test_the_providers_word_on_retrying_overrules_the_table(
    status: int, word: str, retryable: bool
) -> None:
    """`x-should-retry` comes first, as in the official client."""
    assert explain(failed(status, headers={"x-should-retry": word})).retryable is retryable


def test_an_empty_account_is_not_tried_again_whatever_the_header_says() -> None:
    """It would stay empty."""
    response = failed(429, headers={"x-should-retry": "true"}, code="insufficient_quota")
    assert explain(response).retryable is False


@pytest.mark.parametrize(
    ("response", "error", "accepted"),
    [
        (failed(404, message="model 'x' not found"), ModelUnavailable, "no"),
        (failed(405), RequestRejected, "no"),
        (failed(501, type="not_supported_error"), RequestRejected, "no"),
        (failed(503, type="unavailable_error", message="Loading"), ProviderUnavailable, "no"),
        (failed(503), ProviderUnavailable, "unknown"),
        (failed(500, message="CUDA out of memory"), ProviderUnavailable, "unknown"),
        (failed(402), InsufficientCredits, "no"),
        (HttpResponse(400, b"bad field", {"content-type": "text/plain"}), RequestRejected, "no"),
        (
            HttpResponse(404, b'{"object": "error", "message": "no", "code": 404}'),
            ModelUnavailable,
            "no",
        ),
    ],
)
def test_servers_of_ones_own_mean_other_things(
    response: HttpResponse, error: type[GenerationError], accepted: str
) -> None:
    """A 404 is a model that is not loaded, a 501 an endpoint that is not built in."""
    found = SERVER_ERRORS(response)
    assert type(found) is error
    assert found.accepted == accepted


def test_a_plain_text_failure_is_quoted() -> None:
    """Proxies and small servers have no other form."""
    response = HttpResponse(422, b"missing field `messages`", {"content-type": "text/plain"})
    assert SERVER_ERRORS(response).message == "missing field `messages`"


@pytest.mark.parametrize(
    ("body", "error", "status"),
    [
        ({"error": {"code": 429, "message": "x"}}, RateLimited, 429),
        ({"error": {"code": "502", "message": "x"}}, ProviderUnavailable, 502),
        ({"error": {"code": "rate_limit_exceeded"}}, RateLimited, None),
        ({"error": {"type": "insufficient_quota"}}, InsufficientCredits, None),
        ({"error": {"type": "server_error"}}, ProviderUnavailable, None),
        ({"error": {"code": "server_is_overloaded"}}, ProviderUnavailable, None),
        ({"error": {"code": "vector_store_timeout"}}, ProviderTimeout, None),
        ({"error": {"type": "invalid_request_error"}}, RequestRejected, None),
        ({"error": {"code": "999", "message": "x"}}, GenerationError, None),
        ({"error": {"code": "9" * 5000}}, GenerationError, None),
        ({"error": []}, GenerationError, None),
        ({}, GenerationError, None),
    ],
)
def test_failures_inside_an_answer_go_by_code_and_by_the_status_in_it(
    body: dict[str, Any], error: type[GenerationError], status: int | None
) -> None:
    """Several services put the status it should have had into `code`."""
    found = failure_inside(body, OPENAI_ERRORS, "req_1")
    assert isinstance(found, error)
    assert (found.http_status, found.request_id) == (status, "req_1")
