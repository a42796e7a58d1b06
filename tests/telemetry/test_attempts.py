"""Every attempt is told: as a line, as a span, and to the provider only where that is allowed."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from anymedia.contracts.errors import GenerationError
from anymedia.contracts.request import RetryConfig
from anymedia.telemetry.lines import FACTS
from anymedia.telemetry.observer import Observer
from tests.engine.workbench import Workbench, hello
from tests.support.acme import ACME, BOLT
from tests.support.transport import Streamed, answer, cut
from tests.telemetry.traced import Traced

GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})
CANARY = "canary-7f3a"


class Told(logging.Handler):
    """What the log was told, as fields."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep it."""
        self.lines.append({"event": record.getMessage(), **getattr(record, FACTS)})


def watched(bench: Workbench) -> tuple[Traced, list[dict[str, Any]]]:
    """Somebody wants to know of the engine's attempts; what they are told."""
    traced, told, log = Traced(), Told(), logging.getLogger("told")
    log.setLevel(logging.INFO)
    log.handlers[:] = [told]
    bench.engine.observer = Observer(log, traced.spans)
    return traced, told.lines


def test_an_attempt_is_a_span_in_the_words_of_the_conventions() -> None:
    """Who was asked, for what, what it took and what it cost."""
    bench = Workbench(GOOD)
    traced, _ = watched(bench)
    bench.run(hello(prompt=CANARY))
    (span,) = traced.finished
    assert (span.name, span.kind) == ("chat words-1", SpanKind.CLIENT)
    assert dict(span.attributes or {}) == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "acme",
        "gen_ai.system": "acme",
        "gen_ai.request.model": "words-1",
        "gen_ai.output.type": "text",
        "gen_ai.usage.input_tokens": 1000,
        "gen_ai.usage.output_tokens": 500,
        "anymedia.cost.usd": 0.003,
        "anymedia.cost.basis": "computed",
        "anymedia.attempt.number": 1,
        "anymedia.attempt.state": "succeeded",
        "anymedia.medium": "text",
    }


def test_a_failed_attempt_says_why_and_the_next_one_is_another_span() -> None:
    """Both have a line, in order."""
    bench = Workbench(answer({"code": "blocked"}, 400), GOOD, providers=(ACME, BOLT))
    traced, lines = watched(bench)
    bench.run(hello())
    failed, succeeded = traced.finished
    assert failed.status.status_code is StatusCode.ERROR
    assert (failed.attributes or {})["error.type"] == "CONTENT_POLICY_VIOLATION"
    assert succeeded.status.status_code is StatusCode.UNSET
    assert [(one["provider"], one["state"], one["code"]) for one in lines] == [
        ("acme", "failed", "CONTENT_POLICY_VIOLATION"),
        ("bolt", "succeeded", None),
    ]
    assert len({one["of"] for one in lines}) == 1


def test_a_stream_is_one_attempt_until_its_end() -> None:
    """Told once, when it is over."""
    bench = Workbench(Streamed([b'data: {"word": "hi"}\n\n', b"data: [DONE]\n\n"]))
    traced, lines = watched(bench)
    bench.events(hello())
    (span,) = traced.finished
    assert (span.attributes or {})["gen_ai.usage.output_tokens"] == 3
    assert [one["state"] for one in lines] == ["succeeded"]


def test_what_was_sent_and_not_answered_is_no_success() -> None:
    """Its cost is pending, so there is none to tell."""
    bench = Workbench(cut())
    _, lines = watched(bench)
    with pytest.raises(GenerationError):
        bench.run(hello(model="words-1", retry=RetryConfig(max_attempts=1)))
    assert {(one["state"], one["cost_basis"], one["cost_usd"]) for one in lines} == {
        ("failed", "pending", None)
    }


@pytest.mark.parametrize("allowed", [True, False])
def test_traces_go_on_at_a_provider_only_where_that_is_allowed(*, allowed: bool) -> None:
    """Who serves somebody else's requests should not learn which belong together."""
    bench = Workbench(GOOD, configured={"acme": {"trace_context": allowed}})
    traced, _ = watched(bench)
    bench.run(hello())
    (sent,) = bench.transport.sent
    said = {name.lower(): value for name, value in sent.headers.items()}.get("traceparent")
    context = traced.finished[0].context
    assert context is not None
    expected = f"00-{context.trace_id:032x}-{context.span_id:016x}" if allowed else None
    assert said is None if expected is None else str(said).startswith(expected)


def test_nothing_that_was_asked_or_answered_is_told() -> None:
    """Neither in lines nor in spans."""
    bench = Workbench(answer({"text": f"answer {CANARY}", "tokens_in": 1, "tokens_out": 1}))
    traced, lines = watched(bench)
    bench.run(hello(prompt=CANARY, metadata={"mine": CANARY}, user=CANARY))
    assert CANARY not in str(lines) + "".join(one.to_json() for one in traced.finished)


def test_nobody_is_told_where_nobody_wants_to_know() -> None:
    """The engine has no observer of its own accord."""
    bench = Workbench(GOOD)
    assert bench.engine.observer is None
    assert bench.run(hello()).text == "hi"
