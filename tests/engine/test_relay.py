"""The short way: guarded, counted and paid for like any attempt, and left when it fails."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from anymedia.contracts.errors import NetworkFailed
from anymedia.contracts.route import FailoverSettings
from anymedia.contracts.text import TextRequest
from anymedia.engine.candidate import Asker
from anymedia.engine.relay import Passed
from anymedia.providers.adapters.anthropic import ANTHROPIC
from anymedia.providers.adapters.openai import OPENAI
from anymedia.telemetry.observer import Observer
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, finished
from tests.support.transport import Never, Streamed, cut

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


def passed(bench: Workbench, fields: dict[str, msgspec.Raw], dialect: str = "openai") -> Passed:
    """The answer by the short way."""
    answer = begun(bench, fields, dialect)
    finished(bench.engine.relays.call(answer, msgspec.json.encode(fields)))
    return answer


def begun(
    bench: Workbench, fields: dict[str, msgspec.Raw], dialect: str, *, streaming: bool = False
) -> Passed:
    """An answer that is going to be asked for by the short way."""
    way = bench.engine.relays.way(fields, dialect, streaming=streaming)
    assert way is not None
    return bench.engine.relays.begun(way, fields, CALLER)


def overheard(
    bench: Workbench, fields: dict[str, msgspec.Raw], dialect: str = "openai"
) -> tuple[Passed, list[bytes]]:
    """The same bit by bit."""
    answer = begun(bench, fields, dialect, streaming=True)

    async def heard() -> list[bytes]:
        events = bench.engine.relays.stream(answer, msgspec.json.encode(fields))
        return [piece async for piece in events]

    return answer, finished(heard())


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


def test_a_row_says_whose_answer_it_was_and_what_it_cost_or_can_have_cost() -> None:
    """All of it, and nothing else; where the provider told no usage, what it was at most."""
    untold = HttpResponse(
        200, ANSWER.content.partition(b',"usage"')[0] + b"}", {"X-Request-Id": "r"}
    )
    bench = Workbench(ANSWER, untold, providers=(OPENAI,))
    told, other = passed(bench, body()), passed(bench, body())
    common = {"entry": "settle", "provider": "openai", "model": "gpt-4o-mini", "medium": "text"}
    counted = {"input_tokens": 9, "output_tokens": 3, "requests": 1, "estimated": False}
    first, second = (msgspec.json.decode(msgspec.json.encode(row)) for row in bench.rows)
    for answer, row in ((told, first), (other, second)):
        assert row.pop("at") == answer.started
        assert (row.pop("id"), row.pop("attempt_id")) == (f"{answer.id}:settle", answer.id)
        assert row.pop("request") == answer.request_id
        assert row.pop("explanation")
    assert first.pop("price")["usd"] == {
        "input_tokens": "0.15/1000000",
        "output_tokens": "0.6/1000000",
    }
    raw = {"prompt_tokens": 9, "completion_tokens": 3}
    assert first == {
        **common,
        "owner": "key_1",
        "reference": "c",
        "usage": {**counted, "raw": raw},
        "amount": 3150,
        "computed": 3150,
        "seconds": 0.0,
    }
    assert second.pop("bound") > 0
    assert second == {
        **common,
        "owner": "key_1",
        "reference": "r",
        "usage": {"requests": 1, "estimated": False, "raw": {}},
        "basis": "unpriced",
        "seconds": 0.0,
    }


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

    _, events = overheard(bench, body(stream=True))
    assert b"".join(events) == EVENTS[0] + EVENTS[1] + EVENTS[3]
    assert [row.outcome for row in bench.rows] == ["succeeded"]
    assert bench.rows[0].amount == 3150


def test_a_stream_that_breaks_before_its_first_word_can_go_elsewhere() -> None:
    """Nobody has heard anything yet."""
    bench = Workbench(Streamed([cut()]), providers=(OPENAI,))

    beginning, events = overheard(bench, body(stream=True))
    assert (beginning.receipt, events) == (None, [])
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


# --- what goes out --------------------------------------------------------------------------


def test_what_needs_no_change_goes_on_byte_for_byte() -> None:
    """White space and all, where the model is called the same."""
    bench = Workbench(ANSWER, providers=(OPENAI,))
    written = b'{ "model": "gpt-4o-mini",\n "messages": [{"role":"user","content":"Hi"}] }'
    fields = msgspec.json.decode(written, type=dict[str, msgspec.Raw])
    answer = begun(bench, fields, "openai")
    finished(bench.engine.relays.call(answer, written))
    assert bench.transport.sent[0].body == written


def test_names_that_are_ours_or_old_are_put_into_the_services_words() -> None:
    """The model's, and the old one for the most tokens; nothing else changes."""
    bench = Workbench(ANSWER, providers=(OPENAI,))
    passed(bench, body(model="openai/gpt-4o-mini", max_tokens=9, temperature=0.5))
    (sent,) = bench.transport.bodies()
    assert sent == {
        "model": "gpt-4o-mini",
        "messages": [{"role": "user", "content": "Hello"}],
        "max_completion_tokens": 9,
        "temperature": 0.5,
    }


def test_the_usage_is_told_with_what_it_cost_and_kept_as_it_came() -> None:
    """Details that nobody prices are in the row all the same."""
    told = b'{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4},"x":1}'
    answer = HttpResponse(200, ANSWER.content.partition(b'"usage":')[0] + b'"usage":' + told + b"}")
    bench = Workbench(answer, providers=(OPENAI,))
    said = msgspec.json.decode(passed(bench, body()).content)
    assert said["model"] == "openai/gpt-4o-mini"
    assert said["usage"] == {**msgspec.json.decode(told), "cost": 0.00000285}
    (row,) = bench.rows
    kept = msgspec.json.decode(msgspec.json.encode(row.usage))
    assert kept["cached_input_tokens"] == 4
    assert kept["raw"] == msgspec.json.decode(told)
    assert row.explanation is not None
    assert "5 input_tokens at" in row.explanation


@pytest.mark.parametrize(
    ("said", "row"),
    [
        (b'{"usage":null}', {}),
        (b'{"usage":{}}', {}),
        (b'{"usage":{"prompt_tokens":9.0,"completion_tokens":true}}', {"input_tokens": 9}),
        (
            b'{"usage":{"input_tokens":9,"output_tokens":3}}',
            {"input_tokens": 9, "output_tokens": 3},
        ),
        (
            b'{"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_cache_hit_tokens":2}}',
            {"input_tokens": 9, "output_tokens": 3, "cached_input_tokens": 2},
        ),
    ],
)
def test_usage_that_is_told_otherwise_is_understood_too(said: bytes, row: dict[str, int]) -> None:
    """As by the long way: what is no number is left out, since the answer has been paid for."""
    content = ANSWER.content.partition(b'"usage"')[0] + said[1:]
    bench = Workbench(HttpResponse(200, content), providers=(OPENAI,))
    receipt = passed(bench, body()).receipt
    assert receipt is not None
    assert receipt.counts == row
    assert len(bench.rows) == 1


def test_a_failure_inside_a_200_is_one() -> None:
    """And an answer without choices is none."""
    for content in (b'{"error":{"message":"no","code":"server_error"}}', b'{"choices":[]}', b"{}"):
        bench = Workbench(HttpResponse(200, content), providers=(OPENAI,))
        assert passed(bench, body()).receipt is None
        assert [row.outcome for row in bench.rows] == ["failed"]


# --- whom it goes to ------------------------------------------------------------------------

SECOND = replace(OPENAI, name="second", catalog="openai")
KEYS = ("sk-first-of-both-keys", "sk-other-of-both-keys")


def test_credentials_take_turns() -> None:
    """As they do by the long way; one whose circuit is open is passed over."""
    bench = Workbench(
        *(ANSWER,) * 4,
        providers=(OPENAI,),
        configured={"openai": {"api_key": None, "api_keys": KEYS}},
    )
    for _ in range(3):
        passed(bench, body())
    used = [one.headers["Authorization"].removeprefix("Bearer ") for one in bench.transport.sent]
    assert set(used) == set(KEYS)
    assert used[0] == used[2] != used[1]
    way = bench.engine.relays.way(body(), "openai", streaming=False)
    assert way is not None
    circuit = bench.engine.guards.breakers.circuit(way.circuit)
    circuit.told_open(bench.clock.monotonic(), seconds=60.0, pause=60.0, why=None)
    for _ in range(2):
        left = bench.engine.relays.way(body(), "openai", streaming=False)
        assert left is not None
        assert left.circuit != way.circuit


def test_a_strategy_chooses_and_the_next_one_is_there_when_it_fails() -> None:
    """Turn by turn; before the first byte the other is asked, and nobody twice."""
    bench = Workbench(
        ANSWER,
        ANSWER,
        HttpResponse(401, b'{"error":{"message":"no","code":"invalid_api_key"}}'),
        ANSWER,
        providers=(OPENAI, SECOND),
        failover=FailoverSettings(strategy="round_robin"),
    )
    first, other = (passed(bench, body()).provider for _ in range(2))
    assert {first, other} == {"openai", "second"}
    third = passed(bench, body())
    assert (third.provider, third.receipt) == (first, None)
    result = finished(
        bench.engine.run(
            TextRequest(model="gpt-4o-mini", prompt="Hello"), asker=CALLER, course=third.course
        )
    )
    assert [(one.provider, one.state) for one in result.attempts] == [
        (first, "failed"),
        (other, "succeeded"),
    ]


def test_a_full_limit_and_a_spent_budget_stand_before_it() -> None:
    """The long way hears of it, and nothing was sent."""
    bench = Workbench(
        ANSWER, providers=(OPENAI,), configured={"openai": {"limits": {"per_minute": 1}}}
    )
    assert passed(bench, body()).receipt is not None
    refused = passed(bench, body())
    assert refused.receipt is None
    assert [one.state for one in refused.course.attempts()] == ["skipped"]
    assert len(bench.transport.sent) == 1


def test_whoever_hangs_up_leaves_a_row_and_no_slot() -> None:
    """It was sent, so it may be billed; the place it took is free again."""
    bench = Workbench(
        Never(), ANSWER, providers=(OPENAI,), configured={"openai": {"limits": {"concurrent": 1}}}
    )

    async def left() -> None:
        answer = begun(bench, body(), "openai")
        task = asyncio.create_task(bench.engine.relays.call(answer, b"{}"))
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait([task])
        assert task.cancelled()

    finished(left())
    (row,) = bench.rows
    assert (row.outcome, row.maybe_billed, row.entry) == ("cancelled", True, "pending")
    assert passed(bench, body()).receipt is not None


# --- in Anthropic's words -------------------------------------------------------------------

CLAUDE = "claude-haiku-4-5"
MESSAGE = HttpResponse(
    200,
    b'{"id":"msg_1","type":"message","role":"assistant","model":"claude-haiku-4-5-20251001",'
    b'"content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","stop_sequence":null,'
    b'"usage":{"input_tokens":9,"cache_read_input_tokens":2,"output_tokens":3}}',
    {"request-id": "req_a"},
)
NAMED = tuple(
    b"event: %b\ndata: %b\n\n" % (msgspec.json.decode(data)["type"].encode(), data)
    for data in (
        (
            b'{"type":"message_start","message":{"id":"msg_1","model":"claude-haiku-4-5-20251001",'
            b'"usage":{"input_tokens":9,"output_tokens":1}}}'
        ),
        (
            b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta",'
            b'"text":"\\"error\\" is a word"}}'
        ),
        b'{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":3}}',
        b'{"type":"message_stop"}',
    )
)


def asking(**more: Any) -> dict[str, msgspec.Raw]:
    """A question in Anthropic's words."""
    return body(model=CLAUDE, max_tokens=100, **more)


def test_messages_go_through_with_their_version_and_are_priced_with_their_cache() -> None:
    """Cached tokens are among ours, and beside theirs."""
    bench = Workbench(MESSAGE, providers=(ANTHROPIC,))
    answer = passed(bench, asking(system="Be brief."), "anthropic")
    said = msgspec.json.decode(answer.content)
    assert (said["model"], said["content"][0]["text"]) == (f"anthropic/{CLAUDE}", "Hi")
    (row,) = bench.rows
    assert (row.usage["input_tokens"], row.usage["cached_input_tokens"]) == (11, 2)
    assert row.reference == "req_a"
    assert row.amount is not None
    assert said["usage"]["cost"] == row.amount / 1e9
    (sent,) = bench.transport.sent
    assert sent.headers["anthropic-version"]
    assert sent.headers["x-api-key"] == "anthropic-secret-key"


def test_a_stream_of_messages_ends_with_what_it_cost() -> None:
    """As it came but for who answers, and for the last word on usage, which has the price."""
    bench = Workbench(Streamed(NAMED), providers=(ANTHROPIC,))
    answer, events = overheard(bench, asking(stream=True), "anthropic")
    named = NAMED[0].replace(b'"claude-haiku-4-5-20251001"', b'"anthropic/claude-haiku-4-5"')
    assert b"".join(events[:2]) == named + NAMED[1]
    told = msgspec.json.decode(events[2].split(b"data: ")[1].split(b"\n\n")[0])
    assert told["usage"] == {"output_tokens": 3, "cost": bench.rows[0].amount / 1e9}  # type: ignore[operator]  # it has one
    assert events[2].endswith(NAMED[3])
    assert answer.receipt is not None
    assert answer.receipt.counts == {"input_tokens": 9, "output_tokens": 3}


def test_a_stream_of_messages_that_is_cut_or_fails_is_told_so() -> None:
    """Before the first word elsewhere, after it as an error."""
    failure = b'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"x"}}\n\n'
    bench = Workbench(Streamed((failure,)), providers=(ANTHROPIC,))
    answer, events = overheard(bench, asking(stream=True), "anthropic")
    assert (answer.receipt, events) == (None, [])
    bench = Workbench(Streamed(NAMED[:2]), providers=(ANTHROPIC,))
    with pytest.raises(NetworkFailed):
        overheard(bench, asking(stream=True), "anthropic")
    assert [row.outcome for row in bench.rows] == ["failed"]


@pytest.mark.parametrize(
    "more",
    [
        {"temperature": 0.5},
        {"tools": []},
        {"max_tokens": 0},
        {"max_tokens": 20_000},
        {"model": "claude-sonnet-5-5"},
        {"messages": [{"role": "user", "content": [{"type": "image"}]}]},
        {"system": [{"type": "text", "text": "x", "y": 1}]},
    ],
)
def test_what_has_to_be_understood_takes_the_long_way(more: dict[str, Any]) -> None:
    """Settings of another version, tools, long answers, models that think unasked, pictures."""
    bench = Workbench(providers=(ANTHROPIC,))
    fields = body(**{"model": CLAUDE, "max_tokens": 100, **more})
    assert bench.engine.relays.way(fields, "anthropic", streaming=False) is None


def test_a_name_that_nobody_has_is_none_however_long_it_is() -> None:
    """And there is still a way for others, after more names than are remembered."""
    bench = Workbench(providers=(OPENAI,))
    relays = bench.engine.relays
    for model in ("x" * 100_000, "x\u00e9", "", *(f"m{number}" for number in range(1_100))):
        assert relays.way(body(model=model), "openai", streaming=False) is None
    assert relays.way(body(), "openai", streaming=False) is not None


def test_an_observer_hears_of_it_once_whichever_way_it_ends() -> None:
    """As of any attempt: what it took where it went well, and that it failed."""
    heard: list[str] = []

    class Log(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            heard.append(str(record.__dict__.get("anymedia", record.__dict__)))

    log = logging.getLogger("tests.relay")
    log.setLevel(logging.DEBUG)
    log.propagate = False
    log.addHandler(Log())
    bench = Workbench(ANSWER, BUSY, providers=(OPENAI,))
    bench.engine.observer = Observer(log)
    passed(bench, body())
    assert len(heard) == 1
    assert "succeeded" in heard[0]
    assert passed(bench, body()).receipt is None
    assert len(heard) == 2
    assert "failed" in heard[1]
