"""Text through the batch APIs of providers: at their discount, and never asked twice."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest

from anymedia.client.aio import AsyncClient
from anymedia.contracts.budget import BudgetSettings
from anymedia.providers.spec import Lookup
from anymedia.testing.double import Fault
from tests.batches.support import client_at, ended, entered, lines, served, until

NAMES = ("openai", "anthropic", "google", "mistral")
ORDERS = {
    "openai": "/v1/batches",
    "anthropic": "/v1/messages/batches",
    "google": "/v1beta/models",
    "mistral": "/v1/batch/jobs",
}
"""Where each is ordered."""
WINDOW = "24h"


def invoiced(one: Any) -> Decimal:
    """What the double has charged."""
    return sum((usd for _, usd in one.record.invoice), Decimal(0))


def answered_once(one: Any, count: int) -> None:
    """The double has answered so many lines, none of them twice."""
    asked = Counter(one.batches.answered)
    assert len(asked) == count
    assert set(asked.values()) <= {1}


@pytest.mark.parametrize("name", NAMES)
def test_answers_come_back_to_their_lines_at_half_the_price(tmp_path: Path, name: str) -> None:
    """In the order of the lines, whatever the provider's; ledger and invoice agree."""

    async def main() -> None:
        with served(name) as (one, url):
            async with client_at(tmp_path / "alone", name, one, url) as client:
                single = await client.text("Say 3")
                assert single.cost.amount is not None
                before = invoiced(one)
            async with client_at(tmp_path / "batch", name, one, url) as client:
                batch = await client.batches.create(lines(7), completion_window=WINDOW)
                batch, items = await ended(client, batch)
                assert batch.counts.succeeded == 7
                assert list(items) == [f"line {number}" for number in range(7)]
                for number in range(7):
                    item = items[f"line {number}"]
                    assert item.result is not None
                    assert item.result["text"].endswith(f"Say {number}")
                    assert item.provider == name
                third = items["line 3"].cost
                assert third is not None
                assert third.amount == single.cost.amount / 2
                assert [part.state for part in batch.parts] == ["done"]
                charged = invoiced(one) - before
                assert batch.cost.amount == charged
                count, settled = (await entered(client))["settle"]
                assert count == 7
                assert Decimal(settled) / 10**9 == charged
                answered_once(one, 7)

    asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
def test_a_line_that_fails_is_free_and_says_why(tmp_path: Path, name: str) -> None:
    """As its provider would have told a single request; the others have their answers."""

    async def main() -> None:
        with served(name) as (one, url):
            async with client_at(tmp_path, name, one, url) as client:
                asked = lines(3)
                asked[1]["options"] = {"no_such_option": 1}
                batch = await client.batches.create(asked, completion_window=WINDOW)
                batch, items = await ended(client, batch)
                assert (batch.counts.succeeded, batch.counts.failed) == (2, 1)
                error = items["line 1"].error
                assert error is not None
                assert error.code == "INVALID_REQUEST"
                assert error.provider == name
                cost = items["line 1"].cost
                assert cost is not None
                assert cost.amount == 0
                assert batch.cost.amount == invoiced(one)

    asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("wish", ["fallback", "fail"])
def test_lines_that_were_not_got_to_in_time(tmp_path: Path, name: str, wish: str) -> None:
    """They fail for nothing, or are asked alone at the full price, as the caller wishes."""

    async def main() -> None:
        with served(name) as (one, url):
            one.batches.most = 2
            async with client_at(tmp_path, name, one, url) as client:
                batch = await client.batches.create(
                    lines(5), completion_window=WINDOW, on_expired=wish
                )
                batch, items = await ended(client, batch)
                answered_once(one, 2)
                assert batch.cost.amount == invoiced(one)
                if wish == "fallback":
                    assert batch.counts.succeeded == 5
                    assert len(one.record.invoice) == 5
                else:
                    assert (batch.counts.succeeded, batch.counts.failed) == (2, 3)
                    error = items["line 4"].error
                    assert error is not None
                    assert error.code == "TIMEOUT"

    asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
def test_an_order_whose_answer_was_lost_is_found_again(tmp_path: Path, name: str) -> None:
    """By our marker in the provider's list, or in the results: it is not ordered twice."""

    async def main() -> None:
        with served(name) as (one, url):
            lost = Fault(method="POST", path=ORDERS[name], status=502, after_accepting=True)
            async with client_at(tmp_path, name, one, url) as client:
                one.fail(lost)
                batch = await client.batches.create(lines(4), completion_window=WINDOW)
                batch, _ = await ended(client, batch)
                assert batch.counts.succeeded == 4
                assert len(one.batches.orders) == 1
                answered_once(one, 4)
                assert batch.cost.amount == invoiced(one)

    asyncio.run(main())


def test_a_lost_order_is_told_from_others_of_its_size(tmp_path: Path) -> None:
    """Somebody else's batch in the same account, newer and as large, is not taken for it."""

    async def main() -> None:
        with served("anthropic") as (one, url):
            lost = Fault(method="POST", path=ORDERS["anthropic"], status=502, after_accepting=True)
            one.batches.slowness = 1
            asked = {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}
            params = {"model": "claude-haiku-5-5", **asked}
            others = [{"custom_id": f"line-{n}", "params": params} for n in range(1, 4)]
            head = {"x-api-key": one.key, "anthropic-version": "2026-10-21"}
            async with client_at(tmp_path, "anthropic", one, url) as client:
                one.fail(lost)
                batch = await client.batches.create(lines(3), completion_window=WINDOW)

                async def ordered() -> bool:
                    return bool(one.batches.orders)

                await until(ordered)
                async with httpx.AsyncClient(base_url=url, headers=head) as other:
                    made = await other.post(ORDERS["anthropic"], json={"requests": others})
                    assert made.status_code == 200
                batch, items = await ended(client, batch)
                assert batch.counts.succeeded == 3
                assert all(str(items[f"line {n}"].result).count(f"Say {n}") for n in range(3))
                assert len(one.batches.orders) == 2

    asyncio.run(main())


@pytest.mark.parametrize("arrived", [True, False])
def test_an_order_that_cannot_be_found_is_neither_repeated_nor_free(
    tmp_path: Path, arrived: bool
) -> None:
    """Once it can turn up no more, nobody knows, and the ledger says so; cancelled, at once."""

    async def main() -> None:
        with served("anthropic") as (one, url):
            one.batches.slowness = 10_000
            one.fail(
                Fault(
                    method="POST",
                    path=ORDERS["anthropic"],
                    status=502,
                    after_accepting=arrived,
                )
            )
            async with client_at(tmp_path, "anthropic", one, url) as client:
                if not arrived:
                    hopeless(client)
                batch = await client.batches.create(lines(3), completion_window=WINDOW)
                if arrived:

                    async def looked_for() -> bool:
                        return bool(one.record.count("GET", ORDERS["anthropic"]))

                    await until(looked_for)
                    assert (await client.batches.get(batch.id)).counts.running == 3
                    await client.batches.cancel(batch.id)
                batch, items = await ended(client, batch)
                assert batch.counts.outcome_unknown == 3
                assert batch.pending == 3
                assert batch.cost.amount is None
                assert len(one.batches.orders) == arrived
                error = items["line 0"].error
                assert error is not None
                assert error.code == "OUTCOME_UNKNOWN"
                rows = await entered(client)
                assert rows["pending"][0] == rows["reserve"][0] == 3

    asyncio.run(main())


def hopeless(client: AsyncClient) -> None:
    """A lost order turns up at once, or never."""
    known = client._engine.providers.get("anthropic")
    batch = known.provider.batch
    assert batch is not None
    assert isinstance(batch.recovery, Lookup)
    never = replace(batch, recovery=replace(batch.recovery, appears_within_seconds=0.0))
    client.providers.register(replace(known.provider, batch=never))
    client.providers.register(known.configured)


@pytest.mark.parametrize("name", NAMES)
def test_an_order_that_is_refused_is_asked_line_by_line(tmp_path: Path, name: str) -> None:
    """Nothing was taken on, so nothing is paid twice."""

    async def main() -> None:
        with served(name) as (one, url):
            async with client_at(tmp_path, name, one, url) as client:
                path = "/upload" if name == "google" else ORDERS[name]
                one.fail(Fault(method="POST", path=path, status=400))
                batch = await client.batches.create(lines(3), completion_window=WINDOW)
                batch, _ = await ended(client, batch)
                assert batch.counts.succeeded == 3
                assert [part.state for part in batch.parts] == ["rejected"]
                assert not one.batches.answered
                assert len(one.record.invoice) == 3

    asyncio.run(main())


@pytest.mark.parametrize("name", NAMES)
def test_cancelling_stops_the_order(tmp_path: Path, name: str) -> None:
    """What was not answered by then is cancelled and free."""

    async def main() -> None:
        with served(name) as (one, url):
            one.batches.slowness = 10_000
            async with client_at(tmp_path, name, one, url) as client:
                batch = await client.batches.create(lines(3), completion_window=WINDOW)

                async def ordered() -> bool:
                    return bool(one.batches.orders)

                await until(ordered)
                await client.batches.cancel(batch.id)
                batch, _ = await ended(client, batch)
                assert batch.status == "cancelled"
                assert batch.counts.cancelled == 3
                assert batch.cost.amount == 0
                assert one.record.invoice == []

    asyncio.run(main())


def test_broken_results_are_fetched_again(tmp_path: Path) -> None:
    """What was read before the connection broke is not read into the ledger twice."""

    async def main() -> None:
        with served("openai") as (one, url):
            async with client_at(tmp_path, "openai", one, url) as client:
                one.fail(Fault(method="GET", path="/v1/files", cut_after_bytes=700))
                batch = await client.batches.create(lines(6), completion_window=WINDOW)
                batch, _ = await ended(client, batch)
                assert batch.counts.succeeded == 6
                assert (await entered(client))["settle"][0] == 6
                assert batch.cost.amount == invoiced(one)

    asyncio.run(main())


def test_another_process_goes_on_with_an_order(tmp_path: Path) -> None:
    """The first stops in the middle; the second polls the same order, and orders nothing."""

    async def main() -> None:
        with served("openai") as (one, url):
            one.batches.slowness = 10_000
            async with client_at(tmp_path, "openai", one, url) as client:
                batch = await client.batches.create(lines(4), completion_window=WINDOW)

                async def accepted() -> bool:
                    parts = (await client.batches.get(batch.id)).parts
                    return any(part.state == "accepted" for part in parts)

                await until(accepted)
            one.batches.slowness = 1
            async with client_at(tmp_path, "openai", one, url) as client:
                batch, _ = await ended(client, batch)
                assert batch.counts.succeeded == 4
                assert len(one.batches.orders) == 1
                answered_once(one, 4)

    asyncio.run(main())


def test_without_a_day_nobody_is_asked_in_batches(tmp_path: Path) -> None:
    """A shorter window, or none, is for single requests."""

    async def main() -> None:
        with served("openai") as (one, url):
            async with client_at(tmp_path, "openai", one, url) as client:
                batch, _ = await ended(
                    client, await client.batches.create(lines(2), completion_window="12h")
                )
                assert batch.counts.succeeded == 2
                assert not one.batches.orders

    asyncio.run(main())


def test_money_for_the_whole_batch_limits_what_is_ordered(tmp_path: Path) -> None:
    """What could exceed it is not begun, neither in an order nor alone."""

    async def main() -> None:
        with served("openai") as (one, url):
            async with client_at(tmp_path, "openai", one, url) as client:
                asked = lines(10, max_output_tokens=1000)
                estimates = await client.estimate_text("Say 1", max_output_tokens=1000)
                each = estimates[0].cost
                assert each is not None
                assert each.amount is not None
                batch = await client.batches.create(asked, max_cost=each.amount * Decimal("3.5"))
                batch, items = await ended(client, batch)
                assert batch.cost.amount is not None
                assert batch.cost.amount <= each.amount * Decimal("3.5")
                assert batch.cost.amount == invoiced(one)
                assert batch.counts.succeeded >= 3
                batch = await client.batches.create(
                    asked, completion_window=WINDOW, max_cost=each.amount * Decimal("1.6")
                )
                batch, items = await ended(client, batch)
                # Three fit at half the price; then there is money left for others, alone.
                assert len(one.batches.answered) == 3
                assert batch.cost.amount is not None
                assert batch.cost.amount <= each.amount * Decimal("1.6")
                assert items

    asyncio.run(main())


def test_a_budget_is_reserved_for_and_settled(tmp_path: Path) -> None:
    """Line by line: while it is out, its bound counts; afterwards, what it cost."""
    budget = BudgetSettings.model_validate(
        {"scope": "all", "period": "total", "limit_usd": 1, "on_reached": "refuse"}
    )

    async def standing(client: AsyncClient) -> tuple[Decimal, Decimal]:
        (found,) = await client.budgets()
        return found.spent, found.reserved

    async def main() -> None:
        with served("openai") as (one, url):
            one.batches.slowness = 5
            async with client_at(tmp_path, "openai", one, url, budgets=(budget,)) as client:
                batch = await client.batches.create(lines(3), completion_window=WINDOW)

                async def ordered() -> bool:
                    return bool(one.batches.orders)

                await until(ordered)
                _, reserved = await standing(client)
                assert reserved > 0
                batch, _ = await ended(client, batch)
                assert await standing(client) == (batch.cost.amount, Decimal(0))

    asyncio.run(main())
