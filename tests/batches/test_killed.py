"""`anymedia batch run` is killed in the middle, again and again: nothing is lost or made twice."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sqlite3
import subprocess
import time
from collections import Counter
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from anymedia.store.intake import take_in
from anymedia.store.journal import FOLDER
from anymedia.testing.double import serving
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.doubles.runway import RunwayDouble
from anymedia.testing.mishaps import Mishaps
from tests.batches.support import client_in
from tests.cli.running import command, started

KILLS = 4
WORDS, PICTURES = 40, 12


def lines() -> list[dict[str, Any]]:
    """Questions, and pictures that become jobs."""
    words = [
        {"custom_id": f"w{number}", "media_type": "text", "prompt": f"word {number}"}
        for number in range(WORDS)
    ]
    pictures = [
        {"custom_id": f"p{number}", "media_type": "image", "prompt": f"picture {number}"}
        for number in range(PICTURES)
    ]
    mixed = [*words, *pictures]
    random.Random(7).shuffle(mixed)
    return mixed


def prompts(double: Any, field: str) -> Counter[str]:
    """What a double was asked for, by its words."""
    found: Counter[str] = Counter()
    for body in double.record.bodies:
        if field in body:
            found[str(body[field])] += 1
        elif "messages" in body:
            found[str(body["messages"][-1]["content"])] += 1
    return found


def under_way(words: OpenAIDouble, process: subprocess.Popen[str], more: int) -> None:
    """Wait until so many more questions have been asked."""
    before, deadline = len(words.record.requests), time.monotonic() + 60
    while len(words.record.requests) < before + more and process.poll() is None:
        assert time.monotonic() < deadline, "nothing was asked"
        time.sleep(0.01)


async def journals_taken_in(home: Path) -> None:
    """What the processes have written down, in the ledger."""
    async with client_in(home / "data") as client:
        database = client._database
        await take_in(database, database.directory / FOLDER)


def test_a_run_that_is_killed_goes_on_where_it_was(tmp_path: Path) -> None:
    """Four kills: every line has its result once, in order, and no picture is ordered twice."""
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines()))
    words, pictures = OpenAIDouble(), RunwayDouble()
    words.record.mishaps = Mishaps(delay_seconds=0.3)
    pictures.record.mishaps = Mishaps(delay_seconds=0.1)
    chance = random.Random(3)
    with serving(words) as words_url, serving(pictures) as pictures_url:
        config = {
            "providers": {
                "openai": {"base_url": f"{words_url}/v1", "api_key": words.key, "priority": 2},
                "runway": {"base_url": f"{pictures_url}", "api_key": pictures.key, "priority": 1},
            },
            "routes": [
                {"media": "image", "providers": ["runway"]},
                {"media": "text", "providers": ["openai"]},
            ],
        }
        (tmp_path / "anymedia.yaml").write_text(json.dumps(config))
        run = ["batch", "run", "in.jsonl", "-o", "out.jsonl", "--concurrency", "6"]
        kills = 0
        while kills < KILLS and not (tmp_path / "out.jsonl").exists():
            process = started(tmp_path, run)
            under_way(words, process, chance.randint(2, 6))
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
        assert (tmp_path / "out.jsonl.batch").exists(), "it was over before it was killed"
        done = command(tmp_path, *run, timeout=120)
        assert done.returncode in {0, 3}, done.stderr[-2000:]
        assert not (tmp_path / "out.jsonl.batch").exists()
        charged = sum((usd for _, usd in words.record.invoice), Decimal(0))

    results = [json.loads(one) for one in (tmp_path / "out.jsonl").read_text().splitlines()]
    assert [one["custom_id"] for one in results] == [one["custom_id"] for one in lines()]
    # Who makes the pictures keeps no list: one that was killed while it was ordered stays unknown.
    unknown = [one for one in results if one["status"] == "outcome_unknown"]
    assert all(one["media_type"] == "image" for one in unknown)
    assert {one["status"] for one in results} <= {"succeeded", "outcome_unknown"}
    assert len(unknown) <= KILLS
    asyncio.run(journals_taken_in(tmp_path))
    ordered = prompts(pictures, "promptText")
    assert len(ordered) >= PICTURES - len(unknown)
    assert set(ordered.values()) == {1}, "no picture is ordered twice"
    asked = prompts(words, "prompt")
    again = sum(asked.values()) - WORDS
    with closing(sqlite3.connect(tmp_path / "data" / "anymedia.db")) as raw:
        (batches,) = raw.execute(
            "SELECT count(*) FROM batches WHERE status != 'reading'"
        ).fetchone()
        (doubtful,) = raw.execute(
            "SELECT count(*) FROM ledger WHERE maybe_billed AND medium = 'text'"
        ).fetchone()
        (settled,) = raw.execute(
            "SELECT sum(amount) FROM ledger WHERE entry = 'settle' AND medium = 'text'"
        ).fetchone()
    assert batches == 1
    # What was asked again is told in the ledger: every question has its row, answered or doubtful.
    assert 0 < again <= doubtful
    assert Decimal(settled or 0) / 10**9 <= charged
    assert settled
    print(
        f"{kills} kills: {again} questions asked again, {doubtful} told as doubtful, "
        f"{len(unknown)} pictures unknown"
    )


@pytest.mark.parametrize("moment", ["before", "after"])
def test_the_note_beside_the_output_names_one_batch(tmp_path: Path, moment: str) -> None:
    """Before the batch was handed in, or after: the same command is about the same one."""
    (tmp_path / "in.jsonl").write_text(
        '{"custom_id": "a", "media_type": "text", "prompt": "hello"}\n'
    )
    (tmp_path / "out.jsonl.batch").write_text("run_noted\n")
    if moment == "after":
        asyncio.run(handed_in(tmp_path))
    done = command(tmp_path, "batch", "run", "in.jsonl", "-o", "out.jsonl")
    assert done.returncode == 0, done.stderr
    listed = json.loads(command(tmp_path, "batch", "list", "--json").stdout)
    assert len(listed) == 1
    assert listed[0]["settings"]["idempotency_key"] == "run_noted"


async def handed_in(home: Path) -> None:
    """The batch, taken on by a process that then died."""
    async with client_in(home / "data") as client:
        await client.batches.create(home / "in.jsonl", idempotency_key="run_noted", start=False)


def test_another_file_under_the_same_output_is_refused(tmp_path: Path) -> None:
    """Nothing is begun; the message says how to go on."""
    (tmp_path / "out.jsonl.batch").write_text("run_noted\n")
    (tmp_path / "in.jsonl").write_text(
        '{"custom_id": "a", "media_type": "text", "prompt": "hello"}\n'
    )
    asyncio.run(handed_in(tmp_path))
    (tmp_path / "in.jsonl").write_text(
        '{"custom_id": "a", "media_type": "text", "prompt": "other"}\n'
    )
    done = command(tmp_path, "batch", "run", "in.jsonl", "-o", "out.jsonl")
    assert done.returncode == 2
    assert "remove that file" in done.stderr
