"""Azure OpenAI: both surfaces, three ways to prove who asks, and its ways of failing.

Answers are written after PyPI openai 3.52.0 and litellm 1.109.1 (read 2026-11-21); recorded ones
of Azure's are read in tests/providers/openai.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    InvalidConfiguration,
    ModelUnavailable,
    ProviderError,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    UnreadableResponse,
)
from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.adapters.azure_openai import AZURE_OPENAI
from anymedia.providers.adapters.azure_openai.auth import AzureAccount, located
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse, form_field, get, post

NOW = datetime(2026, 11, 21, tzinfo=UTC)
AUTH = AzureAccount()
KEY = {"api_key": "k", "endpoint": "https://acme.openai.azure.com/"}
PRINCIPAL = {"tenant_id": "t-1", "client_id": "c", "client_secret": "s"}


def failed(status: int, error: Any, **headers: str) -> GenerationError:
    """What a failure means."""
    body = json.dumps({"error": error}).encode()
    return AZURE_OPENAI.explain(HttpResponse(status, body, headers))


@pytest.mark.parametrize(
    "where",
    [
        {"endpoint": "https://acme.openai.azure.com"},
        {"endpoint": "https://acme.openai.azure.com/openai/v1/"},
        {"resource": "acme"},
    ],
)
def test_the_newer_surface_is_openais_under_the_resources_address(where: dict[str, str]) -> None:
    """With the key in a header of its own."""
    request = post("/chat/completions", json={"model": "gpt-5.4"})
    sent = AUTH.authorize(request, {"api_key": "k", **where}, NOW)
    assert located(where) == "https://acme.openai.azure.com"
    assert sent.path == "/openai/v1/chat/completions"
    assert sent.headers == {"api-key": "k"}


def test_on_the_dated_surface_the_deployment_stands_in_the_path() -> None:
    """Where it comes from JSON or from a form; what has no deployment stands beside."""
    dated = KEY | {"api_version": "2025-04-01-preview"}
    host = "https://acme.openai.azure.com/openai"
    root = located(dated) or ""
    version = "?api-version=2025-04-01-preview"
    for request, path in (
        (post("/chat/completions", json={"model": "my/gpt"}), "/deployments/my%2Fgpt/chat/completions"),
        (post("/images/edits", parts=(form_field("model", "pic"),)), "/deployments/pic/images/edits"),
        (post("/responses", json={"model": "m"}), "/responses"),
        (get("/models"), "/models"),
    ):  # fmt: skip
        assert AUTH.authorize(request, dated, NOW).url(root) == host + path + version
    preview = AUTH.authorize(get("/models"), KEY | {"api_version": "preview"}, NOW)
    assert preview.url(root) == f"{host}/v1/models?api-version=preview"


@pytest.mark.parametrize(
    "where", [{"endpoint": "acme.openai.azure.com"}, {"resource": "a/b"}, {"resource": ""}]
)
def test_an_address_that_is_none_is_the_operators_to_mend(where: dict[str, str]) -> None:
    """Before anything is sent."""
    with pytest.raises(InvalidConfiguration):
        AUTH.authorize(get("/models"), {"api_key": "k", **where}, NOW)


def test_one_of_three_proofs_is_needed() -> None:
    """A key, a token, or what a token is got with."""
    secret = AUTH.secrets[0]
    assert secret.missing_from({"tenant_id": "t", "client_id": "c"})
    for enough in ({"api_key": "k"}, {"ad_token": "t"}, PRINCIPAL):
        assert not secret.missing_from(enough)


def test_a_service_principal_is_traded_for_a_token() -> None:
    """By client credentials; the token then goes as a bearer."""
    (sent,), token = replay(
        AUTH.grant(PRINCIPAL, NOW),
        HttpResponse(200, b'{"access_token": "tok", "expires_in": 3599}'),
        explain=AZURE_OPENAI.explain,
    )
    assert sent.path == "https://login.microsoftonline.com/t-1/oauth2/v2.0/token"
    assert not sent.authorize
    assert token.expires_at == NOW + timedelta(seconds=3599)
    asked = AUTH.authorize(get("/models"), KEY | {"token": "tok"}, NOW)
    assert asked.headers == {"Authorization": "Bearer tok"}
    for held, value in ((KEY, ""), ({"ad_token": "given"}, "given")):
        _, found = replay(AUTH.grant(held, NOW), explain=AZURE_OPENAI.explain)
        assert found.value == value
    with pytest.raises(AuthenticationFailed):
        replay(AUTH.grant(PRINCIPAL, NOW), HttpResponse(200, b"{}"), explain=AZURE_OPENAI.explain)


def test_a_refusal_stands_one_level_deeper() -> None:
    """Under either of its spellings."""
    for name in ("innererror", "inner_error"):
        inner = {"code": "ResponsibleAIPolicyViolation", "content_filter_result": {}}
        error = failed(400, {"code": "whatever", "message": "filtered", name: inner})
        assert isinstance(error, ContentRefused)
    assert isinstance(failed(400, {"code": "content_filter", "message": ""}), ContentRefused)


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (400, "bad", RequestRejected),
        (401, "401", AuthenticationFailed),
        (403, None, AuthenticationFailed),
        (404, "DeploymentNotFound", ModelUnavailable),
        (404, None, ModelUnavailable),
        (408, None, ProviderTimeout),
        (410, "ModelDeprecated", ModelUnavailable),
        (429, "429", RateLimited),
        (429, "insufficient_quota", InsufficientCredits),
        (500, None, ProviderUnavailable),
        (504, None, ProviderTimeout),
    ],
)
def test_failures(status: int, code: str | None, error: type[GenerationError]) -> None:
    """Each to its own error."""
    found = failed(status, {"code": code, "message": "no"}, **{"apim-request-id": "r1"})
    assert type(found) is error
    assert isinstance(found, ProviderError)
    assert found.request_id == "r1"


def test_an_answer_is_openais() -> None:
    """Filter results beside it change nothing."""
    operation = AZURE_OPENAI.operation("text", Call)
    assert isinstance(operation, Call)
    request = TextRequest(model="gpt-5.4", prompt="Hi")
    body = {
        "choices": [{"message": {"content": "Hello"}, "finish_reason": "stop", "content_filter_results": {}}],
        "prompt_filter_results": [],
    }  # fmt: skip
    _, answer = replay(
        operation.exchange(request, Brief()),
        HttpResponse(200, json.dumps(body).encode(), {"apim-request-id": "r1"}),
        explain=AZURE_OPENAI.explain,
    )
    assert isinstance(answer, TextAnswer)
    assert (answer.text, answer.request_id) == ("Hello", "r1")
    for cut in (b"", b"<html>", b'{"choices": ['):
        with pytest.raises(UnreadableResponse):
            replay(
                operation.exchange(request, Brief()),
                HttpResponse(200, cut),
                explain=AZURE_OPENAI.explain,
            )


def test_models_end_on_azures_own_days() -> None:
    """Which are not OpenAI's."""
    ends = {model.id: model.retires_on for model in catalogued("azure-openai")}
    assert ends["sora-2"] == date(2026, 11, 2)
    assert ends["gpt-image-2"] == date(2027, 10, 21)


@given(st.binary(), st.integers(400, 599))
def test_every_failure_is_explained(body: bytes, status: int) -> None:
    """Explaining never raises."""
    assert isinstance(AZURE_OPENAI.explain(HttpResponse(status, body)), ProviderError)


def test_a_base_url_takes_the_place_of_the_resources_address() -> None:
    """Nothing else has to say where it is."""
    given_ = {"api_key": "k", "base_url": "http://127.0.0.1:9"}
    assert not any(secret.missing_from(given_) for secret in AUTH.secrets)
    sent = AUTH.authorize(post("/chat/completions", json={"model": "m"}), given_, NOW)
    assert sent.url(given_["base_url"]) == "http://127.0.0.1:9/openai/v1/chat/completions"


@pytest.mark.parametrize(
    ("authority", "host"),
    [
        ("https://login.microsoftonline.us/", "https://login.microsoftonline.us"),
        ("http://127.0.0.1:9", "http://127.0.0.1:9"),
        ("http://evil.example", None),
        ("https://", None),
    ],
)
def test_tokens_can_be_got_in_another_cloud(authority: str, host: str | None) -> None:
    """Over https alone, as the client's secret goes there; but for this machine."""
    granting = AUTH.grant({**PRINCIPAL, "authority": authority}, NOW)
    if host is None:
        with pytest.raises(InvalidConfiguration, match="AZURE_AUTHORITY_HOST"):
            next(granting)
    else:
        assert next(granting).path == f"{host}/t-1/oauth2/v2.0/token"
