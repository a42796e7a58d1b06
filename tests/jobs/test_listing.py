"""Lists of jobs: narrowed down, page by page, the same on each database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from anymedia.client.aio import AsyncClient
from anymedia.contracts.batch import Batch
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import Conflict, InvalidRequest, NotFound
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.contracts.listing import JobFilter
from anymedia.jobs import marks, rows
from anymedia.jobs.listing import listed, narrowed
from anymedia.store.schema import job_marks
from tests.batches.support import lines
from tests.support.postgres import databases, fresh_url

SAME_TIME = 1_790_000_000.0
"""All were accepted in one moment: their ids decide."""
JOBS = 40


@contextmanager
def somewhere(kind: str) -> Iterator[str | None]:
    """Where the database is: in the directory, or on Postgres."""
    if kind == "sqlite":
        yield None
        return
    with fresh_url() as url:
        yield url


def client_at(directory: Path, url: str | None) -> AsyncClient:
    """A client that `echo` answers."""
    said = Settings(providers=(ProviderSettings(name="echo"),), database_url=url)
    return AsyncClient(said, data_dir=directory)


def on(kind: str, directory: Path, work: Callable[[AsyncClient], Awaitable[Any]]) -> Any:
    """Something done with a client on one kind of database."""

    async def main(url: str | None) -> Any:
        async with client_at(directory, url) as client:
            return await work(client)

    with somewhere(kind) as url:
        return asyncio.run(main(url))


async def kept(client: AsyncClient, number: int, **columns: Any) -> None:
    """A finished job, with an attempt."""
    job = {
        "id": f"job_{number:032x}",
        "owner": "local",
        "medium": "video" if number % 4 == 0 else "image",
        "status": "failed" if number % 5 == 0 else "succeeded",
        "request": '{"prompt": "a fox", "tags": ["even"]}' if number % 2 == 0 else "{}",
        "request_hash": "h",
        "created_at": SAME_TIME + number // 10,
        "updated_at": SAME_TIME,
        "finished_at": SAME_TIME,
        **columns,
    }
    attempt = {
        "id": f"att_{job['id']}",
        "job_id": job["id"],
        "number": 1,
        "provider": "acme" if number % 3 == 0 else "echo",
        "model": "clip-1",
        "state": "succeeded",
        "callback_token": f"cb_{number}",
        "created_at": SAME_TIME,
        "polls": 0,
    }

    def work(c: Any) -> None:
        row = rows.insert_job(c, **job)
        assert row is not None
        rows.insert_attempt(c, row, **attempt)

    await client._database.write(work)


def ids(found: Any) -> list[int]:
    """The numbers of jobs."""
    return [int(one.id[4:], 16) for one in found]


@pytest.mark.parametrize("kind", databases())
def test_pages_follow_each_other_whatever_comes_in_meanwhile(kind: str, tmp_path: Path) -> None:
    """Each job once, the newest first, and nothing is moved by newer ones."""

    async def work(client: AsyncClient) -> None:
        for number in range(JOBS):
            await kept(client, number)
        for oldest_first in (False, True):
            expected = list(range(JOBS)) if oldest_first else list(range(JOBS))[::-1]
            found: list[int] = []
            after: str | None = None
            while True:
                page = await client.jobs.page(limit=7, after=after, oldest_first=oldest_first)
                found += ids(page.jobs)
                after = page.next
                if after is None:
                    break
                if not oldest_first:
                    await kept(client, 1000 + len(found), created_at=SAME_TIME + 500)
            assert found[:JOBS] == expected

    on(kind, tmp_path, work)


@pytest.mark.parametrize("kind", databases())
def test_each_filter_finds_what_it_says(kind: str, tmp_path: Path) -> None:
    """Alone, and together with others."""

    async def work(client: AsyncClient) -> None:
        for number in range(JOBS):
            await kept(client, number)
        await kept(client, 77, owner="key_other")
        numbers = range(JOBS)
        said: list[tuple[dict[str, Any], Callable[[int], bool]]] = [
            ({"status": "failed"}, lambda n: n % 5 == 0),
            ({"status": "queued"}, lambda _: False),
            ({"media": "video"}, lambda n: n % 4 == 0),
            ({"provider": "acme"}, lambda n: n % 3 == 0),
            ({"provider": "nobody"}, lambda _: False),
            ({"model": "clip-1"}, lambda _: True),
            ({"tag": "even"}, lambda n: n % 2 == 0),
            ({"batch": "batch_x"}, lambda _: False),
            ({"tag": "even", "provider": "acme"}, lambda n: n % 6 == 0),
            ({"tag": "even", "status": "failed"}, lambda n: n % 10 == 0),
            ({"provider": "acme", "status": "queued"}, lambda _: False),
        ]
        for wanted, holds in said:
            found = await client.jobs.list(limit=1000, **wanted)
            assert ids(found) == [n for n in numbers if holds(n)][::-1], wanted
        since = datetime.fromtimestamp(SAME_TIME + 1, UTC)
        until = since + timedelta(seconds=2)
        narrower: tuple[dict[str, Any], ...] = ({}, {"tag": "even"})
        for more in narrower:
            found = await client.jobs.list(limit=1000, since=since, until=until, **more)
            assert ids(found) == [n for n in range(10, 30) if n % 2 == 0 or not more][::-1]
        assert ids(await client.jobs.of("key_other").list()) == [77]
        every = await client._database.read(
            lambda c: listed(c, JobFilter(provider="acme"), owner=None, limit=1000)
        )
        assert len(every) == 14

    on(kind, tmp_path, work)


def test_a_list_goes_on_behind_a_job(tmp_path: Path) -> None:
    """By its id; by somebody else's, or by nonsense, it goes nowhere."""

    async def work(client: AsyncClient) -> None:
        for number in range(5):
            await kept(client, number)
        await kept(client, 9, owner="key_other")
        assert ids(await client.jobs.list(after=f"job_{3:032x}")) == [2, 1, 0]
        with pytest.raises(NotFound):
            await client.jobs.list(after=f"job_{9:032x}")
        for nonsense in ("", "x", "nan~job_1", "1.5", "inf~x", "1~" + "x\n"):
            with pytest.raises(InvalidRequest):
                await client.jobs.page(after=nonsense)
        for limit in (0, 501, -1):
            with pytest.raises(InvalidRequest):
                await client.jobs.page(limit=limit)
        with pytest.raises(InvalidRequest, match="no time"):
            await client.jobs.list(since="soon")
        with pytest.raises(InvalidRequest):
            await client.jobs.list(status="finished")  # type: ignore[arg-type]  # it is a mistake

    on("sqlite", tmp_path, work)


def test_jobs_of_a_batch_are_found(tmp_path: Path) -> None:
    """By the batch's id."""

    async def work(client: AsyncClient) -> None:
        asked = [
            {"custom_id": str(n), "media_type": "image", "prompt": f"fox {n}"} for n in range(3)
        ]
        batch: Batch = await client.batches.create([*asked, *lines(1)])
        await client.batches.wait(batch.id, timeout_seconds=60)
        await client.image("not of it")
        found = await client.jobs.list(batch=batch.id)
        assert sorted(one.metadata["custom_id"] for one in found) == ["0", "1", "2"]
        assert len(await client.jobs.list()) == 4

    on("sqlite", tmp_path, work)


def test_a_page_is_read_from_an_index(tmp_path: Path) -> None:
    """However many jobs there are: none of these sorts, and none goes through the table."""

    async def work(client: AsyncClient) -> None:
        await kept(client, 1)
        place = (SAME_TIME, "job_x")
        for wanted in (
            JobFilter(),
            JobFilter(status="failed"),
            JobFilter(media="video"),
            JobFilter(provider="acme"),
            JobFilter(tag="even", provider="acme"),
            JobFilter(model="clip-1", status="failed"),
            JobFilter(since=datetime.fromtimestamp(SAME_TIME, UTC)),
        ):
            for after in (None, place):
                query = narrowed(wanted, "local", after, oldest_first=False).limit(50)

                def plan(c: Any, query: Any = query) -> list[str]:
                    text = str(query.compile(c, compile_kwargs={"literal_binds": True}))
                    return [row[3] for row in c.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]

                steps = await client._database.read(plan)
                assert not [one for one in steps if "TEMP B-TREE" in one], (wanted, steps)
                assert not [one for one in steps if one.startswith("SCAN")], (wanted, steps)

    on("sqlite", tmp_path, work)


def test_nothing_points_to_what_was_removed(tmp_path: Path) -> None:
    """The marks of a job go with it."""

    async def work(client: AsyncClient) -> None:
        for number in range(4):
            await kept(client, number)
        await client._database.write(lambda c: marks.remove(c, [f"job_{2:032x}"]))
        left = await client._database.read(lambda c: c.execute(job_marks.select()).all())
        assert {int(row.job_id[4:], 16) for row in left} == {0, 1, 3}

    on("sqlite", tmp_path, work)


# --- the same key, at the same moment -------------------------------------------------------


@pytest.mark.parametrize("kind", databases())
def test_two_who_submit_under_one_key_at_once_get_one_job(kind: str, tmp_path: Path) -> None:
    """Whichever process was a moment earlier; for something else, the other is refused."""

    async def main(url: str | None) -> None:
        clients = [client_at(tmp_path, url) for _ in range(4)]
        for client in clients:
            await client._database.read(lambda _: None)  # it is open before the race
        for turn in range(5):
            request = ImageRequest(prompt="a fox", idempotency_key=f"k{turn}")
            taken: list[Job] = await asyncio.gather(
                *(client._jobs.submit(request) for client in clients for _ in range(3))
            )
            assert len({one.id for one in taken}) == 1
            other = request.model_copy(update={"prompt": "a hen"})
            said = await asyncio.gather(
                *(client._jobs.submit(other) for client in clients), return_exceptions=True
            )
            assert all(isinstance(one, Conflict) for one in said)
        assert len(await clients[0].jobs.list()) == 5
        for client in clients:
            await client.close()

    with somewhere(kind) as url:
        asyncio.run(main(url))


@pytest.mark.parametrize("kind", databases())
def test_two_who_hand_in_under_one_key_at_once_get_one_batch(kind: str, tmp_path: Path) -> None:
    """With the lines of one of them, once."""

    async def main(url: str | None) -> None:
        clients = [client_at(tmp_path, url) for _ in range(4)]
        for client in clients:
            await client._database.read(lambda _: None)
        for turn in range(5):
            said: list[Any] = await asyncio.gather(
                *(client.batches.create(lines(3), idempotency_key=f"k{turn}") for client in clients)
            )
            assert len({one.id for one in said}) == 1
            assert {one.counts.total for one in said} == {3}
            said = await asyncio.gather(
                *(
                    client.batches.create(lines(2), idempotency_key=f"k{turn}")
                    for client in clients
                ),
                return_exceptions=True,
            )
            assert all(isinstance(one, Conflict) for one in said)
        assert len(await clients[0].batches.list()) == 5
        for client in clients:
            await client.close()

    with somewhere(kind) as url:
        asyncio.run(main(url))
