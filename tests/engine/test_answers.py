"""Answers that were given before: found, replayed, asked for once, and never somebody else's."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.request import RetryConfig
from anymedia.engine.candidate import Asker
from anymedia.wire.http import HttpResponse
from tests.engine.workbench import Workbench, finished, hello
from tests.jobs.test_course import CLIP, Bench, done, taken
from tests.support.acme import ACME, BOLT
from tests.support.transport import Behind, Streamed, answer

GOOD = answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500})
OTHER = answer({"text": "ho", "tokens_in": 1000, "tokens_out": 500})
DOWN = HttpResponse(503, b"{}")
ON = CacheSettings()


def test_the_same_request_is_answered_again_for_nothing() -> None:
    """Nothing is sent; it costs nothing, says when it was made, and its row says what it saved."""
    bench = Workbench(GOOD, cache=ON)
    first = bench.run(hello(metadata={"n": 1}))
    again = bench.run(hello(metadata={"n": 2}))
    assert (again.text, again.provider, again.metadata) == ("hi", "acme", {"n": 2})
    assert (again.cost.amount, again.cost.basis) == (Decimal(0), "computed")
    assert first.cached_at is None
    assert again.cached_at == bench.clock.now()
    assert len(bench.transport.sent) == 1
    assert [(row.entry, row.outcome) for row in bench.rows] == [
        ("settle", "succeeded"),
        ("cached", "cached"),
    ]
    assert bench.engine.cache is not None
    statistics = bench.engine.cache.statistics()
    assert (statistics.hits, statistics.misses) == (1, 1)
    assert statistics.saved_usd == first.cost.amount


def test_another_request_is_another_answer() -> None:
    """Other words, another model, another limit on the answer, and whoever does not want it."""
    bench = Workbench(*[GOOD] * 5, cache=ON)
    for request in (
        hello(),
        hello(prompt="goodbye"),
        hello(model="words-1"),
        hello(max_output_tokens=10),
        hello(cache=False),
    ):
        bench.run(request)
    assert bench.transport.left == 0


def test_nobody_sees_what_another_asked() -> None:
    """The same words from another caller are asked anew."""
    bench = Workbench(GOOD, OTHER, cache=ON)
    said = [
        finished(bench.engine.run(hello(), asker=Asker(caller=caller))).text
        for caller in ("anna", "bert", "anna")
    ]
    assert said == ["hi", "ho", "hi"]


def test_failures_are_not_kept() -> None:
    """The next one is asked."""
    bench = Workbench(DOWN, GOOD, cache=ON)
    once = RetryConfig(max_attempts=1)
    with pytest.raises(GenerationError):
        bench.run(hello(model="words-1", retry=once))
    assert bench.run(hello(model="words-1", retry=once)).text == "hi"


def test_what_many_ask_at_once_is_asked_once() -> None:
    """One is paid for; the others are told that theirs cost nothing."""
    bench = Workbench(Behind(GOOD), cache=ON)

    async def ten() -> list[Any]:
        return await asyncio.gather(*(bench.engine.run(hello()) for _ in range(10)))

    results = finished(ten())
    assert {one.text for one in results} == {"hi"}
    assert sorted(one.cost.amount for one in results) == [Decimal(0)] * 9 + [Decimal("0.003")]


def test_a_kept_answer_is_replayed_as_a_stream_and_a_streamed_one_is_kept() -> None:
    """Either way the caller has what was asked for."""
    words = [b'data: {"word": "hel"}\n\n', b'data: {"word": "lo"}\n\n', b"data: [DONE]\n\n"]
    bench = Workbench(Streamed(words), cache=ON)
    live = bench.events(hello())
    again = bench.events(hello())
    assert again[-1].kind == "stream-end"
    assert "".join(one.text for one in again if one.kind == "text-delta") == "hello"
    assert again[-1].result.text == live[-1].result.text
    assert bench.run(hello()).cached_at is not None


def test_answers_of_a_provider_can_be_thrown_out() -> None:
    """And only those."""
    bench = Workbench(GOOD, GOOD, GOOD, providers=(ACME, BOLT), cache=ON)
    for provider in ("acme", "bolt"):
        bench.run(hello(provider=provider, model="words-1"))
    assert bench.engine.cache is not None
    assert finished(bench.engine.cache.invalidate(provider="acme")) == 1
    bench.run(hello(provider="bolt", model="words-1"))
    assert len(bench.transport.sent) == 2
    bench.run(hello(provider="acme", model="words-1"))
    assert len(bench.transport.sent) == 3


# --- generated media ------------------------------------------------------------------------


def clips(directory: Path, *answers: Any, **fields: Any) -> Bench:
    """A client whose clips are kept."""
    settings = Settings(
        retry=RetryConfig(base_delay_seconds=0.01),
        cache=CacheSettings(media={"video": True}, **fields),
    )
    return Bench(directory, *answers, settings=settings)


def test_a_clip_with_a_seed_is_found_again_and_readable(tmp_path: Path) -> None:
    """The same artifact, nothing sent; without a seed, two are wanted."""
    bench = clips(tmp_path, *(taken(), done(), CLIP) * 3)

    async def course() -> list[Any]:
        async with bench.client as client:
            seeded = [await client.video("a fox", duration_seconds=5, seed=1) for _ in range(2)]
            free = [await client.video("a fox", duration_seconds=5) for _ in range(2)]
            return [*seeded, *free]

    first, again, *free = finished(course())
    assert again.artifacts[0].id == first.artifacts[0].id
    assert again.artifacts[0].read() == first.artifacts[0].read()
    assert (again.cost.amount, again.job_id) == (Decimal(0), first.job_id)
    assert len({one.artifacts[0].id for one in free}) == 2
    assert bench.transport.left == 0


def test_a_clip_whose_file_is_gone_is_made_anew(tmp_path: Path) -> None:
    """What is kept is worth nothing without its bytes."""
    bench = clips(tmp_path, *(taken(), done(), CLIP) * 2)

    async def course() -> list[Any]:
        async with bench.client as client:
            first = await client.video("a fox", duration_seconds=5, seed=1)
            client._jobs.store.remove(first.artifacts[0].location)
            return [first, await client.video("a fox", duration_seconds=5, seed=1)]

    first, second = finished(course())
    assert second.artifacts[0].id != first.artifacts[0].id
    assert second.cached_at is None
