"""Artifacts: whole or not at all, hashed, looked at, and safe from what happens meanwhile."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.errors import NetworkFailed, NotFound, StorageFailed, UnreadableResponse
from anymedia.contracts.media import StoredArtifact
from anymedia.store.artifacts import ArtifactStore

PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)
LIMIT = 5_000_000


async def chunks(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    """A body as it comes; an exception is where it breaks."""
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def streamed(store: ArtifactStore, *pieces: bytes | Exception, **facts: Any) -> StoredArtifact:
    """Keep what comes."""
    facts = {"media_type": None, "stem": "video-1", "metadata": {}, **facts}
    return asyncio.run(store.keep_stream(chunks(*pieces), **facts))


def held(store: ArtifactStore, data: bytes, **facts: Any) -> StoredArtifact:
    """Keep what is in memory."""
    facts = {"media_type": None, "stem": "image-1", "metadata": {}, **facts}
    return asyncio.run(store.keep_bytes(data, **facts))


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    """A store in an empty directory."""
    return ArtifactStore(tmp_path, limit_bytes=LIMIT)


def left_over(tmp_path: Path) -> list[Path]:
    """Files in the directory."""
    return [path for path in tmp_path.rglob("*") if path.is_file()]


def test_what_is_kept_can_be_read_again(store: ArtifactStore, tmp_path: Path) -> None:
    """With its hash, size and type as the bytes show it."""
    kept = streamed(store, PNG[:3], PNG[3:], media_type="video/mp4", metadata={"seed": 7})
    assert (kept.media_type, kept.size_bytes, kept.filename) == ("image/png", 508, "video-1.png")
    assert kept.sha256 == hashlib.sha256(PNG).hexdigest()
    assert kept.metadata == {"seed": 7}
    assert store.read(kept) == PNG
    assert left_over(tmp_path) == [store.path(kept)]
    assert ArtifactStore(tmp_path, limit_bytes=1).read(kept) == PNG


def test_the_declared_type_counts_where_the_bytes_show_none(store: ArtifactStore) -> None:
    """And nothing is made up where neither does."""
    assert held(store, b"\0\1\2", media_type="audio/pcm").filename == "image-1.pcm"
    assert held(store, b"\0\1\2").media_type == "application/octet-stream"


def test_the_same_bytes_are_kept_as_often_as_they_come(store: ArtifactStore) -> None:
    """Under ids that nobody can guess."""
    one, two = held(store, PNG), held(store, PNG)
    assert one.id != two.id
    assert len(one.id) == len("art_") + 32
    store.remove(one.location)
    assert store.read(two) == PNG


@pytest.mark.parametrize(
    ("pieces", "facts", "words"),
    [
        ((PNG, NetworkFailed("the connection broke")), {}, "the connection broke"),
        ((PNG,), {"expected_bytes": 509}, "ended after 508 of 509 bytes"),
        ((PNG,), {"expected_bytes": 507}, "ended after 508 of 507 bytes"),
        ((), {}, "the download was empty"),
        ((b"", b""), {}, "the download was empty"),
        ((bytes(LIMIT), b"x"), {}, "max_artifact_bytes"),
    ],
)
def test_what_does_not_arrive_whole_is_not_kept(
    store: ArtifactStore, tmp_path: Path, pieces: Any, facts: dict[str, Any], words: str
) -> None:
    """Nothing of it stays."""
    with pytest.raises((UnreadableResponse, NetworkFailed), match=words):
        streamed(store, *pieces, **facts)
    assert left_over(tmp_path) == []


def test_a_download_that_is_cut_may_be_tried_again_and_one_that_is_too_large_may_not(
    store: ArtifactStore,
) -> None:
    """It would be as large then; both were made and paid for."""
    with pytest.raises(UnreadableResponse) as cut:
        streamed(store, PNG, expected_bytes=9999)
    with pytest.raises(UnreadableResponse) as large:
        held(store, bytes(LIMIT + 1))
    assert (cut.value.retryable, cut.value.accepted) == (True, "yes")
    assert (large.value.retryable, large.value.accepted) == (False, "yes")


def test_a_caller_that_stops_waiting_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    """The part is removed."""

    async def endless() -> AsyncIterator[bytes]:
        yield PNG
        await asyncio.Event().wait()

    async def work() -> None:
        keeping = asyncio.ensure_future(
            store.keep_stream(endless(), media_type=None, stem="x", metadata={})
        )
        await asyncio.sleep(0.01)
        keeping.cancel()
        with pytest.raises(asyncio.CancelledError):
            await keeping

    asyncio.run(work())
    assert left_over(tmp_path) == []


def test_bytes_are_on_the_disk_before_they_get_their_name(tmp_path: Path) -> None:
    """File, name, directory: in this order a power cut leaves all of it or nothing."""
    flushed: list[tuple[str, int]] = []

    def flush(descriptor: int) -> None:
        name = Path(f"/proc/self/fd/{descriptor}").readlink().relative_to(tmp_path).parts[0]
        named = [path for path in left_over(tmp_path) if "parts" not in path.parts]
        flushed.append((name, len(named)))
        os.fsync(descriptor)

    store = ArtifactStore(tmp_path, limit_bytes=LIMIT, flush=flush)
    held(store, PNG)
    assert flushed == [("parts", 0), ("artifacts", 1), ("artifacts", 1)]


def test_a_gone_artifact_is_not_found(store: ArtifactStore) -> None:
    """Removing it twice does no harm."""
    kept = held(store, PNG)
    store.remove(kept.location)
    store.remove(kept.location)
    with pytest.raises(NotFound, match=kept.id):
        store.read(kept)


# --- saving ---------------------------------------------------------------------------------


def test_a_copy_is_whole_or_not_there(store: ArtifactStore, tmp_path: Path) -> None:
    """In a folder that is made, over what was there before."""
    kept = held(store, PNG).bind(store)
    target = tmp_path / "out" / "deep" / "fox.png"
    kept.save(target)
    target.write_bytes(b"older")
    kept.save(target)
    assert target.read_bytes() == PNG
    assert kept.save(tmp_path / "out") == tmp_path / "out" / "image-1.png"
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["deep", "image-1.png"]


def test_a_copy_that_cannot_be_made_says_that_the_artifact_is_safe(
    store: ArtifactStore, tmp_path: Path
) -> None:
    """And where."""
    kept = held(store, PNG)
    (tmp_path / "file").write_bytes(b"in the way")
    with pytest.raises(StorageFailed, match=r"The artifact is safe: `.*png`"):
        store.save(kept, tmp_path / "file" / "fox.png")


# --- disks ----------------------------------------------------------------------------------


def test_a_directory_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    """With what to do about it."""
    (tmp_path / "file").write_bytes(b"in the way")
    store = ArtifactStore(tmp_path / "file", limit_bytes=LIMIT)
    with pytest.raises(StorageFailed, match="ANYMEDIA_DATA_DIR"):
        held(store, PNG)
    with pytest.raises(StorageFailed):
        streamed(store, PNG)


FULL = """
import asyncio, resource, signal, sys
from pathlib import Path
from anymedia.contracts.errors import StorageFailed
from anymedia.store.artifacts import ArtifactStore

signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, resource.RLIM_INFINITY))
store = ArtifactStore(Path(sys.argv[1]), limit_bytes=1 << 40)

async def endless():
    while True:
        yield bytes(300_000)

async def main():
    facts = {"media_type": None, "stem": "x", "metadata": {}}
    for keeping in (store.keep_stream(endless(), **facts), store.keep_bytes(bytes(2_000_000), **facts)):
        try:
            await keeping
            print("kept?")
        except StorageFailed as error:
            assert error.retryable
            print("refused")
    await store.keep_bytes(bytes(1000), **facts)

asyncio.run(main())
"""


def test_a_full_disk_is_told_and_leaves_no_parts(tmp_path: Path) -> None:
    """In a process whose files may not grow; what fits is still kept."""
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.split()) == (0, ["refused", "refused"]), done.stderr
    assert [path.stat().st_size for path in left_over(tmp_path)] == [1000]


MEMORY = """
import asyncio, resource, sys
from pathlib import Path
from anymedia.store.artifacts import ArtifactStore

store = ArtifactStore(Path(sys.argv[1]), limit_bytes=1 << 40)

async def large(megabytes):
    for _ in range(megabytes * 16):
        yield bytes(65536)

async def main():
    facts = {"media_type": None, "stem": "x", "metadata": {}}
    await store.keep_stream(large(4), **facts)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await store.keep_stream(large(200), **facts)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_large_artifact_takes_little_memory(tmp_path: Path) -> None:
    """Two hundred megabytes pass through less than thirty-two."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 32 * 1024
