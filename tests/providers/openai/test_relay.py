"""Chat passed on as it is: what may be, and what is heard on the way."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from anymedia.contracts.errors import GenerationError, NetworkFailed, UnreadableResponse
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.dialects.openai.relay import looked_at, relay, signed
from anymedia.providers.spec import Relay
from anymedia.wire.http import HttpResponse

WORDS = b'[{"role":"user","content":"Hello"}]'
DELTA = (
    b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Hi"},"finish_reason":null}]}\n\n'
)
LAST = b'data: {"id":"c","model":"m","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":9,"completion_tokens":3}}\n\n'
DONE = b"data: [DONE]\n\n"
NAMED = LAST.replace(b'"m"', b'"acme/m"')
"""The same as a caller gets it: with who answers."""


def way() -> Relay:
    """OpenAI's own."""
    found = relay(Quirks())
    assert found is not None
    return found


def fields(**more: object) -> dict[str, msgspec.Raw]:
    """A body, its fields as they are written."""
    body = {"model": "m", "messages": msgspec.Raw(WORDS), **more}
    return msgspec.json.decode(msgspec.json.encode(body), type=dict[str, msgspec.Raw])


@pytest.mark.parametrize(
    ("body", "may"),
    [
        (fields(), True),
        (fields(temperature=0.5, max_completion_tokens=9, stream=True), True),
        (fields(stream=True, stream_options={"include_usage": True}), True),
        (fields(stream=True, stream_options={"include_usage": False}), False),
        (fields(tools=[]), False),
        (fields(max_tokens=9), True),
        (fields(max_tokens=9, max_completion_tokens=9), False),
        (fields(anymedia={"tags": ["a"]}), False),
        (fields(messages=[]), False),
        (fields(messages=[{"role": "user", "content": [{"type": "text", "text": "a"}]}]), False),
        (fields(messages=[{"role": "tool", "content": "a"}]), False),
        (fields(messages="Hello"), False),
    ],
)
def test_only_what_needs_no_translation_is_passed_on(
    body: dict[str, msgspec.Raw], may: bool
) -> None:
    """Plain words with plain settings; the rest is understood first."""
    assert way().suits(body, None) is may


def test_the_body_goes_on_with_the_models_own_name() -> None:
    """And a stream is asked for its usage, which the ledger needs."""
    said = fields(stream=True)
    assert msgspec.json.decode(bytes(way().ask(msgspec.json.encode(said), said, "gpt-x"))) == {
        "model": "gpt-x",
        "messages": [{"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
    }


def test_a_body_that_says_all_as_it_should_be_goes_on_byte_for_byte() -> None:
    """Nothing is decoded and written again where nothing changes."""
    body = b'{ "messages": ' + WORDS + b', "model":"m","max_completion_tokens": 9 }'
    said = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
    assert way().ask(body, said, "m") is body


def test_the_most_that_is_written_is_said_in_the_words_of_the_service() -> None:
    """One of two names is known there."""
    said = fields(max_tokens=9)
    asked = msgspec.json.decode(bytes(way().ask(msgspec.json.encode(said), said, "m")))
    assert asked["max_completion_tokens"] == 9
    assert "max_tokens" not in asked
    assert way().most(said) == 9


def heard(pieces: list[bytes], *, wanted: bool) -> tuple[bytes, int | None]:
    """What a caller gets of a stream, and the output tokens on its receipt."""
    options = {"stream_options": {"include_usage": True}} if wanted else {}
    listener = way().listen(fields(stream=True, **options), HttpResponse(200), "acme/m")
    passed = b"".join(map(listener.feed, pieces))
    receipt = listener.end()
    return passed + listener.last("acme/m", Decimal("0.5")), receipt.counts.get("output_tokens")


@pytest.mark.parametrize("size", [1, 7, 50, 10_000])
def test_a_stream_is_the_same_however_it_is_cut(size: int) -> None:
    """Whole events go on; what was added for the receipt does not."""
    stream = DELTA + LAST + USAGE + DONE
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert heard(pieces, wanted=False) == (DELTA + NAMED + DONE, 3)


@pytest.mark.parametrize("size", [1, 50, 10_000])
def test_who_asked_for_the_usage_gets_it_with_its_price(size: int) -> None:
    """Last but for the end mark."""
    stream = DELTA + LAST + USAGE + DONE
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    told, _ = heard(pieces, wanted=True)
    assert told.startswith(DELTA + NAMED)
    assert b'"cost":0.5' in told
    assert told.endswith(DONE)


def test_words_that_look_like_an_event_are_words() -> None:
    """Quotes inside a text are escaped."""
    tricky = b'data: {"choices":[{"delta":{"content":"\\"usage\\": {\\"error\\": ["}}]}\n\n'
    named = b'data: {"choices":[{"delta":{"content":"{\\"model\\":\\"m\\"}"}}]}\n\n'
    assert heard([tricky, named, LAST, USAGE], wanted=False)[0] == tricky + named + NAMED


def test_whatever_the_provider_calls_itself_each_event_has_our_name_for_it() -> None:
    """Some have no name in the first event, and some a version in the others."""
    pieces = [LAST.replace(b'"m"', said) for said in (b'""', b'"m"', b'"m-2026"')]
    pieces += [LAST.replace(b'"model":"m"', b'"model" : "m"')]
    assert heard([*pieces, USAGE], wanted=False)[0] == NAMED * 4


def test_a_stream_that_is_cut_short_is_a_failure() -> None:
    """Nobody knows what it cost."""
    listener = way().listen(fields(stream=True), HttpResponse(200), "acme/m")
    listener.feed(DELTA)
    with pytest.raises(NetworkFailed) as caught:
        listener.end()
    assert caught.value.accepted == "unknown"


def test_a_failure_told_in_the_stream_is_one() -> None:
    """Servers that fail after the head have no status left to say so."""
    listener = way().listen(fields(stream=True), HttpResponse(200), "acme/m")
    with pytest.raises(GenerationError, match="overloaded"):
        listener.feed(b'data: {"error":{"message":"overloaded","type":"server_error"}}\n\n')


def test_an_answer_says_who_gave_it_and_what_it_cost() -> None:
    """Everything else stays as the provider wrote it."""
    answer = b'{"id":"c","model":"m","odd":{"a":[1.50]},"usage":{"prompt_tokens":9}}'
    answer = answer.replace(b'{"prompt_tokens":9}', b'{"prompt_tokens":9,"completion_tokens":3}')
    answer = answer.replace(b'"model"', b'"choices":[{}],"model"')
    told = signed(way().read(HttpResponse(200, answer)).answer, "acme/m", Decimal("0.25"))
    assert msgspec.json.decode(told) == {
        "id": "c",
        "model": "acme/m",
        "choices": [{}],
        "odd": {"a": [1.5]},
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "cost": 0.25},
    }


USUAL = {"choices": [{}], "usage": {"prompt_tokens": 9, "completion_tokens": 3}}


@pytest.mark.parametrize("quirks", [Quirks(), Quirks(reports_cost=True)])
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"id": "c", "model": "m", "object": "chat.completion", "error": None},
        {"id": "", "model": None},
        {"id": 7, "model": {"name": "m"}, "object": ["a"]},
        {"model": 'Z\u00fcrich "1"', "id": "\u2028"},
        {"error": {}},
        {"error": ""},
        {"usage": None},
        {"usage": []},
        {"usage": {"input_tokens": 5}},
        {"usage": {"prompt_tokens": "5", "completion_tokens": 1.0}},
        {"usage": {"prompt_tokens": 5, "completion_tokens": 2, "cached_tokens": 3, "cost": 0.5}},
        {
            "usage": {
                "prompt_tokens": 5,
                "completion_tokens": 2,
                "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": None},
                "completion_tokens_details": {"reasoning_tokens": 1, "image_tokens": 1},
            }
        },
    ],
)
def test_an_answer_has_the_same_receipt_however_closely_it_is_looked_at(
    more: dict[str, object], quirks: Quirks
) -> None:
    """As nearly everybody gives it, or field by field."""
    way = relay(quirks)
    assert way is not None
    content = msgspec.json.encode({**USUAL, **more})
    for headers in ({}, {"X-Request-Id": "r_1"}):
        response = HttpResponse(200, content, headers)
        assert way.read(response) == looked_at(response, quirks)


@pytest.mark.parametrize(
    "more",
    [
        {"error": {"message": "overloaded"}},
        {"object": "error", "message": "overloaded"},
        {"choices": []},
        {"choices": None},
        {"choices": {}},
    ],
)
def test_a_failure_inside_a_good_answer_is_one(more: dict[str, object]) -> None:
    """Whatever else it tells."""
    with pytest.raises(GenerationError):
        way().read(HttpResponse(200, msgspec.json.encode({**USUAL, **more})))


def test_an_answer_that_is_cut_or_none_cannot_be_read() -> None:
    """Its receipt would be a guess."""
    content = msgspec.json.encode(USUAL)
    for wrong in (content[:-1], b"", b"[]", b"<html>", content + b"}"):
        with pytest.raises(UnreadableResponse):
            way().read(HttpResponse(200, wrong))


@pytest.mark.parametrize(
    ("told", "priced"),
    [
        (b'{"a":1}', b'{"a":1,"cost":0.25}'),
        (b'{ "a": {"b": {}} \n }', b'{ "a": {"b": {}},"cost":0.25}'),
        (b"{ }", b'{"cost":0.25}'),
        (b"{}", b'{"cost":0.25}'),
        (b'{"cost":7,"a":1}', b'{"cost":0.25,"a":1}'),
        (b'{"a":{"cost":7}}', b'{"a":{"cost":7},"cost":0.25}'),
        (b"null", b"null"),
        (b"[1]", b"[1]"),
    ],
)
def test_a_usage_is_told_with_our_price_and_no_other(told: bytes, priced: bytes) -> None:
    """Whatever the provider said of it, and in whatever form."""
    answer = {"usage": msgspec.Raw(told)}
    assert signed(answer, "acme/m", Decimal("0.25")) == (b'{"usage":%b,"model":"acme/m"}' % priced)


LONG = "a fox " * 200_000
LONG_BODIES = (
    ([{"role": "user", "content": LONG}], True),
    ([{"role": "system", "content": "ü\\n"}, {"role": "user", "content": LONG, "name": "x"}], True),
    ([{"role": "user", "content": [{"type": "text", "text": LONG}]}], False),
    ([{"role": "tool", "content": LONG}], False),
    ([{"role": "user", "content": LONG, "tool_calls": []}], False),
    ([{"role": "user", "content": None}, {"role": "user", "content": LONG}], False),
    (LONG, False),
)


@pytest.mark.parametrize(("messages", "plain"), LONG_BODIES)
def test_what_is_long_is_judged_and_rewritten_alike(messages: object, *, plain: bool) -> None:
    """Without its words being decoded."""
    body = fields(messages=messages, max_tokens=9)
    assert way().suits(body, None) is plain
    sent = way().ask(msgspec.json.encode(body), body, "there")
    assert list(msgspec.json.decode(bytes(sent), type=dict[str, msgspec.Raw]).items()) == [
        ("model", msgspec.Raw(b'"there"')),
        ("messages", body["messages"]),
        ("max_completion_tokens", msgspec.Raw(b"9")),
    ]
