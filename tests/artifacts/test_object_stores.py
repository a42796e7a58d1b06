"""Artifacts in object stores: the same promises as in a folder, over real wire formats."""

from __future__ import annotations

import asyncio
import hashlib
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from anymedia.contracts.errors import (
    InvalidConfiguration,
    NetworkFailed,
    NotFound,
    StorageFailed,
    UnreadableResponse,
)
from anymedia.contracts.media import StoredArtifact
from anymedia.store.artifacts import ArtifactStore
from anymedia.store.artifacts.objects import PIECE_BYTES, ObjectShelf
from tests.artifacts import stores

PNG = b"\x89PNG\r\n\x1a\n" + bytes(500)
LARGE = os.urandom(1024) * 20_000
"""Twenty megabytes: three parts."""


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    """A bucket of a server that runs for all tests of this file."""
    with stores.s3() as url:
        yield url


@pytest.fixture(params=["s3", "gs", "az"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """An empty place in each kind of object store that is at hand."""
    if request.param == "az":
        with stores.az(tmp_path) as found:
            yield found
        return
    found = request.getfixturevalue("s3_url")
    found = found if request.param == "s3" else stores.gs(found)
    yield found.replace("/studio?", f"/{tmp_path.name}?").replace("/google?", f"/{tmp_path.name}?")


async def chunks(*pieces: bytes | Exception) -> AsyncIterator[bytes]:
    """A body as it comes; an exception is where it breaks."""
    for piece in pieces:
        if isinstance(piece, Exception):
            raise piece
        yield piece


def opened(directory: Path, url: str, **options: Any) -> ArtifactStore:
    """A store at a URL."""
    return ArtifactStore(directory, limit_bytes=10**9, url=url, **options)


def kept(store: ArtifactStore, *pieces: bytes | Exception, **facts: Any) -> StoredArtifact:
    """Keep what comes."""
    facts = {"media_type": None, "stem": "video-1", "metadata": {}, **facts}
    return asyncio.run(store.keep_stream(chunks(*pieces), **facts))


def files(directory: Path) -> list[Path]:
    """Files that are left on this machine."""
    return [path for path in directory.rglob("*") if path.is_file() and path.parent.name != "azure"]


def test_what_is_kept_can_be_read_in_every_way(url: str, tmp_path: Path) -> None:
    """Whole, in ranges, into a file, as a file at hand; and it is gone when it is forgotten."""
    here = tmp_path / "here"
    store = opened(here, url)
    artifact = kept(store, *(LARGE[n : n + 65536] for n in range(0, len(LARGE), 65536)))
    assert artifact.sha256 == hashlib.sha256(LARGE).hexdigest()
    assert files(here) == []
    assert store.holds(artifact)
    assert store.read(artifact) == LARGE
    cut = slice(PIECE_BYTES - 3, 3 * PIECE_BYTES + 7)
    assert b"".join(store.pieces(artifact, cut.start, cut.stop)) == LARGE[cut]
    store.save(artifact, tmp_path / "copy.bin")
    assert (tmp_path / "copy.bin").read_bytes() == LARGE
    with store.at_hand(artifact) as path:
        assert path.read_bytes() == LARGE
    assert files(here) == []
    assert [one.location for one in store.shelf.kept()] == [artifact.location]
    store.remove(artifact.location)
    store.remove(artifact.location)
    assert not store.holds(artifact)
    with pytest.raises(NotFound, match=artifact.id):
        store.read(artifact)


def test_small_ones_too(url: str, tmp_path: Path) -> None:
    """One request, no parts."""
    store = opened(tmp_path / "here", url)
    artifact = kept(store, PNG)
    assert (artifact.media_type, store.read(artifact)) == ("image/png", PNG)


def test_a_download_that_breaks_leaves_no_object(url: str, tmp_path: Path) -> None:
    """Nothing is uploaded before all of it is here."""
    store = opened(tmp_path / "here", url)
    with pytest.raises(NetworkFailed):
        kept(store, PNG, NetworkFailed("the connection broke"))
    with pytest.raises(UnreadableResponse):
        kept(store, PNG, expected_bytes=999)
    assert list(store.shelf.kept()) == []


def test_what_is_in_the_folder_already_is_found_there(s3_url: str, tmp_path: Path) -> None:
    """Moving to an object store strands nothing."""
    old = kept(ArtifactStore(tmp_path, limit_bytes=10**6), PNG)
    store = opened(tmp_path, s3_url)
    assert store.read(old) == PNG
    with store.at_hand(old) as path:
        assert path == tmp_path / "artifacts" / old.location


def test_a_link_of_the_store_opens_for_anybody_and_says_what_it_is(
    s3_url: str, tmp_path: Path
) -> None:
    """Signed by the store, for this object alone."""
    store = opened(tmp_path, s3_url)
    artifact = kept(store, PNG)
    link = store.link(artifact, 60)
    assert "X-Amz-Signature" in link
    assert stores.called("GET", link) == PNG
    with pytest.raises(NotFound):
        store.link(artifact.model_copy(update={"location": "00/art_" + "0" * 32 + ".png"}))


def test_links_can_be_left_to_the_gateway(s3_url: str, tmp_path: Path) -> None:
    """Where callers do not reach the store."""
    store = opened(tmp_path, s3_url + "&links=gateway", public_url="https://media.example")
    link = store.link(kept(store, PNG), 60)
    assert link.startswith("https://media.example/api/artifacts/art_")


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ("Server returned 403 Forbidden: <Code>InvalidAccessKeyId</Code>", "access is denied"),
        ("Server returned 403: <Code>SignatureDoesNotMatch</Code>", "AWS_SECRET_ACCESS_KEY"),
        ("Error performing PUT http://169.254.169.254/latest/api/token: 403", "no credentials"),
        ("HTTP error: error sending request", "cannot be reached"),
    ],
)
def test_what_a_store_says_is_told_with_the_next_step(
    s3_url: str, tmp_path: Path, said: str, words: str
) -> None:
    """In our words; the double accepts any key, so these are the words of the real one."""
    shelf = opened(tmp_path, s3_url).shelf
    assert isinstance(shelf, ObjectShelf)
    assert words in shelf._failed("take an artifact", OSError(said)).message


def test_a_bucket_that_is_not_there_is_one_clear_error_to_try_again(
    s3_url: str, tmp_path: Path
) -> None:
    """With the next step, and without the secret."""
    store = opened(tmp_path, s3_url.replace("s3://pictures/", "s3://nowhere/"))
    with pytest.raises(StorageFailed, match="does not exist") as caught:
        kept(store, PNG)
    assert caught.value.retryable
    assert "secret_access_key=" not in caught.value.message
    assert files(tmp_path) == []


def test_a_store_that_is_away_is_told_and_loses_nothing(tmp_path: Path) -> None:
    """The part is removed; whoever kept the result tries again."""
    nobody = f"http://127.0.0.1:{stores.free_port()}"
    store = opened(
        tmp_path, f"s3://b?endpoint={nobody}&region=x&access_key_id=k&secret_access_key=s"
    )
    with pytest.raises(StorageFailed, match="cannot be reached"):
        kept(store, PNG)
    assert files(tmp_path) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ("ftp://bucket", "no kind of store"),
        ("s3://", "needs a bucket"),
        ("s3://user:key@bucket", "needs a bucket"),
        ("s3://bucket?colour=blue", "does not take `colour`"),
        ("gs://bucket?service_account=/nowhere.json", "cannot be opened"),
    ],
)
def test_an_address_that_means_nothing_is_refused_at_once(wrong: str, words: str) -> None:
    """Before any job depends on it."""
    with pytest.raises(InvalidConfiguration, match=words):
        opened(Path("/nowhere"), wrong)


KILLED = """
import asyncio, os, sys, threading, time
from pathlib import Path
from anymedia.store.artifacts import ArtifactStore

store = ArtifactStore(Path(sys.argv[1]), limit_bytes=1 << 40, url=sys.argv[2])
facts = {"media_type": None, "stem": "x", "metadata": {}}
put = store.shelf.put

def slowly(part, artifact):
    threading.Timer(0.1, lambda: os._exit(9)).start()
    put(part, artifact)

store._shelves[0].put = slowly
asyncio.run(store.keep_bytes(os.urandom(1 << 20) * 100, **facts))
"""


def test_a_process_killed_while_it_uploads_leaves_no_object(s3_url: str, tmp_path: Path) -> None:
    """Parts that were never put together are nothing that anybody sees."""
    url = s3_url.replace("/studio", "/killed")
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(tmp_path), url], capture_output=True, check=False
    )
    assert done.returncode == 9, done.stderr
    assert list(opened(tmp_path, url).shelf.kept()) == []


MEMORY = """
import asyncio, resource, sys
from pathlib import Path
from anymedia.store.artifacts import ArtifactStore

store = ArtifactStore(Path(sys.argv[1]), limit_bytes=1 << 40, url=sys.argv[2])

async def large(megabytes):
    for _ in range(megabytes * 16):
        yield bytes(65536)

async def through(megabytes):
    facts = {"media_type": None, "stem": "x", "metadata": {}}
    artifact = await store.keep_stream(large(megabytes), **facts)
    size = 0
    async for piece in store.stream(artifact):
        size += len(piece)
    assert size == megabytes << 20

async def main():
    await through(24)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await through(int(sys.argv[3]))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)

asyncio.run(main())
"""


def test_a_large_artifact_passes_through_little_memory(s3_url: str, tmp_path: Path) -> None:
    """Up and down again; what it takes does not grow with its size."""
    done = subprocess.run(
        [sys.executable, "-c", MEMORY, str(tmp_path), s3_url, "150"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 32 * 1024
