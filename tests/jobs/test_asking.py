"""Asking how work stands: many pieces in one question where the provider can list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.job import JobState
from anymedia.engine.transport import Outgoing
from anymedia.wire.exchange import Exchange, replay
from anymedia.wire.http import HttpResponse, get
from anymedia.wire.shape import Shape
from tests.jobs.test_course import CLIP, Bench, finished, taken
from tests.support.acme import Clip, explain, poll
from tests.support.transport import answer


class Clips(Shape):
    """A list of clips."""

    clips: tuple[Clip, ...] = ()


def poll_many(handles: Sequence[str]) -> Exchange[Mapping[str, JobState]]:
    """A list of them, in one question."""
    response = yield get("/clips", query={"ids": ",".join(handles)})
    told: dict[str, JobState] = {}
    for clip in response.read(Clips).clips:
        told[clip.id] = known(clip)
    return told


def known(clip: Clip) -> JobState:
    """What `poll` makes of a clip that is known already."""
    said = answer({"id": clip.id, "state": clip.state, "urls": list(clip.urls)})
    _, state = replay(poll(clip.id), said, explain=explain)
    return state


class Lister:
    """Acme, which lists clips, and counts what it is asked."""

    def __init__(self, directory: Path, *, knows: bool = True, status: int = 200) -> None:
        self.bench = Bench(directory, ways={"poll_many": poll_many})
        self.bench.transport.otherwise = self.plays
        self.knows, self.status = knows, status
        self.made = 0

    def plays(self, outgoing: Outgoing) -> HttpResponse:
        """Take on, list, tell about one, hand out."""
        path = outgoing.url.partition("example/v1")[2]
        if outgoing.method == "POST":
            self.made += 1
            return taken(f"c_{self.made}")
        if path.startswith("/files/"):
            return CLIP
        if path.startswith("/clips?"):
            names = path.partition("ids=")[2].replace("%2C", ",").split(",")
            found = [self.clip(name) for name in names] if self.knows else []
            return answer({"clips": found}, self.status)
        return answer(self.clip(path.rpartition("/")[2]))

    def clip(self, name: str) -> dict[str, Any]:
        """It is done."""
        url = f"https://api.acme.example/v1/files/{name}.mp4"
        return {"id": name, "state": "done", "urls": [url]}

    def asked(self) -> tuple[int, int]:
        """How often for a list, and how often for one."""
        paths = [one for one in self.bench.paths() if one.startswith("GET /clips")]
        lists = sum("?" in one for one in paths)
        return lists, len(paths) - lists


def made(lister: Lister, count: int) -> list[str]:
    """So many clips at once; how their jobs ended."""

    async def course() -> list[str]:
        async with lister.bench.client as client:
            handles = await asyncio.gather(
                *(client.submit_video("a fox", duration_seconds=5) for _ in range(count))
            )
            for handle in handles:
                await handle.wait(timeout_seconds=50)
            return [handle.job.status for handle in handles]

    return finished(course())


def test_many_are_asked_about_in_one_question(tmp_path: Path) -> None:
    """Twenty clips take a few lists, and each gets its own answer."""
    lister = Lister(tmp_path)
    assert made(lister, 20) == ["succeeded"] * 20
    lists, singles = lister.asked()
    assert 1 <= lists + singles < 15


def test_one_is_asked_about_by_itself(tmp_path: Path) -> None:
    """A list of one is no use."""
    lister = Lister(tmp_path)
    assert made(lister, 1) == ["succeeded"]
    assert lister.asked() == (0, 1)


def test_what_the_list_does_not_know_is_asked_about_by_itself(tmp_path: Path) -> None:
    """Lists may be short, or late."""
    lister = Lister(tmp_path, knows=False)
    assert made(lister, 6) == ["succeeded"] * 6
    assert lister.asked()[1] == 6


@pytest.mark.parametrize("status", [403, 404])
def test_a_list_that_is_refused_is_not_needed(tmp_path: Path, status: int) -> None:
    """A key may be allowed to make clips and not to list them; it is not tried every time."""
    lister = Lister(tmp_path, status=status)
    assert made(lister, 6) == ["succeeded"] * 6
    assert lister.asked() == (1, 6)
