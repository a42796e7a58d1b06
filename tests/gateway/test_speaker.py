"""Who answers a stream is said from its first event to its last, on every way."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from anthropic import Anthropic
from openai import OpenAI

from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.configuration import Alias
from anymedia.contracts.gateway import GatewaySettings
from anymedia.testing.double import serving as playing
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble
from tests.gateway.serving import Running, serving
from tests.support.face import settings_of

GPT, CLAUDE = "openai/gpt-4.1", "anthropic/claude-sonnet-5"
SAID: Any = [{"role": "user", "content": "Say there and back"}]
LONG_WAY: dict[str, Any] = {"extra_body": {"anymedia": {"tags": ["long"]}}}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Two providers; an alias that leads past one that is not there to one that is."""
    directory = tmp_path_factory.mktemp("speaker")
    openai, anthropic = OpenAIDouble(), AnthropicDouble()
    with playing(openai), playing(anthropic):
        said = settings_of(directory, openai=openai, anthropic=anthropic, gateway=GatewaySettings())
        aliases = {"clever": Alias(media="text", model=CLAUDE)}
        with serving(directory, said.model_copy(update={"aliases": aliases})) as running:
            yield running


@pytest.mark.parametrize("way", [{}, LONG_WAY], ids=["short", "long"])
@pytest.mark.parametrize(
    ("asked", "answers"),
    [(GPT, GPT), (CLAUDE, CLAUDE), ("clever", CLAUDE), ("gpt-4.1", GPT)],
)
def test_every_chunk_says_who_answers(
    gateway: Running, asked: str, answers: str, way: dict[str, Any]
) -> None:
    """As the official client reads them; the first one, too."""
    with OpenAI(api_key="any", base_url=f"{gateway.url}/v1", max_retries=0) as client:
        stream = client.chat.completions.create(
            model=asked,
            messages=SAID,
            stream=True,
            max_completion_tokens=64,
            stream_options={"include_usage": True},
            **way,
        )
        chunks = list(stream)
    assert len(chunks) > 3
    assert {one.model for one in chunks} == {answers}


@pytest.mark.parametrize(("asked", "answers"), [(GPT, GPT), (CLAUDE, CLAUDE), ("clever", CLAUDE)])
def test_a_message_says_who_gives_it_when_it_begins(
    gateway: Running, asked: str, answers: str
) -> None:
    """In Anthropic's words, whoever it is."""
    with (
        Anthropic(api_key="any", base_url=gateway.url, max_retries=0) as client,
        client.messages.stream(model=asked, max_tokens=64, messages=SAID) as stream,
    ):
        starts = [one.message.model for one in stream if one.type == "message_start"]
    assert starts == [answers]


def test_a_response_says_who_gives_it_from_the_first_event(gateway: Running) -> None:
    """In the words of responses."""
    with OpenAI(api_key="any", base_url=f"{gateway.url}/v1", max_retries=0) as client:
        stream = client.responses.create(model="clever", input="hi", stream=True)
        named = [one.response.model for one in stream if hasattr(one, "response")]
    assert len(named) >= 2
    assert set(named) == {CLAUDE}


def test_who_answers_in_place_of_another_is_named(tmp_path_factory: pytest.TempPathFactory) -> None:
    """The first fails before a word: the chunks are the second's, from the first chunk on."""
    directory = tmp_path_factory.mktemp("elsewhere")
    openai = OpenAIDouble()
    with playing(openai):
        said = settings_of(directory, openai=openai)
        broken = said.providers[1].model_copy(
            update={"base_url": "http://127.0.0.1:9/v1", "priority": 0}
        )
        anyone = {"anyone": Alias(media="text")}
        changed = {"providers": (broken, said.providers[0]), "aliases": anyone}
        said = said.model_copy(update=changed)
        with serving(directory, said) as running, running.caller() as caller:
            told = streamed(caller, {"messages": SAID, "model": "anyone"})
    models = {one["model"] for one in told}
    assert len(models) == 1
    assert models.pop().startswith("echo/")


def test_a_kept_answer_names_who_gave_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    """When it is told once more, too."""
    directory = tmp_path_factory.mktemp("again")
    openai = OpenAIDouble()
    with playing(openai):
        said = settings_of(directory, openai=openai, cache=CacheSettings())
        with serving(directory, said) as running, running.caller() as caller:
            asked = {"model": "gpt-4.1", "messages": SAID}
            both = [streamed(caller, asked) for _ in range(2)]
        assert len(openai.record.bodies) == 1
    assert [{one["model"] for one in told} for told in both] == [{GPT}, {GPT}]


def streamed(caller: httpx.Client, asked: dict[str, Any]) -> list[dict[str, Any]]:
    """The chunks of a stream."""
    answer = caller.post("/v1/chat/completions", json={**asked, "stream": True})
    assert answer.status_code == 200, answer.text
    lines = [one.removeprefix("data: ") for one in answer.text.splitlines() if one]
    return [json.loads(one) for one in lines if one.startswith("{")]
