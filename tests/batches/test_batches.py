"""A batch from its lines to its results, as whoever hands it in sees it."""

from __future__ import annotations

import asyncio
import json
import os
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.errors import Conflict, InvalidRequest, NotFound
from tests.batches.support import client_in, ended, lines, until

CLIP = {"custom_id": "clip", "media_type": "video", "prompt": "a fox", "duration_seconds": 1}
SLOW = {"options": {"never_finish": True, "cancel": "confirm"}}


def test_results_come_in_the_order_of_the_lines(tmp_path: Path) -> None:
    """Words, pictures and OpenAI's form in one; each with its cost and who made it."""
    asked = lines(20)
    asked.insert(3, {"custom_id": "picture", "medium": "image", "prompt": "a fox"})
    chat = {"model": "echo/hello", "messages": [{"role": "user", "content": "hello"}]}
    asked.append(
        {"custom_id": "chat", "method": "POST", "url": "/v1/chat/completions", "body": chat}
    )

    async def main() -> None:
        async with client_in(tmp_path) as client:
            batch = await client.batches.create(asked, name="a mixture", tags=["trial"])
            assert batch.counts.total == 22
            batch, items = await ended(client, batch)
            assert batch.status == "completed"
            assert batch.progress == 1.0
            assert batch.counts.succeeded == 22
            assert batch.cost.amount == 0
            assert list(items) == [one["custom_id"] for one in asked]
            assert items["line 7"].result is not None
            assert "7" in items["line 7"].result["text"]
            picture = items["picture"]
            assert picture.job_id is not None
            job = (await client.jobs.get(picture.job_id)).job
            assert job.metadata == {"batch_id": batch.id, "custom_id": "picture"}
            assert job.tags == ("trial",)
            assert job.request["priority"] == -50
            assert [one.id for one in await client.batches.list()] == [batch.id]

    asyncio.run(main())


def test_one_bad_line_keeps_a_batch_from_being_taken_on(tmp_path: Path) -> None:
    """Every mistake at once, with its line; nothing is begun and nothing is kept."""
    asked = [
        *lines(2),
        {"custom_id": "line 0", "media_type": "text", "prompt": "again"},
        {"custom_id": "no", "media_type": "text", "prompt": "x", "provider": "nobody"},
        {"custom_id": "nor", "media_type": "smell"},
    ]

    async def main() -> None:
        async with client_in(tmp_path) as client:
            with pytest.raises(InvalidRequest) as refused:
                await client.batches.create(asked)
            assert [one["line"] for one in refused.value.details["mistakes"]] == [3, 4, 5]
            assert "3 of 5 lines" in refused.value.message
            assert await client.batches.list() == ()

    asyncio.run(main())


def test_bad_lines_can_be_left_out(tmp_path: Path) -> None:
    """They stand in the results at their place, with what is wrong with them."""
    raw = b"\n".join(
        [json.dumps(lines(1)[0]).encode(), b"", b"nonsense", json.dumps(lines(2)[1]).encode()]
    )

    async def main() -> None:
        async with client_in(tmp_path) as client:
            batch = await client.batches.create(raw, on_invalid="skip")
            assert [one.line for one in batch.mistakes] == [3]
            batch = await client.batches.wait(batch.id, timeout_seconds=60)
            items = [item async for item in client.batches.results(batch.id)]
            assert [(one.line, one.status) for one in items] == [
                (1, "succeeded"),
                (3, "invalid"),
                (4, "succeeded"),
            ]
            assert items[1].error is not None
            assert items[1].error.code == "INVALID_REQUEST"

    asyncio.run(main())


def test_a_batch_without_lines_is_none(tmp_path: Path) -> None:
    """Nor is one of which no line is a request."""

    async def main() -> None:
        async with client_in(tmp_path) as client:
            for source in (b"", b"\n\n"):
                with pytest.raises(InvalidRequest, match="no lines"):
                    await client.batches.create(source)
            with pytest.raises(InvalidRequest, match="1 of 1 lines"):
                await client.batches.create(b"nonsense", on_invalid="skip")

    asyncio.run(main())


def test_the_same_key_is_the_same_batch(tmp_path: Path) -> None:
    """With other lines under it, it is a conflict."""

    async def main() -> None:
        async with client_in(tmp_path) as client:
            first = await client.batches.create(lines(3), idempotency_key="k")
            again = await client.batches.create(lines(3), idempotency_key="k")
            assert again.id == first.id
            with pytest.raises(Conflict):
                await client.batches.create(lines(4), idempotency_key="k")
            with pytest.raises(Conflict):
                await client.batches.create(lines(3), idempotency_key="k", max_cost=1)
            assert len(await client.batches.list()) == 1

    asyncio.run(main())


def test_nobody_sees_the_batches_of_others(tmp_path: Path) -> None:
    """They are not there: not to look at, not to read, not to cancel."""

    async def main() -> None:
        async with client_in(tmp_path) as client:
            mine = await client.batches.of("me").create(lines(1))
            theirs = client.batches.of("them")
            assert await theirs.list() == ()
            with pytest.raises(NotFound):
                await theirs.get(mine.id)
            with pytest.raises(NotFound):
                await theirs.cancel(mine.id)
            with pytest.raises(NotFound):
                _ = [item async for item in theirs.results(mine.id)]

    asyncio.run(main())


def test_a_failed_line_does_not_stop_the_others(tmp_path: Path) -> None:
    """It says what went wrong, as a single request would."""
    asked = lines(3)
    asked[1]["options"] = {"fail": "moderation"}

    async def main() -> None:
        async with client_in(tmp_path) as client:
            batch, items = await ended(client, await client.batches.create(asked))
            assert batch.status == "completed"
            assert (batch.counts.succeeded, batch.counts.failed) == (2, 1)
            error = items["line 1"].error
            assert error is not None
            assert error.code == "CONTENT_POLICY_VIOLATION"

    asyncio.run(main())


def test_cancelling_stops_jobs_and_begins_nothing_more(tmp_path: Path) -> None:
    """What was under way is stopped at the provider; what was not is not begun."""
    clips: list[dict[str, Any]] = [
        {**CLIP, **SLOW, "custom_id": f"clip {number}"} for number in range(5)
    ]

    async def main() -> None:
        async with client_in(tmp_path) as client:
            batch = await client.batches.create(clips, concurrency=2)

            async def begun() -> bool:
                jobs = await client.jobs.list()
                return sum(one.status == "running" for one in jobs) == 2

            await until(begun)
            assert (await client.batches.cancel(batch.id)).status == "cancelling"
            over, items = await ended(client, batch)
            assert over.status == "cancelled"
            assert over.counts.cancelled == 5
            assert sum(item.job_id is not None for item in items.values()) == 2

    asyncio.run(main())


def test_a_batch_that_has_not_begun_is_cancelled_at_once(tmp_path: Path) -> None:
    """Nobody has to carry it for that."""

    async def main() -> None:
        async with client_in(tmp_path) as client:
            batch = await client.batches.create(lines(3), start=False)
            batch = await client.batches.cancel(batch.id)
            assert (batch.status, batch.counts.cancelled) == ("cancelled", 3)

    asyncio.run(main())


def test_what_has_not_begun_in_time_is_not_begun(tmp_path: Path) -> None:
    """The deadline ends the batch, and stops what is under way."""
    clips: list[dict[str, Any]] = [
        {**CLIP, **SLOW, "custom_id": f"clip {number}"} for number in range(3)
    ]

    async def main() -> None:
        async with client_in(tmp_path) as client:
            batch = await client.batches.create(clips, concurrency=1, timeout_seconds=1.5)
            over, items = await ended(client, batch)
            assert over.status == "stopped"
            assert over.problem is not None
            assert over.problem.code == "TIMEOUT"
            assert items["clip 2"].error is not None
            assert items["clip 2"].error.code == "TIMEOUT"
            assert items["clip 2"].job_id is None

    asyncio.run(main())


def resident() -> int:
    """How much memory this process has."""
    return int(Path("/proc/self/statm").read_text("ascii").split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="needs /proc to read memory")
def test_ten_thousand_lines_fit_into_little_memory(tmp_path: Path) -> None:
    """Taken in from a file and told again, without ever being whole in memory."""
    file = tmp_path / "many.jsonl"
    padding = "word " * 1000
    with file.open("w") as out:
        for number in range(10_000):
            line = {"custom_id": f"{number}", "media_type": "text", "prompt": f"{padding}{number}"}
            out.write(json.dumps(line) + "\n")
    assert file.stat().st_size > 50_000_000

    async def main() -> tuple[int, int]:
        async with client_in(tmp_path / "data") as client:
            await client.batches.create(lines(300), start=False)  # what is imported is not counted
            before = resident()
            batch = await client.batches.create(file, start=False)
            count, most = 0, resident()
            async for _ in client.batches.results(batch.id, every=True):
                count += 1
                if count % 1000 == 0:
                    most = max(most, resident())
            assert batch.counts.queued == 10_000
            return count, most - before

    count, grown = asyncio.run(main())
    assert count == 10_000
    assert grown < 24 * 1024 * 1024, f"{grown:,} bytes more"


def test_a_limit_is_waited_for(tmp_path: Path) -> None:
    """Lines that find a limit reached let others go first, and none of them fails."""
    config = {
        "providers": {"echo": {"limits": {"concurrent": 1}}},
        "failover": {"on_full": "switch"},
    }

    async def main() -> None:
        from anymedia.client.aio import AsyncClient

        async with AsyncClient(config, data_dir=tmp_path) as client:
            asked = lines(12, options={"delay_seconds": 0.02})
            batch, _ = await ended(client, await client.batches.create(asked, concurrency=8))
            assert batch.counts.succeeded == 12

    asyncio.run(main())


def test_money_for_the_whole_batch_is_not_exceeded(tmp_path: Path) -> None:
    """A free provider needs none; what has no known price cannot be held to any."""

    async def main() -> None:
        async with client_in(tmp_path) as client:
            free, _ = await ended(
                client, await client.batches.create(lines(3), max_cost=Decimal(0))
            )
            assert free.counts.succeeded == 3

    asyncio.run(main())
