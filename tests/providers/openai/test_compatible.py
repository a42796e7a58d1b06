"""Servers and services that speak the dialect, by configuration alone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.text import TextRequest
from anymedia.providers import registry
from anymedia.providers.dialects.openai.compatible import compatible, from_row
from anymedia.providers.spec import Brief, Provider, Stream
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpResponse, get

ROW = {"title": "Acme", "base_url": "https://acme.example/v1", "media": ["text"]}
NOW = datetime(2026, 11, 21, tzinfo=UTC)


def test_a_row_is_a_whole_provider() -> None:
    """With the media it names, and a key by default."""
    acme = from_row("acme", ROW | {"environment": ["ACME_KEY"], "docs": "https://acme.example"})
    assert (acme.name, acme.title, acme.base_url) == ("acme", "Acme", "https://acme.example/v1")
    assert acme.media == ("text",)
    (secret,) = acme.auth.secrets
    assert (secret.environment, secret.required) == (("ACME_KEY",), True)


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({**ROW, "media": ["txet"]}, "media"),
        ({**ROW, "colour": "red"}, "colour"),
        ({"title": "Acme"}, "base_url"),
    ],
)
def test_a_mistake_in_a_row_names_the_row_and_the_field(row: dict[str, object], wrong: str) -> None:
    """Found when the row is read."""
    with pytest.raises(InvalidConfiguration, match=rf"\[acme\].*{wrong}"):
        from_row("acme", row)


@pytest.mark.parametrize("name", ["ollama", "vllm", "llamacpp", "localai"])
def test_the_known_local_servers_need_no_key(name: str) -> None:
    """Rows of the table, on their default ports, with everything inside the request."""
    server = registry.provider(name)
    assert server.base_url.startswith(("http://localhost:", "http://127.0.0.1:"))
    assert server.base_url.endswith("/v1")
    assert not any(secret.required for secret in server.auth.secrets)
    assert server.inputs.schemes == ()
    assert {"text", "embedding"} <= set(server.media)


def test_a_server_of_ones_own_speaks_the_common_form() -> None:
    """Not OpenAI's: the old field names, no key, inputs inside, its own catalogue."""
    local = registry.speaking("openai", "local")
    assert isinstance(local, Provider)
    assert (local.name, local.catalog or local.name) == ("local", "local")
    assert local.media == ("text", "embedding", "image", "speech", "transcription", "video")
    assert local.inputs.schemes == ()
    request = TextRequest.model_validate(
        {"model": "llama", "prompt": "Hi", "max_output_tokens": 5, "user": "u1"}
    )
    stream = local.operation("text", Stream)
    assert isinstance(stream, Stream)
    body = stream.start(request, Brief()).json
    assert (body["max_tokens"], body["user"]) == (5, "u1")
    assert body["stream_options"] == {"include_usage": True}


def test_openai_itself_is_not_replaced() -> None:
    """Its own name means its own form."""
    assert registry.speaking("openai", "openai") is registry.provider("openai")
    assert registry.variables("openai") == {
        secret.name: secret.environment for secret in registry.provider("openai").auth.secrets
    }


def test_a_local_server_can_be_given_another_name() -> None:
    """Two of the same kind, for example."""
    second = registry.speaking("ollama", "upstairs")
    assert (second.name, second.base_url) == ("upstairs", "http://localhost:11434/v1")


def test_a_key_is_sent_only_where_there_is_one() -> None:
    """Optional keys are for servers that were told to ask for one."""
    auth = compatible("local", "http://127.0.0.1:8000/v1").auth
    assert auth.authorize(get("/models"), {}, NOW).headers == {}
    with_key = auth.authorize(get("/models"), {"api_key": "k"}, NOW)
    assert with_key.headers == {"Authorization": "Bearer k"}


def test_a_server_is_checked_by_its_list_of_models() -> None:
    """Free, and everyone has it."""
    server = compatible("local", "http://127.0.0.1:8000/v1")
    assert server.check is not None
    sent, account = replay(
        server.check(),
        HttpResponse(200, b'{"data": [{"id": "b"}, {"id": "a", "x": 1}, null, {"id": null}]}'),
        explain=server.explain,
    )
    assert [(request.method, request.path) for request in sent] == [("GET", "/models")]
    assert account.models == ("a", "b")


def test_several_providers_keep_their_state_apart() -> None:
    """What one wants back in the next turn is not sent to another."""
    history = [
        {"role": "user", "content": "Hi"},
        {
            "role": "assistant",
            "content": "Hello",
            "provider_state": {"local": {"items": [{"type": "reasoning", "id": "r"}]}},
        },
    ]
    request = TextRequest.model_validate(
        {"model": "m", "messages": history, "options": {"api": "responses"}}
    )
    for name, kind in (("local", "reasoning"), ("other", None)):
        stream = compatible(name, "http://127.0.0.1:8000/v1").operation("text", Stream)
        assert isinstance(stream, Stream)
        assert stream.start(request, Brief()).json["input"][1].get("type") == kind
