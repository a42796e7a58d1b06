"""Tokens counted before a message is sent: by who would answer, or as an estimate that says so."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import anthropic
import pytest
from anthropic import Anthropic
from tests.support.batching import Site, site

from anymedia.testing.double import Fault

THERE, ELSEWHERE = "anthropic/claude-haiku-5-5", "openai/gpt-6-luna"
ASKED: Any = [{"role": "user", "content": "How many letters has a fox?"}]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
SHOWN: Any = [
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "What is it?"},
            {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": PIXEL},
            },
        ],
    }
]
TOOL: Any = {
    "name": "weather",
    "description": "What the weather is like in a place, now and in the coming days.",
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}},
}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With keys, and doubles of OpenAI and Anthropic behind it."""
    with site(tmp_path_factory.mktemp("tokens")) as found:
        yield found


@pytest.fixture
def client(gateway: Site) -> Iterator[Anthropic]:
    """The official client."""
    with Anthropic(api_key=gateway.key(), base_url=gateway.url, max_retries=0) as found:
        yield found


def test_who_would_answer_counts(gateway: Site, client: Anthropic) -> None:
    """Pictures and all, and it costs nothing; what is about the answer does not go along."""
    theirs = gateway.doubles["anthropic"]
    before = gateway.charged("anthropic")
    few = client.messages.count_tokens(model=THERE, messages=ASKED)
    assert not hasattr(few, "estimated")
    more = client.messages.count_tokens(
        model=THERE,
        messages=SHOWN,
        system="Be brief.",
        tools=[TOOL],
        tool_choice={"type": "auto"},
        thinking={"type": "adaptive"},
    )
    assert more.input_tokens > few.input_tokens
    sent = theirs.record.bodies[-1]
    assert sent["model"] == THERE.partition("/")[2]
    assert sent["system"] == "Be brief."
    assert sent["messages"][0]["content"][1]["source"]["data"] == PIXEL
    assert sent["tools"][0]["name"] == "weather"
    assert sent["thinking"]["type"] == "adaptive"
    with Anthropic(api_key=theirs.key, base_url=theirs.base_url) as direct:
        asked: Any = {name: sent[name] for name in ("model", "messages", "system", "tools")}
        assert direct.messages.count_tokens(**asked).input_tokens == more.input_tokens
    assert gateway.charged("anthropic") == before


def test_elsewhere_it_is_an_estimate_and_says_so(client: Anthropic) -> None:
    """It grows with everything that is said, tools too."""
    plain = client.messages.count_tokens(model=ELSEWHERE, messages=ASKED)
    assert plain.estimated  # type: ignore[attr-defined]  # ours beside Anthropic's
    assert ELSEWHERE in plain.warnings[0]["message"]  # type: ignore[attr-defined]  # as above
    assert 7 <= plain.input_tokens <= 12
    more = client.messages.count_tokens(model=ELSEWHERE, messages=ASKED, system="Be very brief.")
    tools = client.messages.count_tokens(model=ELSEWHERE, messages=ASKED, tools=[TOOL])
    talk: Any = [
        *ASKED,
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": "I look."},
                {"type": "tool_use", "id": "t1", "name": "weather", "input": {"place": "Oslo"}},
            ],
        },
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "It rains."}],
        },
    ]
    longer = client.messages.count_tokens(model=ELSEWHERE, messages=talk)
    for one in (more, tools, longer):
        assert one.input_tokens > plain.input_tokens


def test_the_estimate_of_plain_words_is_not_below_what_is_charged(client: Anthropic) -> None:
    """An answer's usage has no more than was told before."""
    told = client.messages.count_tokens(model=ELSEWHERE, messages=ASKED)
    answer = client.messages.create(model=ELSEWHERE, max_tokens=100, messages=ASKED)
    assert answer.usage.input_tokens <= told.input_tokens


def test_what_nobody_can_count_is_refused_by_its_name(gateway: Site, client: Anthropic) -> None:
    """Pictures elsewhere; fields that are about the answer; models that are not there or allowed."""
    with pytest.raises(anthropic.BadRequestError, match="`image`"):
        client.messages.count_tokens(model=ELSEWHERE, messages=SHOWN)
    for name, value in (("max_tokens", 5), ("stream", True), ("colour", "red")):
        with pytest.raises(anthropic.BadRequestError, match=name):
            client.messages.count_tokens(model=ELSEWHERE, messages=ASKED, extra_body={name: value})
    with pytest.raises(anthropic.NotFoundError):
        client.messages.count_tokens(model="nobody/none", messages=ASKED)
    bound = gateway.key(models=["openai/*"])
    told = pytest.raises(anthropic.PermissionDeniedError)
    with Anthropic(api_key=bound, base_url=gateway.url, max_retries=0) as other, told:
        other.messages.count_tokens(model=THERE, messages=ASKED)


def test_a_provider_that_fails_is_told(gateway: Site, client: Anthropic) -> None:
    """No estimate in place of a count that could not be had."""
    fault = Fault(method="POST", path="/v1/messages/count_tokens", status=400)
    gateway.doubles["anthropic"].fail(fault)
    with pytest.raises(anthropic.APIStatusError):
        client.messages.count_tokens(model=THERE, messages=ASKED)
