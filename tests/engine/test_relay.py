"""The short way: guarded, counted and paid for like any attempt, and left when it fails."""

from __future__ import annotations

from typing import Any

import msgspec

from anymedia.contracts.text import TextRequest
from anymedia.engine.candidate import Asker
from anymedia.engine.relay import Passed
from anymedia.providers.adapters.openai import OPENAI
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, finished
from tests.support.transport import Streamed, cut

ANSWER = HttpResponse(
    200,
    b'{"id":"c","object":"chat.completion","model":"gpt-4o-mini","choices":[{"index":0,'
    b'"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":9,"completion_tokens":3}}',
)
EVENTS = (
    b'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n',
    b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n',
    b'data: {"choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}\n\n',
    b"data: [DONE]\n\n",
)
BUSY = HttpResponse(500, b'{"error":{"message":"busy","type":"server_error"}}')
CALLER = Asker(caller="key_1")


def body(**more: Any) -> dict[str, msgspec.Raw]:
    """A question in OpenAI's words."""
    asked = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "Hello"}], **more}
    return msgspec.json.decode(msgspec.json.encode(asked), type=dict[str, msgspec.Raw])


def passed(bench: Workbench, fields: dict[str, msgspec.Raw]) -> Passed:
    """The answer by the short way."""
    way = bench.engine.relays.way(fields, "openai", streaming=False)
    assert way is not None
    answer: Passed = finished(bench.engine.relays.call(way, fields, CALLER))
    return answer


def test_the_answer_is_the_providers_own_and_stands_in_the_ledger() -> None:
    """One POST, one row, with the usage that the provider counted and its price."""
    bench = Workbench(ANSWER, providers=(OPENAI,))
    answer = passed(bench, body())
    assert msgspec.json.decode(answer.content)["choices"][0]["message"]["content"] == "Hi"
    (row,) = bench.rows
    assert (row.owner, row.provider, row.model) == ("key_1", "openai", "gpt-4o-mini")
    assert (row.usage["input_tokens"], row.usage["output_tokens"]) == (9, 3)
    assert row.amount == 3150
    (sent,) = bench.transport.sent
    assert sent.url.endswith("/chat/completions")
    assert sent.headers["Authorization"] == "Bearer openai-secret-key"


def test_after_a_failure_the_long_way_knows_what_was_tried() -> None:
    """Two attempts of one request, each with its row; the first may have been billed."""
    bench = Workbench(BUSY, ANSWER, providers=(OPENAI,))
    answer = passed(bench, body())
    assert answer.receipt is None
    request = TextRequest(model="openai/gpt-4o-mini", prompt="Hello")
    result = finished(bench.engine.run(request, asker=CALLER, course=answer.course))
    assert [one.state for one in result.attempts] == ["failed", "succeeded"]
    assert [row.maybe_billed for row in bench.rows] == [True, False]
    assert len(bench.transport.sent) == 2


def test_a_stream_goes_through_event_by_event() -> None:
    """What was added to learn the usage stays here."""
    bench = Workbench(Streamed(EVENTS), providers=(OPENAI,))

    async def heard() -> list[Any]:
        fields = body(stream=True)
        way = bench.engine.relays.way(fields, "openai", streaming=True)
        assert way is not None
        return [piece async for piece in bench.engine.relays.stream(way, fields, CALLER)]

    beginning, *events = finished(heard())
    assert isinstance(beginning, Passed)
    assert b"".join(events) == EVENTS[0] + EVENTS[1] + EVENTS[3]
    assert [row.outcome for row in bench.rows] == ["succeeded"]
    assert bench.rows[0].amount == 3150


def test_a_stream_that_breaks_before_its_first_word_can_go_elsewhere() -> None:
    """Nobody has heard anything yet."""
    bench = Workbench(Streamed([cut()]), providers=(OPENAI,))

    async def heard() -> list[Any]:
        fields = body(stream=True)
        way = bench.engine.relays.way(fields, "openai", streaming=True)
        assert way is not None
        return [piece async for piece in bench.engine.relays.stream(way, fields, CALLER)]

    (beginning,) = finished(heard())
    assert beginning.receipt is None
    assert [row.maybe_billed for row in bench.rows] == [True]


def test_a_model_that_nobody_has_and_one_of_another_language_take_the_long_way() -> None:
    """Which says why, or translates."""
    bench = Workbench(providers=(OPENAI,))
    relays = bench.engine.relays
    assert relays.way(body(model="nobody/has-it"), "openai", streaming=False) is None
    assert relays.way(body(), "anthropic", streaming=False) is None
    assert relays.way(body(model=7), "openai", streaming=False) is None


def test_where_answers_are_kept_there_is_no_short_way() -> None:
    """A cache is asked first, and it goes by what was meant."""
    bench = Workbench(
        providers=(OPENAI,), cache={"strategy": "lru", "max_entries": 9, "ttl_seconds": 60}
    )
    assert bench.engine.relays.way(body(), "openai", streaming=False) is None


def test_a_short_way_ends_when_its_provider_changes() -> None:
    """What was found is forgotten with every change."""
    bench = Workbench(providers=(OPENAI,))
    relays = bench.engine.relays
    assert relays.way(body(), "openai", streaming=False) is not None
    bench.engine.providers.remove("openai")
    assert relays.way(body(), "openai", streaming=False) is None
