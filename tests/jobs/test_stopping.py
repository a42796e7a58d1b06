"""A process that is told to stop: no new work, what is under way ends, the rest is others'."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from anymedia.client.aio import AsyncClient
from anymedia.contracts.configuration import Settings
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import Job
from anymedia.testing.double import serving
from anymedia.testing.doubles import double
from anymedia.testing.mishaps import Mishaps
from tests.batches.support import lines
from tests.cli.running import started

JOBS = 50
AT_ONCE = 5
SLOW_SECONDS = 1.5
"""So long the provider takes to answer."""
PATH = "/v1/images/generations"


def found(url: str, key: str, **gateway: Any) -> dict[str, Any]:
    """The configuration of all processes."""
    limits = {"concurrent": AT_ONCE}
    return {
        "providers": {
            "openai": {"base_url": f"{url}/v1", "api_key": key, "limits": limits},
            "echo": {},
        },
        "gateway": gateway,
    }


@contextmanager
def slow_provider(home: Path, seconds: float, **gateway: Any) -> Iterator[tuple[Any, Settings]]:
    """A provider that takes its time, and the configuration with it in a file."""
    one: Any = double("openai")
    one.record.mishaps = Mishaps(delay_seconds=seconds)
    with serving(one) as url:
        said = found(url, one.key, **gateway)
        (home / "anymedia.yaml").write_text(json.dumps(said))
        yield (
            one,
            Settings.model_validate(
                {
                    **said,
                    "providers": tuple(
                        {"name": name, **each} for name, each in said["providers"].items()
                    ),
                }
            ),
        )


async def in_client(
    home: Path, said: Settings, work: Callable[[AsyncClient], Awaitable[Any]]
) -> Any:
    """Something done by a client that carries no jobs on."""
    async with AsyncClient(said, data_dir=home / "data") as client:
        return await work(client)


async def submitted(client: AsyncClient) -> None:
    """Fifty jobs, left to others."""
    for number in range(JOBS):
        request = ImageRequest(prompt=f"fox {number}", provider="openai", model="gpt-image-1.5")
        await client._jobs.submit(request)


async def listed(client: AsyncClient) -> list[Job]:
    """All jobs."""
    return [one.job for one in await client.jobs.list(limit=1000)]


def posted(one: Any, count: int) -> None:
    """Wait until the provider was asked so often."""
    end = time.monotonic() + 30
    while one.record.count("POST", PATH) < count:
        assert time.monotonic() < end, "nothing was sent"
        time.sleep(0.02)


def ended(process: subprocess.Popen[str], seconds: float) -> tuple[float, str]:
    """How long it took to end, and what it said."""
    began = time.monotonic()
    _, err = process.communicate(timeout=seconds)
    return time.monotonic() - began, err


@pytest.mark.parametrize(
    "words", [("jobs", "work"), ("serve", "--port", "0")], ids=["jobs work", "serve"]
)
def test_what_is_being_sent_ends_and_the_rest_is_carried_on_by_another(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    """SIGTERM while fifty wait: out within the limit, each paid once, all done by the next."""
    with slow_provider(tmp_path, SLOW_SECONDS, drain_seconds=20) as (one, said):
        asyncio.run(in_client(tmp_path, said, submitted))
        process = started(tmp_path, words)
        posted(one, 1)
        process.send_signal(signal.SIGTERM)
        seconds, err = ended(process, 20)
        assert process.returncode == 0, err
        assert seconds < 10, "it ends with what it sends, not with its limit"
        sent = one.record.count("POST", PATH)
        assert sent < JOBS
        jobs = asyncio.run(in_client(tmp_path, said, listed))
        states = [job.attempts[-1].state for job in jobs if job.attempts]
        kept = sum(state in {"finishing", "succeeded"} for state in states)
        assert kept == sent, f"what was sent was waited for: {states}"
        one.record.mishaps = None
        process = started(tmp_path, ("jobs", "work", "--until-idle"))
        _, err = ended(process, 90)
        assert process.returncode == 0, err
        jobs = asyncio.run(in_client(tmp_path, said, listed))
    assert [job.status for job in jobs] == ["succeeded"] * JOBS
    assert one.record.count("POST", PATH) == JOBS, "nothing was posted twice"


def test_what_takes_longer_than_the_limit_is_cut_off_and_never_sent_again(tmp_path: Path) -> None:
    """Nobody knows what became of it: that is said, and not paid for once more."""
    with slow_provider(tmp_path, 30.0) as (one, said):
        asyncio.run(in_client(tmp_path, said, submitted))
        process = started(tmp_path, ("jobs", "work", "--drain", "1"))
        posted(one, AT_ONCE)
        process.send_signal(signal.SIGTERM)
        seconds, err = ended(process, 20)
        assert process.returncode == 0, err
        assert 0.5 < seconds < 8
        attempts = [
            job.attempts[-1].state
            for job in asyncio.run(in_client(tmp_path, said, listed))
            if job.attempts
        ]
        assert attempts.count("sending") == AT_ONCE
        assert one.record.count("POST", PATH) == AT_ONCE


def test_a_second_signal_stops_at_once(tmp_path: Path) -> None:
    """However long the limit is."""
    with slow_provider(tmp_path, 30.0) as (one, said):
        asyncio.run(in_client(tmp_path, said, submitted))
        for words in (("jobs", "work", "--drain", "300"), ("serve", "--port", "0")):
            already = one.record.count("POST", PATH)
            process = started(tmp_path, words)
            posted(one, already + 1)
            process.send_signal(signal.SIGTERM)
            with pytest.raises(subprocess.TimeoutExpired):
                process.wait(1.0)
            process.send_signal(signal.SIGTERM)
            seconds, err = ended(process, 20)
            assert "Traceback" not in err
            assert seconds < 8


def test_whoever_carries_jobs_carries_batches_too(tmp_path: Path) -> None:
    """A batch that was handed in and left alone is over when the work is."""

    async def handed_in(client: AsyncClient) -> str:
        asked = [
            *lines(5, provider="echo"),
            {"custom_id": "fox", "media_type": "image", "prompt": "a fox", "provider": "echo"},
        ]
        return (await client.batches.create(asked)).id

    async def standing(client: AsyncClient) -> list[str]:
        return [one.status for one in await client.batches.list()]

    with slow_provider(tmp_path, 0.0) as (_, said):
        asyncio.run(in_client(tmp_path, said, handed_in))
        process = started(tmp_path, ("jobs", "work", "--until-idle"))
        _, err = ended(process, 60)
        assert process.returncode == 0, err
        assert asyncio.run(in_client(tmp_path, said, standing)) == ["completed"]
