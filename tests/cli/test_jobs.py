"""`anymedia jobs`: looking after what was made or is being made."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.limit import Limits
from tests.cli.running import Cli, command, environment, started

pytest.importorskip("av", reason="needs anymedia[echo]")
RUN = [sys.executable, "-m", "anymedia"]


def submitted(cli: Cli, *options: str) -> str:
    """A job that is left alone once its submission is settled."""
    words = ["generate", "audio", "rain", "--duration", "1", "--detach"]
    ran = cli(*words, *(word for option in options for word in ("--option", option)))
    assert ran.code == 0, ran.err
    return ran.out.strip()


def test_jobs_are_listed_and_shown_with_their_timeline(cli: Cli) -> None:
    """Every attempt, and what happened when."""
    job_id = submitted(cli, "delay_seconds=0")
    assert cli("jobs", "wait", job_id).code == 0
    listed = cli("jobs", "list")
    assert job_id in listed.out
    assert "succeeded" in listed.out
    shown = cli("jobs", "show", job_id)
    events = re.findall(r"(?:job|attempt|artifact)-[a-z]+", shown.out)
    assert events == [
        "job-accepted",
        "attempt-prepared",
        "attempt-sending",
        "attempt-accepted",
        "attempt-finishing",
        "artifact-stored",
        "attempt-succeeded",
        "job-succeeded",
    ]
    assert cli("jobs", "show", job_id, "--json").json["id"] == job_id


def test_what_has_to_wait_is_left_alone_at_once(cli: Cli) -> None:
    """Its provider is paused: the job is taken on, said to wait, and done when it may be."""
    assert cli("providers", "pause", "echo").code == 0
    began = time.monotonic()
    ran = cli("generate", "audio", "rain", "--duration", "1", "--detach")
    assert ran.code == 0, ran.err
    assert "it waits" in ran.err
    assert time.monotonic() - began < 8
    job_id = ran.out.strip()
    assert cli("jobs", "list", "--status", "queued", "--json").json[0]["id"] == job_id
    assert cli("providers", "resume", "echo").code == 0
    assert cli("jobs", "wait", job_id).code == 0


def test_what_finds_its_provider_full_is_left_alone_at_once(tmp_path: Path) -> None:
    """Another job has the only place."""
    limits = Limits(concurrent=1)
    said = Settings(providers=(ProviderSettings(name="echo", limits=limits),))
    cli = Cli(tmp_path, said)
    first = submitted(cli, "delay_seconds=600")
    second = submitted(cli, "delay_seconds=0")
    standing = {one["id"]: one["status"] for one in cli("jobs", "list", "--json").json}
    assert standing == {first: "running", second: "queued"}


def test_lists_go_on_where_they_ended(cli: Cli) -> None:
    """By the place that is told, or by the id of the last job."""
    ids = [submitted(cli, "delay_seconds=0") for _ in range(3)][::-1]
    first = cli("jobs", "list", "--limit", "2", "--json")
    assert [one["id"] for one in first.json] == ids[:2]
    (place,) = re.findall(r"--after (\S+)", first.err)
    for after in (place, ids[1]):
        ran = cli("jobs", "list", "--limit", "2", "--after", after, "--json")
        assert [one["id"] for one in ran.json] == ids[2:]
        assert "--after" not in ran.err
    assert cli("jobs", "list", "--after", "nonsense").code == 2


def test_jobs_are_exported_in_three_forms(cli: Cli) -> None:
    """One document a line, one document, or a table that no spreadsheet calculates with."""
    job_id = submitted(cli, "delay_seconds=0")
    other = cli("generate", "speech", "=1+1", "--detach").out.strip()
    by_line = [json.loads(line) for line in cli("jobs", "export").out.splitlines()]
    assert [one["id"] for one in by_line] == [other, job_id]
    assert by_line[0]["timeline"]
    assert cli("jobs", "export", "--json").json == by_line
    assert cli("jobs", "export", "--json", "--media", "image").json == []
    table = list(csv.DictReader(io.StringIO(cli("jobs", "export", "--csv").out)))
    assert [one["id"] for one in table] == [other, job_id]
    assert table[0]["subject"] == "'=1+1"
    ran = cli("jobs", "export", "--media", "audio", "-o", "audio.jsonl")
    assert ran.code == 0
    assert json.loads(cli.file("audio.jsonl"))["id"] == job_id
    assert cli("jobs", "export", "--csv", "--json").code == 2


def test_old_jobs_are_archived_checked_and_removed(cli: Cli) -> None:
    """What is in the files is out of the list; a file that was changed is found out."""
    job_id = submitted(cli, "delay_seconds=0")
    assert cli("jobs", "wait", job_id).code == 0
    later = f"{datetime.now(UTC) + timedelta(days=1):%Y-%m-%d}"
    assert "nothing to archive" in cli("jobs", "archive", "--before", "90d").err
    ran = cli("jobs", "archive", "--before", later, "-o", "old", "--delete", "--json")
    assert [(one["jobs"], one["removed"]) for one in ran.json] == [(1, 1)]
    assert "no jobs" in cli("jobs", "list").err
    assert cli("jobs", "verify", "-o", "old").code == 0
    (file,) = (cli.directory / "work" / "old").glob("*.gz")
    file.write_bytes(file.read_bytes()[:-1])
    ran = cli("jobs", "verify", "-o", "old")
    assert ran.code == 1
    assert "have changed" in ran.out


def test_lists_can_be_narrowed(cli: Cli) -> None:
    """By status and by medium."""
    job_id = submitted(cli, "never_finish=true")
    assert [one["id"] for one in cli("jobs", "list", "--json").json] == [job_id]
    assert cli("jobs", "list", "--status", "succeeded", "--json").json == []
    assert cli("jobs", "list", "--media", "image", "--json").json == []
    assert "no jobs" in cli("jobs", "list", "--media", "image").err


@pytest.mark.parametrize("verb", ["show", "wait", "cancel", "retry"])
def test_a_job_that_is_not_there_is_told(cli: Cli, verb: str) -> None:
    """One line, exit code 2."""
    ran = cli("jobs", verb, "job_nowhere")
    assert ran.code == 2
    assert "job_nowhere" in ran.err


def test_waiting_may_run_out_and_the_job_goes_on(cli: Cli) -> None:
    """What to do next is said."""
    job_id = submitted(cli, "never_finish=true", "poll_after_seconds=0.1")
    ran = cli("jobs", "wait", job_id, "--timeout", "0.3")
    assert ran.code == 1
    assert job_id in ran.err
    assert cli("jobs", "show", job_id, "--json").json["status"] == "running"


@pytest.mark.parametrize(
    ("how", "status", "cancel"),
    [("confirm", "cancelled", "confirmed"), ("impossible", "running", "impossible")],
)
def test_cancelling_is_three_valued(cli: Cli, how: str, status: str, cancel: str) -> None:
    """Stopped at the provider, or not possible and therefore still costing."""
    pace = "poll_after_seconds=0.1"
    job_id = submitted(cli, "never_finish=true", f"cancel={how}", pace)
    if how == "impossible":
        job_id = submitted(cli, "delay_seconds=2", f"cancel={how}", pace)
        ran = cli("jobs", "cancel", job_id, "--json")
        assert ran.json["cancel"] == "impossible"
        assert ran.json["status"] == "succeeded"
        return
    ran = cli("jobs", "cancel", job_id, "--json")
    assert (ran.json["status"], ran.json["cancel"]) == (status, cancel)


def test_a_failed_job_is_tried_once_more(cli: Cli) -> None:
    """Under the same id, with both attempts."""
    job_id = submitted(cli, "fail=failed_late", "delay_seconds=0")
    assert cli("jobs", "wait", job_id).code == 1
    ran = cli("jobs", "retry", job_id)
    assert ran.code == 1  # the same script fails again
    attempts = cli("jobs", "show", job_id, "--json").json["attempts"]
    assert [one["state"] for one in attempts] == ["failed", "failed"]


def test_a_worker_carries_jobs_on_until_nothing_is_left(cli: Cli) -> None:
    """Any process on the same data."""
    ids = [submitted(cli, "delay_seconds=0.2") for _ in range(3)]
    assert cli("jobs", "work", "--until-idle").code == 0
    statuses = {one["id"]: one["status"] for one in cli("jobs", "list", "--json").json}
    assert [statuses[one] for one in ids] == ["succeeded"] * 3


def test_an_interrupted_wait_says_how_to_come_back(tmp_path: Path) -> None:
    """Ctrl-C: exit code 130, and the job goes on."""
    process = started(
        tmp_path,
        [
            *("generate", "audio", "rain", "--duration", "1"),
            *("--option", "delay_seconds=60"),
        ],
    )
    assert process.stderr is not None
    line = process.stderr.readline()  # the first line of progress: it has begun
    os.kill(process.pid, signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    (job_id,) = set(re.findall(r"job_[0-9a-f]+", line + err))
    assert f"anymedia jobs wait {job_id}" in err
    assert "Traceback" not in err
    shown = command(tmp_path, "jobs", "show", job_id)
    assert "running" in shown.stdout or "queued" in shown.stdout


def test_a_killed_process_loses_nothing(tmp_path: Path) -> None:
    """Killed while it waits; another process brings the result."""
    process = started(
        tmp_path,
        ["generate", "audio", "rain", "--duration", "1", "--option", "delay_seconds=3"],
    )
    assert process.stderr is not None
    line = process.stderr.readline()
    process.kill()
    process.communicate()
    (job_id,) = re.findall(r"job_[0-9a-f]+", line)
    waited = command(tmp_path, "jobs", "wait", job_id, "-o", "rain.wav")
    assert waited.returncode == 0, waited.stderr
    assert (tmp_path / "rain.wav").read_bytes().startswith(b"RIFF")


def test_two_processes_share_one_directory(tmp_path: Path) -> None:
    """Neither waits for the other, and both see both jobs."""
    words = ["generate", "speech", "Good morning.", "-o"]
    processes = [started(tmp_path, [*words, f"{number}.wav"]) for number in range(2)]
    for process in processes:
        _, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
    listed = command(tmp_path, "jobs", "list")
    assert listed.stdout.count("succeeded") == 2


def test_a_directory_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    """With the directory and what to set."""
    (tmp_path / "data").write_text("a file where a directory should be")
    ran = command(tmp_path, "generate", "image", "a fox")
    assert ran.returncode == 2
    assert "data" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert environment(tmp_path)["ANYMEDIA_DATA_DIR"] in ran.stderr
