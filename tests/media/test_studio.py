"""The process that decodes: what happens to it happens to nobody else."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from anymedia.media.room import MOST_TASKS
from anymedia.media.studio import Bounds, MediaFailed, Studio, StudioClosed
from tests.media.made import clip, picture, sound


def children(pid: int) -> list[int]:
    """A process's own processes."""
    return [
        int(one)
        for task in Path(f"/proc/{pid}/task").iterdir()
        for one in (task / "children").read_text().split()
    ]


def copies_of(studio: Studio) -> list[int]:
    """The processes that do its tasks."""
    assert studio._room is not None
    return children(studio._room.process.pid)


def with_studio(work: Any, **said: Any) -> Any:
    """What comes of some work with a studio; closed afterwards."""

    async def course() -> Any:
        studio = Studio(file_bytes=10**8, **said)
        try:
            return await asyncio.wait_for(work(studio), 60)
        finally:
            studio.close()

    return asyncio.run(course())


LONG = {"format": "mp4", "width": 1920, "height": 1080, "fps": 60.0}


async def begun(studio: Studio, source: Path, target: Path) -> tuple[asyncio.Task[Any], int]:
    """A long piece of work that has begun, and the process that does it."""
    going = asyncio.Event()
    task = asyncio.create_task(
        studio.normalize(str(source), str(target), "video/mp4", LONG, lambda _: going.set())
    )
    await going.wait()
    room = studio._room
    assert room is not None
    (copy,) = children(room.process.pid)
    return task, copy


def test_one_room_does_many_things(tmp_path: Path) -> None:
    """The libraries are loaded once."""
    source = str(picture(tmp_path / "a.png"))

    async def work(studio: Studio) -> set[int]:
        rooms = set()
        for _ in range(3):
            assert (await studio.examine(source, "image/png"))["facts"]["width"] == 64
            assert studio._room is not None
            rooms.add(studio._room.process.pid)
        return rooms

    assert len(with_studio(work)) == 1


def test_a_copy_looks_at_several_things_and_ends_when_one_fails(tmp_path: Path) -> None:
    """Beginning one takes longer than most looks; what has gone wrong in one stays there."""
    source = str(picture(tmp_path / "a.png"))

    async def work(studio: Studio) -> list[list[int]]:
        seen = []
        for _ in range(3):
            await studio.examine(source, "image/png")
            seen.append(copies_of(studio))
        with pytest.raises(MediaFailed):
            await studio.preview(source, str(tmp_path / "no" / "such" / "folder"), "image/png")
        await studio.examine(source, "image/png")
        return [*seen, copies_of(studio)]

    first, second, third, after = with_studio(work)
    assert first == second == third
    assert len(first) == 1
    assert not set(first) & set(after)


def test_copies_take_turns(tmp_path: Path) -> None:
    """None does more than fifty tasks, and nobody's task is lost when another begins."""
    source = str(picture(tmp_path / "a.png"))

    async def work(studio: Studio) -> set[int]:
        copies: set[int] = set()
        for _ in range(2 * MOST_TASKS + 10):
            assert (await studio.examine(source, "image/png"))["facts"]["width"] == 64
            assert studio._room is not None
            copies.update(children(studio._room.process.pid))
        return copies

    assert len(with_studio(work)) == 3


def test_a_copy_that_ended_while_it_waited_is_replaced(tmp_path: Path) -> None:
    """As the system ends processes when memory is short."""
    source = str(picture(tmp_path / "a.png"))

    async def work(studio: Studio) -> None:
        await studio.examine(source, "image/png")
        assert studio._room is not None
        (copy,) = children(studio._room.process.pid)
        os.kill(copy, signal.SIGKILL)
        await gone([copy])
        assert (await studio.examine(source, "image/png"))["findings"] == []

    with_studio(work)


def test_copies_end_with_their_room(tmp_path: Path) -> None:
    """Nobody waits for tasks from a process that is gone."""
    source = str(picture(tmp_path / "a.png"))

    async def work(studio: Studio) -> list[int]:
        await asyncio.gather(*(studio.examine(source, "image/png") for _ in range(4)))
        assert studio._room is not None
        copies = children(studio._room.process.pid)
        os.kill(studio._room.process.pid, signal.SIGKILL)
        await gone(copies)
        return copies

    assert with_studio(work)


async def gone(pids: list[int]) -> None:
    """Until processes have ended; real time is a backstop only."""
    async with asyncio.timeout(20):
        while any(map(alive, pids)):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)


def alive(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    stat = Path(f"/proc/{pid}/stat")
    with contextlib.suppress(OSError):
        return stat.read_text().rpartition(")")[2].split()[0] != "Z"
    return False


def test_a_crash_is_a_failure_and_the_next_task_is_done(tmp_path: Path) -> None:
    """As a decoder does that a file has led into the void."""
    source = clip(tmp_path / "a.mp4", seconds=20.0)

    async def work(studio: Studio) -> None:
        task, copy = await begun(studio, source, tmp_path / "b.mp4")
        os.kill(copy, signal.SIGSEGV)
        with pytest.raises(MediaFailed, match=r"crashed \(signal 11\)"):
            await task
        assert (await studio.examine(str(source), "video/mp4"))["findings"] == []

    with_studio(work)


def test_a_room_that_was_stopped_is_replaced(tmp_path: Path) -> None:
    """Its task is done once more."""
    source = clip(tmp_path / "a.mp4")

    async def work(studio: Studio) -> None:
        await studio.examine(str(source), "video/mp4")
        assert studio._room is not None
        os.kill(studio._room.process.pid, signal.SIGKILL)
        assert (await studio.examine(str(source), "video/mp4"))["findings"] == []

    with_studio(work)


def test_what_takes_too_long_is_stopped(tmp_path: Path) -> None:
    """And its process is gone: one that stands still hears nothing else, no alarm of its own."""
    source = clip(tmp_path / "a.mp4", seconds=20.0)

    async def work(studio: Studio) -> None:
        await studio.examine(str(source), "video/mp4")
        before = set(copies_of(studio))
        making = studio.normalize(str(source), str(tmp_path / "b"), "video/mp4", LONG)
        task = asyncio.create_task(making)
        while not (begun := set(copies_of(studio)) - before):  # noqa: ASYNC110  nobody tells
            await asyncio.sleep(0.01)
        for one in begun:
            os.kill(one, signal.SIGSTOP)
        with pytest.raises(MediaFailed, match="longer than 2 seconds"):
            await task
        await gone(list(begun))
        assert (await studio.examine(str(source), "video/mp4"))["findings"] == []

    with_studio(work, making=Bounds(seconds=2, memory_bytes=2**32))


def test_memory_and_output_have_limits(tmp_path: Path) -> None:
    """A gigantic picture is refused by the system before it is made."""
    source = picture(tmp_path / "a.png")
    wanted = {"format": "png", "width": 8192, "height": 8192}

    async def work(studio: Studio) -> None:
        with pytest.raises(MediaFailed, match="memory"):
            await studio.normalize(str(source), str(tmp_path / "b"), "image/png", wanted)

    with_studio(work, making=Bounds(seconds=60, memory_bytes=300 * 2**20))

    async def large(studio: Studio) -> None:
        studio._file_bytes = 1000
        with pytest.raises(MediaFailed):
            await studio.normalize(str(source), str(tmp_path / "c"), "image/png", {"width": 2000})

    with_studio(large)


def test_closing_stops_what_is_under_way(tmp_path: Path) -> None:
    """It is left to another process, and nothing of it lives on."""
    source = clip(tmp_path / "a.mp4", seconds=20.0)

    async def work(studio: Studio) -> int:
        task, copy = await begun(studio, source, tmp_path / "b.mp4")
        room = studio._room
        assert room is not None
        studio.close()
        with pytest.raises(StudioClosed):
            await task
        with pytest.raises(StudioClosed):
            await studio.examine(str(source), "video/mp4")
        await asyncio.to_thread(room.process.wait, 10)
        return copy

    copy = with_studio(work)
    stat = Path(f"/proc/{copy}/stat")
    assert not stat.exists() or stat.read_text().split()[2] == "Z"


def test_the_room_knows_no_secrets(tmp_path: Path) -> None:
    """It touches strangers' files; keys are not in its environment."""
    source = str(picture(tmp_path / "a.png"))

    async def work(studio: Studio) -> bytes:
        await studio.examine(source, "image/png")
        assert studio._room is not None
        return await asyncio.to_thread(Path(f"/proc/{studio._room.process.pid}/environ").read_bytes)

    os.environ["ACME_TEST_SECRET"] = "not-for-strangers"
    try:
        known = with_studio(work)
    finally:
        del os.environ["ACME_TEST_SECRET"]
    assert b"PATH=" in known
    assert b"not-for-strangers" not in known


@pytest.mark.parametrize(
    ("make", "media_type", "size"),
    [
        (lambda path: picture(path, (1000, 500)), "image/png", (512, 256)),
        (lambda path: clip(path, size=(90, 160)), "video/mp4", (90, 160)),
        (sound, "audio/wav", (512, 128)),
    ],
)
def test_everything_has_a_preview(
    tmp_path: Path, make: Any, media_type: str, size: tuple[int, int]
) -> None:
    """Small, as WebP."""
    source, target = make(tmp_path / "source"), tmp_path / "preview"
    made = with_studio(lambda studio: studio.preview(str(source), str(target), media_type))
    assert made == {"media_type": "image/webp"}
    with Image.open(target) as image:
        assert (image.format, image.size) == ("WEBP", size)
