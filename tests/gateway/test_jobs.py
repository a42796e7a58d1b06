"""Jobs and artifacts over HTTP: watched, fetched in parts, stopped, tried again, kept."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import av
import httpx
import pytest

from tests.cli.running import environment, started
from tests.gateway.serving import Running


def submitted(caller: httpx.Client, **asked: object) -> str:
    """A job that goes on; its path."""
    body = {"prompt": "a fox running", "duration_seconds": 1} | asked
    answer = caller.post("/api/ai/video", json=body, headers={"Prefer": "respond-async"})
    assert answer.status_code == 202, answer.text
    return answer.headers["location"]


def watched(caller: httpx.Client, path: str, **headers: str) -> list[tuple[str, str, object]]:
    """Every event of a job to its end: id, name and data."""
    found: list[tuple[str, str, object]] = []
    fields: dict[str, str] = {}
    with caller.stream("GET", f"{path}/events", headers=headers) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        deadline = time.monotonic() + 60
        for line in answer.iter_lines():
            assert time.monotonic() < deadline, found
            if not line and "data" in fields:
                found.append((fields["id"], fields["event"], json.loads(fields["data"])))
                fields = {}
            name, colon, value = line.partition(": ")
            if colon and name:
                fields[name] = value
    return found


@pytest.fixture(scope="module")
def clip(open_gateway: Running) -> dict[str, object]:
    """A job whose clip is done."""
    with open_gateway.caller() as caller:
        path = submitted(caller, options={"progress_steps": 4, "delay_seconds": 1.0})
        events = watched(caller, path)
        return {"path": path, "events": events, "job": events[-1][2]}


def test_a_job_is_watched_from_accepted_to_archived(clip: dict[str, object]) -> None:
    """What happened in its order, how far it is in between, and the whole job at last."""
    events = clip["events"]
    assert isinstance(events, list)
    names = [name for _, name, _ in events]
    for name in ("job-accepted", "attempt-sending", "attempt-accepted", "artifact-stored"):
        assert name in names
    assert names.index("job-accepted") < names.index("attempt-accepted")
    assert names[-1] == "job"
    assert any(name == "progress" and data["status"] == "running" for _, name, data in events)
    assert events[-1][2]["status"] == "succeeded"


def test_whoever_comes_back_hears_only_what_is_new(
    anyone: httpx.Client, clip: dict[str, object]
) -> None:
    """`Last-Event-ID`, as browsers send it; after the last event there is nothing more."""
    path = str(clip["path"])
    again = watched(anyone, path, **{"Last-Event-ID": "3"})
    assert next(event_id for event_id, name, _ in again if name != "progress") == "4"
    after = anyone.get(f"{path}/events", headers={"Last-Event-ID": "end"})
    assert after.status_code == 204


def artifact_of(clip: dict[str, object]) -> dict[str, object]:
    """The clip's description."""
    job = clip["job"]
    assert isinstance(job, dict)
    (artifact,) = job["artifacts"]
    assert isinstance(artifact, dict)
    return artifact


def test_a_clip_is_a_clip(anyone: httpx.Client, clip: dict[str, object]) -> None:
    """What comes over HTTP can be played."""
    artifact = artifact_of(clip)
    whole = anyone.get(str(artifact["url"]))
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["etag"] == f'"{artifact["sha256"]}"'
    with av.open(io.BytesIO(whole.content)) as opened:
        stream = opened.streams.video[0]
        assert (stream.width, stream.height) == (artifact["width"], artifact["height"])


@pytest.mark.parametrize(
    ("wanted", "part"),
    [
        ("bytes=0-99", slice(0, 100)),
        ("bytes=-50", slice(-50, None)),
        ("bytes=100-", slice(100, None)),
    ],
)
def test_a_part_of_a_clip_is_that_part(
    anyone: httpx.Client, clip: dict[str, object], wanted: str, part: slice
) -> None:
    """So that players can seek."""
    url = str(artifact_of(clip)["url"])
    whole = anyone.get(url).content
    answer = anyone.get(url, headers={"Range": wanted})
    assert answer.status_code == 206
    assert answer.content == whole[part]
    assert answer.headers["content-range"].endswith(f"/{len(whole)}")
    assert "content-encoding" not in answer.headers


def test_a_part_that_does_not_exist_is_refused(
    anyone: httpx.Client, clip: dict[str, object]
) -> None:
    """`416`, and never a wrong part."""
    url = str(artifact_of(clip)["url"])
    assert anyone.get(url, headers={"Range": "bytes=999999999-"}).status_code == 416


def test_what_the_caller_has_is_not_sent_again(
    anyone: httpx.Client, clip: dict[str, object]
) -> None:
    """By its tag; and `HEAD` tells the size without the bytes."""
    url = str(artifact_of(clip)["url"])
    head = anyone.head(url)
    assert int(head.headers["content-length"]) == artifact_of(clip)["size_bytes"]
    assert head.content == b""
    again = anyone.get(url, headers={"If-None-Match": head.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_an_artifact_does_no_harm_in_a_browser(
    anyone: httpx.Client, clip: dict[str, object]
) -> None:
    """It is what it says it is, and may run nothing."""
    headers = anyone.head(str(artifact_of(clip)["url"])).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert "sandbox" in headers["content-security-policy"]
    assert headers["content-disposition"].startswith("inline; filename=")


def test_a_result_can_be_the_input_of_another(
    anyone: httpx.Client, clip: dict[str, object]
) -> None:
    """By `artifact:ID`."""
    answer = anyone.post("/api/ai/image", json={"prompt": "a fox in snow"})
    picture = answer.json()["artifacts"][0]["id"]
    path = submitted(anyone, first_frame=f"artifact:{picture}")
    assert watched(anyone, path)[-1][2]["status"] == "succeeded"  # type: ignore[index]  # the job


def test_jobs_are_listed_by_how_they_stand(anyone: httpx.Client, clip: dict[str, object]) -> None:
    """The newest first."""
    found = anyone.get("/api/jobs", params={"status": "succeeded", "media": "video"}).json()["jobs"]
    assert found
    assert {(one["status"], one["medium"]) for one in found} == {("succeeded", "video")}
    assert len(anyone.get("/api/jobs", params={"limit": 1}).json()["jobs"]) == 1


def test_a_job_is_stopped_and_tried_again(anyone: httpx.Client) -> None:
    """`DELETE` asks; what came of it is in the job."""
    path = submitted(anyone, options={"never_finish": True, "cancel": "confirm"})
    assert anyone.delete(path).status_code in {200, 202}
    assert watched(anyone, path)[-1][2]["status"] == "cancelled"  # type: ignore[index]  # the job
    again = anyone.post(f"{path}/retry")
    assert again.status_code == 202
    assert anyone.delete(path).status_code in {200, 202}
    assert watched(anyone, path)[-1][2]["cancel"] == "confirmed"  # type: ignore[index]  # the job


def test_what_is_known_needs_no_decision(anyone: httpx.Client, clip: dict[str, object]) -> None:
    """`resolve` and `retry` are for jobs that ended badly."""
    decided = anyone.post(f"{clip['path']}/resolve", json={"outcome": "abandoned"})
    assert (decided.status_code, decided.json()["code"]) == (409, "CONFLICT")
    assert anyone.post(f"{clip['path']}/retry").status_code == 409


# --- processes ------------------------------------------------------------------------------


def served(home: Path, *words: str) -> tuple[subprocess.Popen[str], httpx.Client]:
    """`anymedia serve`, as a user starts it."""
    process = started(home, ["serve", "--port", "0", "--json", *words])
    assert process.stdout is not None
    document = "".join(iter(process.stdout.readline, "}\n")) + "}"
    return process, httpx.Client(base_url=json.loads(document)["url"], timeout=60.0)


def ended(process: subprocess.Popen[str]) -> int:
    """Let it end; its exit code."""
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=40)
    return process.returncode


def test_a_killed_gateway_loses_no_job(tmp_path: Path) -> None:
    """The next one carries it on, and it is paid for once."""
    first, caller = served(tmp_path)
    path = submitted(caller, options={"delay_seconds": 2.0})
    watched_until(caller, path, "attempt-accepted")
    first.kill()
    first.communicate()
    caller.close()
    second, caller = served(tmp_path)
    with caller:
        last = watched(caller, path)[-1][2]
        assert isinstance(last, dict)
        assert last["status"] == "succeeded"
        assert len(last["attempts"]) == 1
        assert caller.get(last["artifacts"][0]["url"]).status_code == 200
    assert ended(second) == 0


def watched_until(caller: httpx.Client, path: str, wanted: str) -> None:
    """Watch until something has happened, then hang up."""
    with caller.stream("GET", f"{path}/events") as answer:
        assert any(line == f"event: {wanted}" for line in answer.iter_lines())


def test_several_workers_are_one_gateway(tmp_path: Path) -> None:
    """They count together, see the same jobs, and end together; one that dies is replaced."""
    parent, caller = served(tmp_path, "--workers", "2")
    with caller:
        for _ in range(5):
            assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200
        assert caller.get("/health").json()["metrics"]["total_requests"] == 5
        path = submitted(caller)
        assert watched(caller, path)[-1][2]["status"] == "succeeded"  # type: ignore[index]
        pid = caller.get("/health/detailed").json()["pid"]
    subprocess.run(["kill", "-9", str(pid)], check=True)
    with httpx.Client(base_url=caller.base_url, timeout=30.0) as another:
        deadline = time.monotonic() + 20
        pids: set[int] = set()
        while len(pids - {pid}) < 2 and time.monotonic() < deadline:
            with httpx.Client(base_url=another.base_url, timeout=30.0) as fresh:
                try:
                    pids.add(fresh.get("/health/detailed").json()["pid"])
                except httpx.TransportError:
                    continue
        assert len(pids - {pid}) == 2
    assert ended(parent) == 0


def test_a_stopped_gateway_lets_go_of_watchers(tmp_path: Path) -> None:
    """They are told to come back; the job goes on with the next one."""
    process, caller = served(tmp_path)
    path = submitted(caller, options={"never_finish": True})
    with caller.stream("GET", f"{path}/events") as answer:
        lines = answer.iter_lines()
        assert next(lines).startswith("id: ")
        process.send_signal(signal.SIGTERM)
        assert "retry: 1000" in list(lines)
    caller.close()
    process.communicate(timeout=40)
    assert process.returncode == 0


def test_it_does_not_listen_beyond_this_machine_without_a_key(tmp_path: Path) -> None:
    """Unless told twice."""
    done = subprocess.run(
        [sys.executable, "-m", "anymedia", "serve", "--host", "0.0.0.0", "--port", "0"],
        env=environment(tmp_path),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "ANYMEDIA_ADMIN_KEY" in done.stderr
    process, caller = served(tmp_path, "--host", "0.0.0.0", "--no-auth")
    caller.close()
    assert ended(process) == 0
