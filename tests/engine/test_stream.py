"""Answers as they come: one more chance before the first piece, none after it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from anymedia.contracts.configuration import TimeoutSettings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    LimitReached,
    NetworkFailed,
    NoRouteSucceeded,
    ProviderError,
    ProviderTimeout,
    StorageFailed,
)
from anymedia.contracts.event import StreamEnd, TextDelta
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.resilience import CircuitBreakerSettings
from anymedia.contracts.route import FailoverSettings
from anymedia.contracts.text import TextRequest
from anymedia.providers.spec import Call, Stream
from tests.engine.workbench import Workbench, finished, hello
from tests.support.acme import ACME, BOLT, start, telling, text
from tests.support.transport import Never, Streamed, answer, cut, timed_out, unreachable

ONE, TWO, DONE = b'data: {"word": "hel"}\n\n', b'data: {"word": "lo"}\n\n', b"data: [DONE]\n\n"
GOOD = Streamed([ONE, TWO, DONE])


def test_words_come_in_pieces_and_the_result_last() -> None:
    """The same result that an answer in one piece would have."""
    bench = Workbench(GOOD)
    *deltas, end = bench.events(hello(metadata={"mine": 1}))
    assert deltas == [TextDelta(text="hel"), TextDelta(text="lo")]
    assert isinstance(end, StreamEnd)
    assert (end.result.text, end.result.provider, end.result.metadata) == (
        "hello",
        "acme",
        {"mine": 1},
    )
    (row,) = bench.rows
    assert (row.entry, row.outcome, row.usage["output_tokens"]) == ("settle", "succeeded", 3)


@pytest.mark.parametrize("size", [1, 2, 7, 1000])
def test_pieces_of_the_network_are_not_pieces_of_the_answer(size: int) -> None:
    """However the bytes are cut, the words are the same."""
    whole = ONE + TWO + DONE
    cuts = [whole[i : i + size] for i in range(0, len(whole), size)]
    events = Workbench(Streamed(cuts)).events(hello())
    assert [event.kind for event in events] == ["text-delta", "text-delta", "stream-end"]


@pytest.mark.parametrize(
    "broken",
    [
        Streamed([ONE, cut()]),
        Streamed([ONE, timed_out()]),
        Streamed([ONE, TWO]),
        Streamed([ONE, b'data: {"wo']),
    ],
)
def test_a_stream_that_is_cut_is_an_error_and_never_an_answer(broken: Streamed) -> None:
    """Nobody goes on with what another began: there is no second try once words were heard."""
    bench = Workbench(broken, GOOD, providers=(ACME, BOLT))
    heard = []

    async def listening() -> None:
        async for event in bench.engine.stream(hello(model="words-1")):
            heard.append(event)  # noqa: PERF401  what was heard before it broke counts

    with pytest.raises(ProviderError) as caught:
        finished(listening())
    assert heard[0] == TextDelta(text="hel")
    assert not any(isinstance(event, StreamEnd) for event in heard)
    assert caught.value.provider == "acme"
    assert len(bench.transport.sent) == 1
    (row,) = bench.rows
    assert (row.entry, row.outcome, row.maybe_billed) == ("pending", "failed", True)


def test_before_the_first_piece_the_same_provider_is_tried_again() -> None:
    """With the same waits as an answer in one piece."""
    bench = Workbench(answer({}, 429, retry_after="3"), unreachable(), GOOD)
    *_, end = bench.events(hello(model="words-1"))
    assert end.result.text == "hello"
    assert bench.clock.sleeps == [3.25, 0.5]
    assert [row.outcome for row in bench.rows] == ["failed", "failed", "succeeded"]


def test_before_the_first_piece_another_provider_steps_in() -> None:
    """And the result tells of both."""
    bench = Workbench(answer({}, 401), GOOD, providers=(ACME, BOLT))
    *_, end = bench.events(hello(model="words-1"))
    assert [one.provider for one in end.result.attempts] == ["acme", "bolt"]


def test_when_nobody_answers_every_failure_is_told() -> None:
    """As for an answer in one piece."""
    bench = Workbench(answer({}, 401), answer({}, 401), providers=(ACME, BOLT))
    with pytest.raises(NoRouteSucceeded) as caught:
        bench.events(hello(model="words-1"))
    assert [type(one) for one in caught.value.failures] == [AuthenticationFailed] * 2


def test_a_stream_without_words_or_an_end_is_tried_again() -> None:
    """Some proxies answer 200 and nothing."""
    bench = Workbench(Streamed([]), GOOD)
    *_, end = bench.events(hello(model="words-1"))
    assert end.result.text == "hello"
    assert [one.code for one in end.result.warnings] == ["may-have-been-billed"]


def test_a_caller_that_stops_listening_leaves_a_row() -> None:
    """What was heard so far will be billed."""
    bench = Workbench(GOOD)

    async def one_word() -> None:
        events = bench.engine.stream(hello())
        await anext(events)
        await events.aclose()

    finished(one_word())
    (row,) = bench.rows
    assert (row.entry, row.outcome, row.maybe_billed) == ("pending", "cancelled", True)


def test_a_caller_that_stops_at_the_last_event_has_heard_everything() -> None:
    """One row, and it is settled."""
    bench = Workbench(GOOD)

    async def until_the_end() -> None:
        events = bench.engine.stream(hello())
        async for event in events:
            if isinstance(event, StreamEnd):
                break
        await events.aclose()

    finished(until_the_end())
    (row,) = bench.rows
    assert (row.entry, row.outcome) == ("settle", "succeeded")


def test_a_caller_that_is_cancelled_leaves_a_row() -> None:
    """Also before the first word."""
    import asyncio

    bench = Workbench(Never())

    async def given_up() -> None:
        task = asyncio.ensure_future(anext(bench.engine.stream(hello())))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    finished(given_up())
    assert [row.outcome for row in bench.rows] == ["cancelled"]


def test_a_provider_that_does_not_stream_answers_in_the_same_events() -> None:
    """The caller need not know."""
    provider = replace(ACME, operations=(Call(TextRequest, text),))
    bench = Workbench(answer({"text": "hi"}), providers=(provider,))
    delta, end = bench.events(hello())
    assert (delta, end.result.text) == (TextDelta(text="hi"), "hi")


def test_a_provider_that_only_streams_answers_in_one_piece_too() -> None:
    """The pieces are put together here."""
    provider = replace(ACME, operations=(Stream(TextRequest, start, telling),))
    bench = Workbench(GOOD, providers=(provider,))
    assert bench.run(hello()).text == "hello"


def test_the_longest_silence_and_the_whole_have_limits_of_their_own() -> None:
    """`timeouts.read_seconds` and what is left of the request's time."""
    bench = Workbench(GOOD, timeouts=TimeoutSettings(read_seconds=20))
    bench.events(hello(timeout_seconds=50))
    (sent,) = bench.transport.sent
    assert (sent.read_seconds, sent.total_seconds) == (20, 50)


def test_a_stream_that_takes_too_long_fails() -> None:
    """And is not begun again when its time is up."""
    bench = Workbench(timed_out(), retry=RetryConfig(max_attempts=1))
    with pytest.raises(ProviderTimeout):
        bench.events(hello(model="words-1"))


def test_a_failed_status_is_explained_by_what_its_body_says() -> None:
    """The body comes in pieces, too."""
    body = [b'{"error": {"code": "bloc', b'ked", "message": "not this"}}']
    bench = Workbench(Streamed(body, status=400))
    with pytest.raises(ProviderError, match="not this") as caught:
        bench.events(hello(model="words-1"))
    assert caught.value.code == "CONTENT_POLICY_VIOLATION"


def test_a_row_that_cannot_be_written_ends_the_stream() -> None:
    """The result is not promised, and nobody else is asked."""
    bench = Workbench(GOOD, providers=(ACME, BOLT))
    bench.ledger.failure = StorageFailed("no space left")
    with pytest.raises(StorageFailed):
        bench.events(hello(model="words-1"))
    assert len(bench.transport.sent) == 1


def test_a_broken_line_of_a_stream_does_not_leak_what_it_held() -> None:
    """Acme's decoder fails on it; the row says that it may be billed."""
    bench = Workbench(Streamed([ONE, b"data: <html>\n\n"]))
    with pytest.raises(Exception):  # noqa: B017  the test adapter has no manners
        bench.events(hello(model="words-1"))
    (row,) = bench.rows
    assert (row.outcome, row.maybe_billed) == ("failed", True)


def test_the_stream_says_that_it_never_was_completed() -> None:
    """A decoder that ends without an answer and without an error is not trusted."""

    class Careless:
        def feed(self, event: object) -> tuple[()]:
            return ()

        def end(self) -> tuple[()]:
            return ()

    operation = Stream(TextRequest, start, lambda *_: Careless())
    provider = replace(ACME, operations=(operation,))
    bench = Workbench(GOOD, providers=(provider,), retry=RetryConfig(max_attempts=1))
    with pytest.raises(NetworkFailed, match="without an answer") as caught:
        bench.events(hello(model="words-1"))
    assert (caught.value.provider, caught.value.accepted) == ("acme", "unknown")


# --- routes that say more -------------------------------------------------------------------


def test_a_stream_that_falls_silent_is_a_failure_after_the_routes_patience() -> None:
    """`stall_seconds` is what the transport is told to wait for; before the first word."""
    bench = Workbench(
        timed_out(),
        GOOD,
        providers=(ACME, BOLT),
        failover=FailoverSettings(stall_seconds=7),
    )
    *_, end = bench.events(hello(retry=RetryConfig(max_attempts=1)))
    assert [one.read_seconds for one in bench.transport.sent] == [7, 7]
    assert [(one.provider, one.state) for one in end.result.attempts] == [
        ("acme", "failed"),
        ("bolt", "succeeded"),
    ]


def test_where_the_route_says_so_another_begins_anew_after_the_first_word() -> None:
    """The caller is told to forget what came so far; the result is the second one's alone."""
    bench = Workbench(
        Streamed([ONE, cut()]),
        GOOD,
        providers=(ACME, BOLT),
        failover=FailoverSettings(resume_streams=True),
    )
    events = bench.events(hello(retry=RetryConfig(max_attempts=1)))
    assert [one.kind for one in events] == [
        *("text-delta", "stream-restart"),
        *("text-delta", "text-delta", "stream-end"),
    ]
    assert events[1].provider == "acme"
    assert events[-1].result.text == "hello"
    assert [one.state for one in events[-1].result.attempts] == ["failed", "succeeded"]


def test_a_slot_is_held_until_the_last_event_and_given_back_by_who_hangs_up() -> None:
    """A caller that stops listening leaves no place taken."""
    bench = Workbench(GOOD, GOOD, configured={"acme": {"limits": {"concurrent": 1}}})

    async def hang_up() -> None:
        stream = bench.engine.stream(hello(model="words-1"))
        await anext(stream)
        with pytest.raises(LimitReached):
            await bench.engine.run(hello(model="words-1"))
        await stream.aclose()

    finished(hang_up())
    assert bench.events(hello(model="words-1"))[-1].kind == "stream-end"


def test_a_stream_that_breaks_counts_against_the_circuit() -> None:
    """Cut, or over without an end."""
    bench = Workbench(
        Streamed([ONE, cut()]),
        Streamed([ONE, TWO]),
        GOOD,
        providers=(ACME, BOLT),
        circuit_breaker=CircuitBreakerSettings(failure_threshold=2),
    )
    for _ in range(2):
        with pytest.raises(ProviderError):
            bench.events(hello(retry=RetryConfig(max_attempts=1)))
    *_, end = bench.events(hello())
    assert [(one.provider, one.state) for one in end.result.attempts] == [
        ("acme", "skipped"),
        ("bolt", "succeeded"),
    ]
