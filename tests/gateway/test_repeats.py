"""Words that are asked for with an `Idempotency-Key` are asked for once."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from anthropic import Anthropic
from openai import ConflictError, OpenAI

from anymedia.contracts.configuration import Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.testing.double import serving as playing
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.samples import wav
from tests.gateway.serving import ADMIN, Running, serving
from tests.support.face import settings_of
from tests.support.redis import fresh_state, needs_redis

GPT = "openai/gpt-4.1"
CLAUDE = "anthropic/claude-sonnet-5"
CHAT = {"model": GPT, "messages": [{"role": "user", "content": "Say there and back"}]}
MESSAGE = {**CHAT, "model": CLAUDE, "max_tokens": 64}
ASKED = "idempotency-key"
AGAIN = "idempotent-replayed"


@pytest.fixture(scope="module")
def doubles() -> Iterator[tuple[OpenAIDouble, AnthropicDouble]]:
    """Who answers."""
    openai, anthropic = OpenAIDouble(), AnthropicDouble()
    with playing(openai), playing(anthropic):
        yield openai, anthropic


@pytest.fixture
def double(doubles: tuple[OpenAIDouble, AnthropicDouble]) -> OpenAIDouble:
    """The one who is asked most."""
    return doubles[0]


def said(
    directory: Path, doubles: tuple[OpenAIDouble, AnthropicDouble], **further: Any
) -> Settings:
    """A gateway's settings."""
    openai, anthropic = doubles
    gateway = GatewaySettings(admin_key=ADMIN)
    return settings_of(directory, openai=openai, anthropic=anthropic, gateway=gateway, **further)


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory, doubles: tuple[OpenAIDouble, AnthropicDouble]
) -> Iterator[Running]:
    """With keys."""
    directory = tmp_path_factory.mktemp("repeats")
    with serving(directory, said(directory, doubles)) as running:
        yield running


@pytest.fixture
def caller(gateway: Running) -> Iterator[httpx.Client]:
    """Somebody with a key of their own."""
    with gateway.caller(gateway.key()[1]) as caller:
        yield caller


WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "chat, the long way": ("/v1/chat/completions", {**CHAT, "seed": 1, "user": "me"}),
    "chat, elsewhere": ("/v1/chat/completions", {**CHAT, "model": CLAUDE, "max_tokens": 64}),
    "chat as a stream": ("/v1/chat/completions", {**CHAT, "stream": True}),
    "message": ("/v1/messages", MESSAGE),
    "message as a stream": ("/v1/messages", {**MESSAGE, "stream": True}),
    "response": ("/v1/responses", {"model": GPT, "input": "hi"}),
    "response as a stream": ("/v1/responses", {"model": GPT, "input": "hi", "stream": True}),
    "embeddings": ("/v1/embeddings", {"model": "openai/text-embedding-3-small", "input": "hi"}),
    "ours": ("/api/ai/text", {"prompt": "hi", "model": GPT}),
    "envelope": ("/api/generate", {"media_type": "text", "prompt": "hi", "model": GPT}),
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_request_is_asked_once(
    caller: httpx.Client,
    doubles: tuple[OpenAIDouble, AnthropicDouble],
    way: str,
) -> None:
    """Whatever the way: the answer is the same to the letter, and nobody is asked again."""
    path, body = WAYS[way]
    headers = {ASKED: f"key-of-{way.replace(' ', '-')}"}
    first = caller.post(path, json=body, headers=headers)
    assert first.status_code == 200, first.text
    assert AGAIN not in first.headers
    before = [len(one.record.bodies) for one in doubles]
    second = caller.post(path, json=body, headers=headers)
    assert (second.status_code, second.text) == (200, first.text)
    assert second.headers[AGAIN] == "true"
    assert second.headers["content-type"] == first.headers["content-type"]
    assert second.headers["x-request-id"] != first.headers["x-request-id"]
    assert [len(one.record.bodies) for one in doubles] == before
    spent = caller.get("/api/costs").json()["total"]["requests"]
    assert spent == 1
    third = caller.post(path, json=body)  # without a key, it is another request
    assert third.status_code == 200
    assert sum(len(one.record.bodies) for one in doubles) == sum(before) + 1


def test_a_form_is_the_same_whatever_its_lines_are_called(
    caller: httpx.Client, double: OpenAIDouble
) -> None:
    """Clients choose other boundaries each time."""
    sound = wav(0.1)
    answers = [
        caller.post(
            "/v1/audio/transcriptions",
            data={"model": "openai/whisper-1"},
            files={"file": ("words.wav", sound, "audio/wav")},
            headers={ASKED: "a-form"},
        )
        for _ in range(2)
    ]
    assert [one.status_code for one in answers] == [200, 200], answers[0].text
    assert AGAIN in answers[1].headers
    other = caller.post(
        "/v1/audio/transcriptions",
        data={"model": "openai/whisper-1", "language": "de"},
        files={"file": ("words.wav", sound, "audio/wav")},
        headers={ASKED: "a-form"},
    )
    assert other.status_code == 409


def test_another_request_with_the_same_key_is_refused(caller: httpx.Client) -> None:
    """In the words of each dialect."""
    for path, body, other in (
        ("/v1/chat/completions", CHAT, {**CHAT, "temperature": 0.5}),
        ("/v1/messages", MESSAGE, {**MESSAGE, "stream": True}),
        ("/api/ai/text", {"prompt": "hi"}, {"prompt": "ho"}),
    ):
        headers = {ASKED: f"one-{path[-4:]}"}
        assert caller.post(path, json=body, headers=headers).status_code == 200
        refused = caller.post(path, json=other, headers=headers)
        assert refused.status_code == 409
        assert "Idempotency-Key" in refused.text
        assert refused.headers["x-should-retry"] == "false"
        if path != "/api/ai/text":
            assert refused.json()["error"]["type"] == "conflict_error"
    words = caller.post("/api/ai/text", json={"prompt": "hi"}, headers={ASKED: "of-words"})
    stream = caller.post(
        "/api/ai/text",
        json={"prompt": "hi"},
        headers={ASKED: "of-words", "accept": "text/event-stream"},
    )
    assert (words.status_code, stream.status_code) == (200, 409)


@pytest.mark.parametrize("key", ["", "two words", "x" * 256, "\u00e9"])
def test_a_key_that_is_none_is_refused(caller: httpx.Client, key: str) -> None:
    """Before anything is asked."""
    headers = [(b"Idempotency-Key", key.encode())]
    answer = caller.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert answer.status_code == 400
    assert "Idempotency-Key" in answer.json()["error"]["message"]


def test_keys_of_others_are_others(gateway: Running, double: OpenAIDouble) -> None:
    """Each caller has a namespace of their own, and strangers learn nothing."""
    before = len(double.record.bodies)
    for _ in range(2):
        with gateway.caller(gateway.key()[1]) as caller:
            answer = caller.post("/v1/chat/completions", json=CHAT, headers={ASKED: "the-same"})
            assert answer.status_code == 200
            assert AGAIN not in answer.headers
    assert len(double.record.bodies) == before + 2
    with gateway.caller() as stranger:
        answer = stranger.post("/v1/chat/completions", json=CHAT, headers={ASKED: "the-same"})
        assert answer.status_code == 401


def test_a_failure_is_not_held(gateway: Running, caller: httpx.Client) -> None:
    """Whoever comes next with the key tries anew."""
    scripted = {"model": "echo/hello", "prompt": "hi"}
    asked = {**scripted, "options": {"fail": "unavailable"}}
    headers = {ASKED: "twice"}
    for _ in range(2):
        failed = caller.post("/api/ai/text", json=asked, headers=headers)
        assert failed.status_code >= 400
        assert AGAIN not in failed.headers
    assert caller.post("/api/ai/text", json=scripted, headers=headers).status_code == 200


@pytest.mark.parametrize("stream", [False, True])
def test_who_comes_while_it_is_under_way_waits_for_it(
    caller: httpx.Client, double: OpenAIDouble, *, stream: bool
) -> None:
    """All get the answer of the one that was asked for."""
    before = len(double.record.bodies)
    body, headers = {**CHAT, "stream": stream}, {ASKED: f"at-once-{stream}"}
    begin = threading.Barrier(6)

    def ask(_: int) -> httpx.Response:
        begin.wait()
        return caller.post("/v1/chat/completions", json=body, headers=headers)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert {one.status_code for one in answers} == {200}
    assert len({one.text for one in answers}) == 1
    assert sum(AGAIN in one.headers for one in answers) == 5
    assert len(double.record.bodies) == before + 1


@pytest.mark.parametrize("stream", [False, True])
def test_who_hangs_up_and_comes_again_gets_the_first_answer(
    gateway: Running, caller: httpx.Client, *, stream: bool
) -> None:
    """With a key, the answer is wanted: nothing is stopped, and nothing paid for twice."""
    body = {
        "model": "echo/hello",
        "messages": [{"role": "user", "content": "hi"}],
        "stream": stream,
        "anymedia": {"options": {"delay_seconds": 0.5, "reply": "as promised"}},
    }
    headers = {ASKED: f"gone-{stream}"}
    with (
        gateway.caller(str(caller.headers["authorization"]).removeprefix("Bearer ")) as hasty,
        pytest.raises(httpx.ReadTimeout),
    ):
        hasty.post("/v1/chat/completions", json=body, headers=headers, timeout=0.1)
    answer = caller.post("/v1/chat/completions", json=body, headers=headers)
    assert answer.status_code == 200
    assert answer.headers[AGAIN] == "true"
    assert "promised" in answer.text
    assert caller.get("/api/costs").json()["total"]["requests"] == 1


def test_the_official_clients_send_it(gateway: Running, double: OpenAIDouble) -> None:
    """Their own retries carry the same key; a repeated stream reads as the first one did."""
    secret = gateway.key()[1]
    before = len(double.record.bodies)
    with OpenAI(api_key=secret, base_url=f"{gateway.url}/v1", max_retries=0) as client:

        def chunks() -> list[str]:
            stream = client.chat.completions.create(
                model=GPT,
                messages=[{"role": "user", "content": "Say there and back"}],
                stream=True,
                extra_headers={"Idempotency-Key": "sdk"},
            )
            return [one.choices[0].delta.content or "" for one in stream if one.choices]

        assert chunks() == chunks()
        assert len(double.record.bodies) == before + 1
        with pytest.raises(ConflictError):
            client.chat.completions.create(
                model=GPT,
                messages=[{"role": "user", "content": "Something else"}],
                extra_headers={"Idempotency-Key": "sdk"},
            )
    with Anthropic(api_key=secret, base_url=gateway.url, max_retries=0) as other:
        answers = [
            other.messages.create(
                model=CLAUDE,
                max_tokens=64,
                messages=[{"role": "user", "content": "Hello"}],
                extra_headers={"Idempotency-Key": "sdk-too"},
            )
            for _ in range(2)
        ]
    assert answers[0].id == answers[1].id
    assert answers[0]._request_id != answers[1]._request_id


def test_an_answer_that_is_packed_is_packed_for_those_who_can_read_it(
    caller: httpx.Client,
) -> None:
    """What is held can be read by all."""
    body = {"prompt": "hi", "model": "echo/hello", "options": {"reply": "long words " * 400}}
    texts = [
        caller.post(
            "/api/ai/text", json=body, headers={ASKED: "packed", "accept-encoding": coding}
        ).text
        for coding in ("gzip", "identity")
    ]
    assert texts[0] == texts[1]
    assert "long words" in json.loads(texts[1])["text"]


@needs_redis
def test_all_processes_on_one_redis_know_a_key(
    tmp_path: Path, doubles: tuple[OpenAIDouble, AnthropicDouble], double: OpenAIDouble
) -> None:
    """Also while it is under way elsewhere, and after the one who asked has gone."""
    state = fresh_state()
    before = len(double.record.bodies)
    headers, other = {ASKED: "shared"}, {**CHAT, "temperature": 0.5}
    settings = said(tmp_path, doubles, state=state)
    with serving(tmp_path / "a", settings) as one:
        secret = one.key()[1]
        with (
            serving(tmp_path / "a", settings) as two,
            one.caller(secret) as here,
            two.caller(secret) as there,
        ):
            with ThreadPoolExecutor(2) as pool:
                asked = [
                    pool.submit(who.post, "/v1/chat/completions", json=CHAT, headers=headers)
                    for who in (here, there)
                ]
                answers = [each.result() for each in asked]
            assert {answer.status_code for answer in answers} == {200}
            assert len({answer.text for answer in answers}) == 1
            refused = there.post("/v1/chat/completions", json=other, headers=headers)
            assert refused.status_code == 409
        assert len(double.record.bodies) == before + 1
    with serving(tmp_path / "a", settings) as three, three.caller(secret) as again:
        answer = again.post("/v1/chat/completions", json=CHAT, headers=headers)
    assert answer.headers[AGAIN] == "true"
    assert answer.text == answers[0].text
    assert len(double.record.bodies) == before + 1
