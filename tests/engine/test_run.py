"""What answers at once: retries, fallbacks, time limits, and a row of the ledger for each try."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import msgspec
import pytest

from anymedia.contracts.configuration import TimeoutSettings
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    GenerationError,
    InsufficientCredits,
    NetworkFailed,
    NoRouteSucceeded,
    ProviderTimeout,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
    StorageFailed,
    UnreadableResponse,
)
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.request import RetryConfig
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.spec import Brief, Call
from anymedia.store.ledger import dollars
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import HttpResponse, post
from tests.engine.workbench import Workbench, finished, hello
from tests.support.acme import ACME, BOLT
from tests.support.transport import (
    After,
    Answer,
    Never,
    answer,
    cut,
    timed_out,
    unreachable,
)

GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})
ONCE = RetryConfig(max_attempts=1)


def test_an_answer_tells_who_gave_it_and_what_it_cost() -> None:
    """By our price table over the usage that the provider stated."""
    bench = Workbench(GOOD)
    result = bench.run(hello(metadata={"mine": 1}))
    assert (result.text, result.provider, result.model) == ("hi", "acme", "words-1")
    assert (result.cost.amount, result.cost.basis) == (Decimal("0.003"), "computed")
    assert (result.finish.unified, result.finish.raw) == ("stop", "done")
    assert result.metadata == {"mine": 1}
    assert result.warnings == ()
    (attempt,) = result.attempts
    assert (attempt.number, attempt.state, attempt.problem) == (1, "succeeded", None)


def test_an_answer_has_one_row_in_the_ledger() -> None:
    """In whole nano-dollars, with its usage, before the caller has the answer."""
    bench = Workbench(GOOD)
    bench.run(hello(tags=("team-a",)))
    (row,) = bench.rows
    assert (row.entry, row.outcome, row.amount, row.basis) == (
        "settle",
        "succeeded",
        3_000_000,
        "computed",
    )
    assert (row.provider, row.model, row.medium) == ("acme", "words-1", "text")
    assert row.usage["input_tokens"] == 1000
    assert row.tags == ("team-a",)
    assert not row.maybe_billed


def test_what_the_provider_itself_reports_wins() -> None:
    """What we computed is kept beside it."""
    bench = Workbench(answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500, "usd": "0.0021"}))
    result = bench.run(hello())
    assert (result.cost.amount, result.cost.basis) == (Decimal("0.0021"), "reported")
    assert result.cost.computed == Decimal("0.003")
    (row,) = bench.rows
    assert dollars(row.reported) == Decimal("0.0021")


def test_tokens_are_counted_where_the_provider_does_not_say() -> None:
    """The figure is marked as ours."""
    result = Workbench(answer({"text": "six letters and more"})).run(hello())
    assert result.usage.estimated
    assert result.usage.output_tokens == 7
    assert result.cost.basis == "estimated"


@pytest.mark.parametrize(
    ("first", "billed", "code"),
    [
        (timed_out(), True, "TIMEOUT"),
        (cut(), True, "NETWORK_ERROR"),
        (answer({"error": "oops"}, 500), True, "PROVIDER_ERROR"),
        (answer({"error": "oops"}, 503), True, "PROVIDER_ERROR"),
        (unreachable(), False, "NETWORK_ERROR"),
        (answer({"error": "slow down"}, 429), False, "RATE_LIMIT_EXCEEDED"),
    ],
)
def test_a_text_is_tried_again_and_the_row_says_whether_it_may_be_billed(
    first: Answer, billed: bool, code: str
) -> None:
    """A text costs little, and people expect an answer; the doubt is written down and told."""
    bench = Workbench(first, GOOD)
    result = bench.run(hello())
    assert result.text == "hi"
    failed, settled = bench.rows
    assert (failed.outcome, failed.code, failed.maybe_billed) == ("failed", code, billed)
    assert (failed.entry, failed.amount) == (("pending", None) if billed else ("settle", 0))
    assert (settled.entry, settled.outcome) == ("settle", "succeeded")
    assert [one.state for one in result.attempts] == ["failed", "succeeded"]
    warned = [notice.code for notice in result.warnings]
    assert warned == (["may-have-been-billed"] if billed else [])


def test_every_try_has_an_id_and_a_row_of_its_own() -> None:
    """Three failures are three rows, none written twice."""
    bench = Workbench(timed_out(), cut(), answer({}, 500))
    with pytest.raises(ProviderUnavailable) as caught:
        bench.run(hello(provider="acme", model="words-1"))
    assert len({row.id for row in bench.rows}) == len(bench.rows) == 3
    assert len({row.attempt_id for row in bench.rows}) == 3
    assert len(caught.value.attempts) == 3


def test_between_tries_the_clock_is_slept_on_with_jitter() -> None:
    """Half of the ceiling here, as chance says a half."""
    bench = Workbench(cut(), cut(), GOOD)
    bench.run(hello(model="words-1"))
    assert bench.clock.sleeps == [0.25, 0.5]


def test_retry_after_is_honoured() -> None:
    """The provider knows best when there is room again."""
    bench = Workbench(answer({}, 429, retry_after="7"), GOOD)
    bench.run(hello(model="words-1"))
    assert bench.clock.sleeps == [7.25]


def test_the_request_says_how_often_it_may_be_tried() -> None:
    """Once means once."""
    bench = Workbench(cut())
    with pytest.raises(NetworkFailed):
        bench.run(hello(model="words-1", retry=ONCE))
    assert len(bench.transport.sent) == 1


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (answer({"error": "bad"}, 400), RequestRejected),
        (answer({"error": "who?"}, 401), AuthenticationFailed),
        (answer({"error": {"code": "no_credit"}}, 429), InsufficientCredits),
        (answer({"text": "", "refused": "not this"}), ContentRefused),
    ],
)
def test_what_a_retry_will_not_mend_is_not_repeated(
    refusal: HttpResponse, kind: type[GenerationError]
) -> None:
    """Refusals inside a 200 too; nothing is owed for them."""
    bench = Workbench(refusal)
    with pytest.raises(kind) as caught:
        bench.run(hello(model="words-1"))
    assert caught.value.provider == "acme"
    (row,) = bench.rows
    assert (row.amount, row.maybe_billed) == (0, False)


@pytest.mark.parametrize(
    "content", [b"<html>sorry</html>", b"", b'{"text": "cut of', b"[1, 2", b"null", b"\xff\xfe"]
)
def test_an_answer_that_cannot_be_read_is_said_to_be_one(content: bytes) -> None:
    """HTML, nothing, half of it: an error of ours that quotes none of it."""
    bench = Workbench(HttpResponse(200, content))
    with pytest.raises(UnreadableResponse) as caught:
        bench.run(hello(model="words-1"))
    assert "sorry" not in caught.value.message
    (row,) = bench.rows
    assert (row.entry, row.maybe_billed) == ("pending", True)


def test_an_answer_beyond_the_limit_is_not_kept_in_memory() -> None:
    """The message says which setting to raise."""
    bench = Workbench(answer({"text": "x" * 5000}), max_response_bytes=2000)
    with pytest.raises(UnreadableResponse, match="max_response_bytes"):
        bench.run(hello(model="words-1"))


# --- fallback -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "failure",
    [
        answer({}, 401),
        answer({}, 402),
        answer({"text": "", "refused": "not this"}),
        HttpResponse(200, b"<html>"),
    ],
)
def test_another_provider_steps_in(failure: HttpResponse) -> None:
    """Where the first one will not, the second may."""
    bench = Workbench(failure, GOOD, providers=(ACME, BOLT))
    result = bench.run(hello(model="words-1"))
    assert result.provider == "bolt"
    assert [one.provider for one in result.attempts] == ["acme", "bolt"]
    assert [row.provider for row in bench.rows] == ["acme", "bolt"]


def test_each_provider_gets_its_own_key() -> None:
    """And only its own."""
    bench = Workbench(answer({}, 401), GOOD, providers=(ACME, BOLT))
    bench.run(hello(model="words-1"))
    assert [
        (one.url.split("/")[2], one.headers["Authorization"]) for one in bench.transport.sent
    ] == [
        ("api.acme.example", "Bearer acme-secret-key"),
        ("api.bolt.example", "Bearer bolt-secret-key"),
    ]


def test_a_wrong_request_goes_to_nobody_else() -> None:
    """It is as wrong there."""
    bench = Workbench(answer({"error": "bad"}, 400), providers=(ACME, BOLT))
    with pytest.raises(RequestRejected):
        bench.run(hello(model="words-1"))


def test_when_all_have_failed_every_failure_is_told() -> None:
    """In the order they were tried."""
    bench = Workbench(answer({}, 401), answer({}, 402), providers=(ACME, BOLT))
    with pytest.raises(NoRouteSucceeded) as caught:
        bench.run(hello(model="words-1"))
    assert [type(one) for one in caught.value.failures] == [
        AuthenticationFailed,
        InsufficientCredits,
    ]
    assert "acme/words-1" in caught.value.message
    assert "bolt/words-1" in caught.value.message
    assert len(caught.value.attempts) == 2


def test_a_full_disk_does_not_make_us_pay_somebody_else() -> None:
    """The row cannot be written: nobody else is asked, and no answer is promised."""
    bench = Workbench(GOOD, providers=(ACME, BOLT))
    bench.ledger.failure = StorageFailed("no space left")
    with pytest.raises(StorageFailed):
        bench.run(hello(model="words-1"))
    assert len(bench.transport.sent) == 1


# --- time -----------------------------------------------------------------------------------


def test_the_time_of_a_request_is_for_everything_together() -> None:
    """What is left is what the next try may take."""
    bench = Workbench(After(4, answer({}, 500)), GOOD)
    bench.run(hello(model="words-1", timeout_seconds=10))
    first, second = bench.transport.sent
    assert first.total_seconds == 10
    assert second.total_seconds == pytest.approx(10 - 4 - 0.25)


def test_no_try_begins_when_time_is_up() -> None:
    """The failure that took it is told; nobody else is asked."""
    bench = Workbench(After(11, GOOD), providers=(ACME, BOLT))
    with pytest.raises(ProviderTimeout):
        bench.run(hello(model="words-1", timeout_seconds=10))
    assert len(bench.transport.sent) == 1


def test_no_wait_is_begun_that_would_outlast_the_request() -> None:
    """Retry-After says thirty seconds, ten are left: it fails now."""
    bench = Workbench(answer({}, 429, retry_after="30"))
    with pytest.raises(RateLimited):
        bench.run(hello(model="words-1", timeout_seconds=10))
    assert bench.clock.sleeps == []


def test_the_configured_total_counts_where_a_request_says_nothing() -> None:
    """`timeouts.total_seconds`."""
    bench = Workbench(GOOD, timeouts=TimeoutSettings(total_seconds=33))
    bench.run(hello())
    assert bench.transport.sent[0].total_seconds == 33


# --- when it is broken off ------------------------------------------------------------------


def test_a_caller_that_stops_waiting_leaves_a_row() -> None:
    """What was sent may be billed, and the ledger says so."""
    bench = Workbench(Never())

    async def given_up() -> None:
        task = asyncio.ensure_future(bench.engine.run(hello(model="words-1")))
        for _ in range(5):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    finished(given_up())
    (row,) = bench.rows
    assert (row.entry, row.outcome, row.maybe_billed) == ("pending", "cancelled", True)


def test_an_adapter_that_breaks_leaves_a_row() -> None:
    """A mistake in a plugin must not hide what may be billed."""

    def broken(request: TextRequest, brief: Brief) -> Exchange[Any]:
        yield post("/text", json={})
        raise KeyError("choices")

    bench = Workbench(GOOD, providers=(replace(ACME, operations=(Call(TextRequest, broken),)),))
    with pytest.raises(KeyError):
        bench.run(hello(model="words-1"))
    (row,) = bench.rows
    assert (row.entry, row.outcome, row.maybe_billed) == ("pending", "failed", True)


def test_a_text_that_is_asked_for_as_json_comes_as_values() -> None:
    """With or without the fence that models put around it."""
    sheet = ACME.models[0].model_copy(update={"features": ("json", "json_schema")})
    provider = replace(ACME, models=(sheet,))
    for words in ('{"a": 1}', '```json\n{"a": 1}\n```'):
        bench = Workbench(answer({"text": words}), providers=(provider,))
        assert bench.run(hello(output={"type": "json"})).parsed == {"a": 1}
    result = Workbench(answer({"text": "no JSON"}), providers=(provider,)).run(
        hello(output={"type": "json"})
    )
    assert result.parsed is None
    assert [notice.code for notice in result.warnings] == ["delivered-differs"]


def test_recordings_are_billed_by_what_was_heard() -> None:
    """The provider says how long it was."""
    bench = Workbench(answer({"text": "good morning"}))
    result = bench.run(
        TranscriptionRequest(audio=MediaBytes(data=b"RIFFxxxxWAVE", media_type="audio/wav"))
    )
    assert result.text == "good morning"
    assert result.usage.seconds == Decimal("2.5")
    assert result.cost.amount == Decimal("0.0025")


def test_texts_become_vectors() -> None:
    """One each; a model without a price is flagged, never free."""
    result = Workbench(answer({})).run(EmbeddingRequest(inputs=("a", "b")))
    assert len(result.embeddings) == 2
    assert (result.cost.amount, result.cost.basis) == (None, "unpriced")


def test_the_label_of_a_try_is_the_id_of_its_row() -> None:
    """So that what a provider keeps can be matched with the ledger."""
    seen: list[str] = []

    def noting(request: TextRequest, brief: Brief) -> Iterator[Any]:
        seen.append(brief.marker)
        return ACME.operations[0].exchange(request, brief)  # type: ignore[union-attr]  # the first one is a Call

    bench = Workbench(GOOD, providers=(replace(ACME, operations=(Call(TextRequest, noting),)),))  # type: ignore[arg-type]  # an iterator that is a generator
    bench.run(hello())
    assert seen == [bench.rows[0].attempt_id]
    assert msgspec.json.encode(bench.rows[0])
