"""Who is asked for a response where several could answer, and in which words."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import openai
import pytest
from openai import OpenAI
from tests.support.face import facing, settings_of

from anymedia.contracts.configuration import Alias
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.openai import OpenAIDouble

CLAUDE_FIRST: Any = {"anymedia": {"prefer": ["anthropic", "openai"]}}
GPT_FIRST: Any = {"anymedia": {"prefer": ["openai", "anthropic"]}}


@pytest.fixture(scope="module")
def client(
    openai_double: OpenAIDouble,
    anthropic_double: AnthropicDouble,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[OpenAI]:
    """The official client before a gateway with an alias for everybody."""
    directory: Path = tmp_path_factory.mktemp("routing")
    settings = settings_of(directory, openai=openai_double, anthropic=anthropic_double)
    settings = settings.model_copy(update={"aliases": {"anybody": Alias(media="text")}})
    with (
        facing(settings, directory) as address,
        OpenAI(api_key="any", base_url=f"{address}/v1", max_retries=0) as client,
    ):
        yield client


def asked(double: OpenAIDouble | AnthropicDouble) -> str:
    """Where a provider was asked last."""
    return double.record.requests[-1][1]


def test_what_everybody_can_is_asked_of_the_first(
    client: OpenAI, openai_double: OpenAIDouble, anthropic_double: AnthropicDouble
) -> None:
    """In words that the next one understands as well: OpenAI's chat."""
    answer = client.responses.create(model="anybody", input="Hello", extra_body=CLAUDE_FIRST)
    assert answer.model.startswith("anthropic/")
    assert asked(anthropic_double) == "/v1/messages"
    answer = client.responses.create(model="anybody", input="Hello", extra_body=GPT_FIRST)
    assert answer.model.startswith("openai/")
    assert asked(openai_double) == "/v1/chat/completions"


def test_what_only_openai_can_is_asked_of_openai(
    client: OpenAI, openai_double: OpenAIDouble
) -> None:
    """Whoever else is preferred."""
    answer = client.responses.create(
        model="anybody", input="Hello", tools=[{"type": "web_search"}], extra_body=CLAUDE_FIRST
    )
    assert answer.model.startswith("openai/")
    assert asked(openai_double) == "/v1/responses"


def test_hints_go_where_the_first_knows_them(client: OpenAI, openai_double: OpenAIDouble) -> None:
    """Else they are left out, and who was preferred answers."""
    hinted: dict[str, Any] = {"model": "anybody", "input": "Hello", "prompt_cache_key": "t"}
    answer = client.responses.create(**hinted, extra_body=GPT_FIRST)
    assert answer.model.startswith("openai/")
    assert asked(openai_double) == "/v1/responses"
    assert openai_double.record.bodies[-1]["prompt_cache_key"] == "t"
    answer = client.responses.create(**hinted, extra_body=CLAUDE_FIRST)
    assert answer.model.startswith("anthropic/")
    assert "prompt_cache_key" in str((answer.model_extra or {})["warnings"])


def test_what_nobody_who_is_left_can_is_refused(client: OpenAI) -> None:
    """With the name of who would have been asked."""
    with pytest.raises(openai.BadRequestError) as refusal:
        client.responses.create(
            model="anybody",
            input="Hello",
            tools=[{"type": "web_search"}],
            extra_body={"anymedia": {"provider": "anthropic"}},
        )
    assert refusal.value.param == "tools[0].type"
    assert "anthropic/" in refusal.value.message


def test_an_address_beside_a_hint_is_fetched_by_us(client: OpenAI) -> None:
    """The hint goes; the picture is looked for here, where nobody has it."""
    content: Any = [
        {
            "type": "input_image",
            "image_url": "https://picture.invalid/a.png",
            "prompt_cache_breakpoint": {"mode": "explicit"},
        }
    ]
    with pytest.raises(openai.APIStatusError) as failure:
        client.responses.create(
            model="openai/gpt-4.1", input=[{"role": "user", "content": content}]
        )
    assert failure.value.code != "unsupported_parameter"
    assert "picture.invalid" in failure.value.message
