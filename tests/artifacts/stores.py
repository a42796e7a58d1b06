"""Real object stores on loopback, and an artifact store in each."""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

WAIT_SECONDS = 30.0
AZURE_ACCOUNT = "devstoreaccount1"
AZURE_KEY = (
    "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
)
"""The published key of the storage emulator, the same everywhere."""

S3_SERVER = """
import logging, sys
from moto.server import ThreadedMotoServer
logging.getLogger("werkzeug").setLevel(logging.CRITICAL)
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
server.stop()
"""


@contextmanager
def s3() -> Iterator[str]:
    """An S3 server in a process of its own; the URL of an empty bucket in it."""
    pytest.importorskip("moto.server", reason="needs `moto[server,s3]`")
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", S3_SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        port = int(server.stdout.readline())
        endpoint = f"http://127.0.0.1:{port}"
        called("PUT", f"{endpoint}/pictures")
        try:
            yield (
                f"s3://pictures/studio?endpoint={endpoint}&region=us-east-1"
                "&access_key_id=test&secret_access_key=secret"
            )
        finally:
            server.stdin.close()


def gs(s3_url: str) -> str:
    """The same server, spoken to as Google Cloud Storage.

    Google's XML API, which is what is spoken there, has the paths and documents of S3, and no
    emulator of Google's own storage that we know speaks it. Signing and tokens are not shown.
    """
    endpoint = s3_url.partition("endpoint=")[2].partition("&")[0]
    return f"gs://pictures/google?endpoint={endpoint}&token=test"


@contextmanager
def az(directory: Path) -> Iterator[str]:
    """An Azure Blob Storage emulator, where one is installed."""
    program = shutil.which("azurite-blob") or shutil.which(
        "azurite-blob", path=str(Path(__file__).parents[2] / "node_modules" / ".bin")
    )
    if program is None:
        pytest.skip("needs `azurite-blob` (npm: azurite) on the path")
    port = free_port()
    command = [program, "--blobPort", str(port), "--silent", "--skipApiVersionCheck"]
    command += ["--inMemoryPersistence", "--disableTelemetry"]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.DEVNULL) as server:
        try:
            waited_for(port)
            endpoint = f"http://127.0.0.1:{port}/{AZURE_ACCOUNT}"
            make_container(endpoint)
            key = AZURE_KEY.replace("+", "%2B")
            yield f"az://clips/studio?endpoint={endpoint}&account={AZURE_ACCOUNT}&key={key}"
        finally:
            server.terminate()


def make_container(endpoint: str) -> None:
    """Azure has no containers until one is made, and wants that signed."""
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    date = formatdate(usegmt=True)
    headers = {"x-ms-date": date, "x-ms-version": "2021-08-06"}
    canonical = "".join(f"{name}:{value}\n" for name, value in sorted(headers.items()))
    path = f"/{AZURE_ACCOUNT}/{AZURE_ACCOUNT}/clips\nrestype:container"
    said = "PUT" + "\n" * 12 + canonical + path
    key = base64.b64decode(AZURE_KEY)
    signature = base64.b64encode(hmac.new(key, said.encode(), hashlib.sha256).digest()).decode()
    headers["authorization"] = f"SharedKey {AZURE_ACCOUNT}:{signature}"
    called("PUT", f"{endpoint}/clips?restype=container", headers)


def called(
    method: str, url: str, headers: dict[str, str] | None = None, body: bytes | None = None
) -> bytes:
    """One plain HTTP call on loopback."""
    request = urllib.request.Request(url, body, method=method, headers=headers or {})
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
        found: bytes = answer.read()
    return found


def status_of(url: str) -> int:
    """The status that a URL answers with."""
    try:
        with urllib.request.urlopen(url, timeout=WAIT_SECONDS) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def waited_for(port: int) -> None:
    """Until somebody listens there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)  # another process starts in its own time
        else:
            return
    raise AssertionError(f"nobody listens on {port}")
