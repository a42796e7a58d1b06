"""A month again, under other strategies: by what was consumed, at everybody's prices."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from pathlib import Path

from anymedia.client import AsyncClient
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.replay import Replay
from tests.engine.test_money import PICTURE, client
from tests.money.books import NOON, entered, entry
from tests.support.transport import ScriptedTransport

BOOK = """
[[model]]
provider = "acme"
id = "brush-1"
medium = "image"
prices = [{ unit = "images", usd = 0.04 }]
[[model]]
provider = "bolt"
id = "brush-1"
medium = "image"
prices = [{ unit = "images", usd = 0.01 }]
"""


def test_pictures_cost_what_each_candidate_asks_for_them(tmp_path: Path) -> None:
    """The request is fitted to each; what failed or has no price is left out, and said."""

    async def work() -> tuple[Replay, list[str]]:
        made = client(tmp_path, ScriptedTransport(PICTURE, PICTURE))
        async with made:
            for _ in range(2):
                await made.run(ImageRequest(prompt="a fox", timeout_seconds=20))
            names = [one.provider for one in await made.estimate(ImageRequest(prompt="a fox"))]
            return await made.replay(["cost", "priority"]), names

    found, names = asyncio.run(work())
    plans = {one.name: one for one in found.plans}
    assert set(names) == {"acme", "bolt"}
    assert found.requests == 2
    assert plans["priority"].amount == found.actual, "it went by priority"
    assert plans["cost"].amount <= found.actual
    assert plans["provider bolt first"].replayed == 2
    assert plans["provider bolt first"].difference == plans["provider bolt first"].amount - (
        found.actual
    )


def test_what_nobody_can_be_priced_for_counts_as_it_was(tmp_path: Path) -> None:
    """And is told apart; failures are left out."""

    async def work() -> Replay:
        await entered(
            tmp_path,
            entry("a", "3", medium="audio", usage={"seconds": "30"}),
            entry("b", "0", outcome="failed", medium="audio"),
            entry("c", None, kind="pending", basis="pending", medium="text"),
        )
        async with AsyncClient({"providers": {"echo": {}}}, data_dir=tmp_path) as made:
            return await made.replay()

    found = asyncio.run(work())
    assert (found.requests, found.actual, found.not_replayed) == (1, Decimal(3), 1)
    assert {(one.amount, one.replayed, one.as_it_was) for one in found.plans} == {
        (Decimal(3), 0, 1)
    }
    assert any("left out" in one for one in found.remarks)


def test_texts_are_priced_by_their_tokens_at_every_model_of_the_route(tmp_path: Path) -> None:
    """Cached and reasoning tokens too; the figures say what they do not know."""
    usage = {"input_tokens": 1_000_000, "output_tokens": 1_000_000}
    book = tmp_path / "mine.toml"
    book.write_text(
        '[[model]]\nprovider = "echo"\nid = "hello"\nprices = [\n'
        '{ unit = "input_tokens", usd = 1, per = 1000000 },\n'
        '{ unit = "output_tokens", usd = 2, per = 1000000 }]\n'
    )

    async def work() -> Replay:
        rows = [entry(str(n), "10", medium="text", usage=usage, at=NOON) for n in range(4)]
        await entered(tmp_path / "data", *rows)
        config = {"providers": {"echo": {}}, "catalog": [str(book)]}
        async with AsyncClient(config, data_dir=tmp_path / "data") as made:
            return await made.replay(
                ["cost", "quality", "adaptive", "round_robin", "latency", "weighted"]
            )

    found = asyncio.run(work())
    assert {one.amount for one in found.plans} == {Decimal(12)}
    assert {one.difference for one in found.plans} == {Decimal(-28)}
    assert any("only the usage is known" in one for one in found.remarks)
