"""The places where answers can be kept; every behaviour is asked of each."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator

import pytest

from anymedia.contracts.caching import CacheTier
from tests.cache.samples import Place
from tests.support.redis import URL, answers

PLACES: tuple[tuple[CacheTier, ...], ...] = (
    ("memory",),
    ("redis",),
    ("memcached",),
    ("memory", "redis"),
    ("memory", "memcached"),
)


@pytest.fixture(scope="session")
def memcached_url() -> Iterator[str]:
    """A Memcached of these tests' own, on a free port of this machine."""
    program = shutil.which("memcached")
    if program is None:
        pytest.skip("no `memcached` on this machine (`apt-get install memcached`)")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [program, "-l", "127.0.0.1", "-p", str(port), "-U", "0", "-m", "64", "-u", "nobody"]
    with subprocess.Popen([*command, "-v"], stderr=subprocess.DEVNULL) as process:
        try:
            while process.poll() is None and not answers(f"memcached://127.0.0.1:{port}"):
                pass
            if process.poll() is not None:
                pytest.skip(f"`memcached` does not start here (it ended with {process.returncode})")
            yield f"memcached://127.0.0.1:{port}"
        finally:
            process.terminate()


@pytest.fixture(params=PLACES, ids="+".join)
def place(request: pytest.FixtureRequest) -> Place:
    """Every arrangement of tiers that this machine can have."""
    tiers: tuple[CacheTier, ...] = request.param
    if "redis" in tiers and not answers(URL):
        pytest.skip(f"no Redis at {URL} (ANYMEDIA_TEST_REDIS_URL names another)")
    url = request.getfixturevalue("memcached_url") if "memcached" in tiers else None
    return Place(tiers, url)


@pytest.fixture(params=[one for one in PLACES if one != ("memory",)], ids="+".join)
def shared_place(request: pytest.FixtureRequest) -> Place:
    """Every arrangement that several processes can share."""
    tiers: tuple[CacheTier, ...] = request.param
    if "redis" in tiers and not answers(URL):
        pytest.skip(f"no Redis at {URL} (ANYMEDIA_TEST_REDIS_URL names another)")
    url = request.getfixturevalue("memcached_url") if "memcached" in tiers else None
    return Place(tiers, url)
