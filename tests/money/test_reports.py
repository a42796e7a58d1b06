"""Reports: narrowed, by day in any zone, by job; quality; what the same would have cost elsewhere."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from hypothesis import given, settings, strategies as some

from anymedia.client import AsyncClient
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import InvalidRequest
from anymedia.store.costs import costs
from anymedia.store.intake import enter
from anymedia.store.quality import at_share, quality, recent_times
from anymedia.store.scope import Scope
from tests.money.books import NOON, entered, entry, ledger
from tests.support.clock import FakeClock

T = TypeVar("T")
ECHO = (ProviderSettings(name="echo"),)


def asked(directory: Path, work: Callable[[AsyncClient], Awaitable[T]], **configured: Any) -> T:
    """Do something with a client that `echo` answers."""

    async def working() -> T:
        whole = Settings(**{"providers": ECHO, **configured})
        async with AsyncClient(whole, data_dir=directory) as client:
            return await work(client)

    return asyncio.run(working())


def test_sums_can_be_narrowed_to_a_part() -> None:
    """By tag, provider, model, medium and key, alone or together."""
    with ledger() as connection:
        enter(
            connection,
            [
                entry("a", "1", tags=("film",), owner="ann"),
                entry("b", "2", tags=("film", 'a "quoted", one'), model="m2"),
                entry("c", "4", provider="bolt", medium="image"),
            ],
        )

        def amount(**part: Any) -> int:
            return int(costs(connection, "provider", scope=Scope(**part)).total.amount)

        assert [amount(tag="film"), amount(tag='a "quoted", one'), amount(tag="one")] == [3, 2, 0]
        assert [amount(provider="acme"), amount(media="image"), amount(owner="ann")] == [3, 4, 1]
        assert [amount(model="m2"), amount(model="acme/m2"), amount(model="bolt/m2")] == [2, 2, 0]
        assert amount(tag="film", model="m1") == 1


@settings(max_examples=25, deadline=None)
@given(some.lists(some.text(min_size=1), max_size=4, unique=True), some.text(min_size=1))
def test_a_tag_is_found_by_its_whole_name_only(tags: list[str], wanted: str) -> None:
    """Whatever stands in it."""
    with ledger() as connection:
        enter(connection, [entry("a", "1", tags=tuple(tags))])
        for tag in (*tags, wanted):
            found = costs(connection, "provider", scope=Scope(tag=tag)).total.requests
            assert found == (tag in tags)


def test_days_begin_at_midnight_in_the_zone_that_is_asked_for() -> None:
    """Half hours, quarters and summer time too; the sums are the same."""
    with ledger() as connection:
        hours = [datetime(2026, 3, 28, 12, tzinfo=UTC) + timedelta(hours=n) for n in range(48)]
        enter(connection, [entry(str(n), "1", at=at) for n, at in enumerate(hours)])
        days = {
            zone: [int(line.amount) for line in costs(connection, "day", time_zone=zone).lines]
            for zone in ("UTC", "Europe/Berlin", "Asia/Kathmandu", "America/New_York")
        }
        assert days == {
            "UTC": [12, 24, 12],
            "Europe/Berlin": [11, 23, 14],
            "Asia/Kathmandu": [7, 24, 17],
            "America/New_York": [16, 24, 8],
        }


def test_a_job_is_one_line_with_all_its_attempts() -> None:
    """And so is a text request with its second try."""
    with ledger() as connection:
        enter(
            connection,
            [
                entry("a", "1", job_id="job_1", request="job_1"),
                entry("b", "2", job_id="job_1", request="job_1", provider="bolt"),
                entry("c", "4", request="req_1", medium="text"),
            ],
        )
        lines = {one.group: int(one.amount) for one in costs(connection, "job").lines}
        assert lines == {"job_1": 3, "req_1": 4}


def test_what_providers_report_stands_beside_what_we_computed() -> None:
    """The difference over those for which both are known."""
    with ledger() as connection:
        enter(
            connection,
            [
                entry("a", "3", reported=3_000_000_000, computed=2_000_000_000, basis="reported"),
                entry("b", "5", reported=5_000_000_000, basis="reported"),
                entry("c", "1", computed=1_000_000_000),
            ],
        )
        total = costs(connection, "provider").total
        assert (total.amount, total.reported) == (Decimal(9), Decimal(8))
        assert (total.computed, total.difference) == (Decimal(2), Decimal(1))


def test_units_are_summed_as_providers_told_them() -> None:
    """Seconds as they are, with their fractions."""
    with ledger() as connection:
        usage = {"seconds": "7.52", "images": 2, "characters": 10, "credits": "1.5"}
        enter(connection, [entry(str(n), "1", usage=usage) for n in range(3)])
        total = costs(connection, "key").total
        assert (total.seconds, total.credits) == (Decimal("22.56"), Decimal("4.5"))
        assert (total.images, total.characters) == (6, 30)


def test_an_answer_from_the_cache_is_no_request_and_tells_what_it_saved(tmp_path: Path) -> None:
    """Found again, or joined while it was being asked."""

    async def work(client: AsyncClient) -> Any:
        for _ in range(3):
            await client.text("hello", options={"cost": "0.25"}, tags=["t"])
        async for _ in client.stream_text("hello", options={"cost": "0.25"}, tags=["t"]):
            pass
        return await client.costs("model", tag="t")

    found = asked(tmp_path, work, cache=CacheSettings())
    assert (found.total.requests, found.total.cached) == (1, 3)
    assert (found.total.amount, found.total.saved) == (Decimal("0.25"), Decimal("0.75"))
    assert [line.group for line in found.lines] == ["echo/hello"]


def test_rows_tell_the_providers_id_the_request_and_the_price(tmp_path: Path) -> None:
    """Of texts and of media."""

    async def work(client: AsyncClient) -> list[Any]:
        await client.text("hello")
        job = await client.image("a fox")
        read = "SELECT entry, request, reference, price, seconds FROM ledger"
        await client.costs()
        rows = await client._database.read(lambda c: list(c.exec_driver_sql(read)))
        assert {row[1] for row in rows} >= {job.job_id}
        return [row for row in rows if row[0] == "settle"]

    text, image = asked(tmp_path, work)
    assert text[1].startswith("req_")
    assert text[2]
    assert '"as_of":' in text[3]
    assert '"source":' in image[3]
    assert image[4] is not None


def test_quality_tells_refusals_from_failures_and_counts_what_is_as_asked() -> None:
    """Rates, times, and the cost of what was accepted."""
    with ledger() as connection:
        enter(
            connection,
            [
                *(
                    entry(f"ok{n}", "1", seconds=float(n), usage={"seconds": "5"})
                    for n in range(1, 11)
                ),
                entry("no", "0", outcome="failed", code="CONTENT_POLICY_VIOLATION"),
                entry("bad", "2", outcome="failed", code="PROVIDER_ERROR"),
                entry("shut", "0", kind="release", outcome="rejected", code="PROVIDER_ERROR"),
                entry("lost", None, kind="pending", basis="pending", outcome="outcome_unknown"),
                entry("on", "1", kind="reserve", outcome="reserved"),
                entry("kept", "0", kind="cached", outcome="cached"),
            ],
        )
        connection.exec_driver_sql(
            "INSERT INTO jobs (id, owner, medium, status, request, request_hash, created_at,"
            " updated_at) VALUES ('j', 'local', 'video', 'succeeded', '{}', 'h', 1, 1)"
        )
        for number, notices in (("1", "[]"), ("2", '[{"code":"delivered-differs"}]')):
            connection.exec_driver_sql(
                "INSERT INTO attempts (id, job_id, number, provider, model, state, callback_token,"
                f" created_at, polls, notices) VALUES ('ok{number}', 'j', {number}, 'acme', 'm1',"
                f" 'succeeded', 'cb', 1, 0, '{notices}')"
            )
        (line,) = quality(connection, Scope()).lines
        assert (line.attempts, line.completed, line.refused, line.failed) == (13, 10, 1, 2)
        assert line.unknown == 1
        assert (line.median_seconds, line.p90_seconds) == (5, 9)
        assert line.usd_per_second == Decimal("0.24"), "failures that were charged are in it"
        assert (line.checked, line.conformance) == (2, 0.5)
        assert recent_times(connection)["acme", "m1", "video"][:2] == (5, 9)


@given(some.lists(some.floats(0, 100), min_size=1, max_size=50))
def test_at_least_a_share_does_not_exceed_it(values: list[float]) -> None:
    """And what is smaller does not hold for as many."""
    values.sort()
    for share in (0.5, 0.9):
        found = at_share(values, share)
        assert sum(one <= found for one in values) >= share * len(values) - 1e-9
        assert sum(one < found for one in values) < share * len(values) + 1e-9


def test_expected_times_come_from_history_and_say_so(tmp_path: Path) -> None:
    """Once enough were seen; before that from the catalogue, and nothing is made by asking."""

    async def work(client: AsyncClient) -> Any:
        return (await client.estimate_video("a fox", model="echo/clip"))[0]

    before = asked(tmp_path / "none", work)
    assert before.expected_seconds_source in {None, "catalogue"}
    assert not (tmp_path / "none").exists()
    rows = [
        entry(str(n), "1", provider="echo", model="clip", seconds=n / 1.0) for n in range(1, 11)
    ]
    asyncio.run(entered(tmp_path / "some", *rows))
    seen = asked(tmp_path / "some", work)
    assert (seen.expected_seconds, seen.p90_seconds) == (5, 9)
    assert seen.expected_seconds_source == "history"


def test_old_prices_are_told_of(tmp_path: Path) -> None:
    """In estimates, in the list of models, and beside the bill."""
    book = tmp_path / "mine.toml"
    book.write_text(
        '[[model]]\nprovider = "echo"\nid = "hello"\n'
        'prices = [{ unit = "output_tokens", usd = 1, per = 1000000, as_of = 2026-01-01 }]\n'
    )

    async def work(client: AsyncClient) -> Any:
        await client.text("hello")
        (one,) = await client.estimate_text("hello", model="echo/hello")
        return [each.code for each in one.warnings], (await client.costs()).warnings

    async def loaded() -> Any:
        config = {"providers": {"echo": {}}, "catalog": [str(book)]}
        async with AsyncClient(config, data_dir=tmp_path / "data", clock=FakeClock(NOON)) as client:
            return await work(client)

    codes, warnings = asyncio.run(loaded())
    assert codes == ["stale-price"]
    assert warnings == ("the price of `echo/hello` was last looked up on 2026-01-01",)


def test_a_zone_and_a_strategy_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    """With those that do."""

    async def work(client: AsyncClient) -> None:
        with pytest.raises(InvalidRequest, match="Europe/Berlin"):
            await client.costs(time_zone="Mars/Olympus")
        with pytest.raises(InvalidRequest, match="expected priority"):
            await client.replay(["luck"])  # type: ignore[list-item]  # as a program may

    asked(tmp_path, work)
