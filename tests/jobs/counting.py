"""A provider for counting submissions, in four languages: one for each way to find a lost one.

`python -m tests.jobs.counting PORT` serves its double: a process that outlives the workers that
are killed. It answers a submission after a second, having taken it on at once, as the worst
moment to die is after that.
"""

from __future__ import annotations

import hashlib
import sys
import threading
import time
from dataclasses import replace
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.request import Request as UrlRequest, urlopen

import msgspec

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.job import JobState, Running, Succeeded
from anymedia.contracts.media import RemoteArtifact
from anymedia.contracts.usage import Usage
from anymedia.providers.explain import ErrorTable
from anymedia.providers.spec import (
    Brief,
    Callback,
    Job,
    Lookup,
    Nothing,
    Pace,
    Provider,
    Recovery,
    Repeat,
    Report,
    Submitted,
)
from anymedia.wire.auth import NoAuth
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import Headers, get, post
from anymedia.wire.shape import Shape, read

# --- the adapter ----------------------------------------------------------------------------


class Work(Shape):
    """A piece of work as the double tells it."""

    id: str
    done: bool = False
    url: str | None = None


class Found(Shape):
    """What the double has under a label."""

    work: tuple[Work, ...] = ()


def submit(request: ImageRequest, brief: Brief) -> Exchange[Submitted]:
    """One POST, with our marker as the label."""
    body = {"prompt": request.prompt, "label": brief.marker, "report_to": brief.callback_url}
    response = yield post("/work", json=body)
    return Submitted(handle=response.read(Work).id)


def poll(handle: str) -> Exchange[JobState]:
    """Done after a while."""
    response = yield get(f"/work/{handle}")
    work = response.read(Work)
    if not work.done or work.url is None:
        return Running()
    return Succeeded(artifacts=(RemoteArtifact(url=work.url),), usage=Usage(images=1))


def find(brief: Brief, _: datetime) -> Exchange[Submitted | None]:
    """By the label."""
    response = yield get("/work", query={"label": brief.marker})
    found = response.read(Found).work
    return Submitted(handle=found[0].id) if found else None


def read_callback(body: bytes, _: Headers) -> Callback:
    """The double reports its id."""
    return Callback(handle=read(body, Work).id)


RECOVERIES: dict[str, Recovery] = {
    "repeat": Repeat(),
    "lookup": Lookup(find),
    "report": Report(wait_seconds=20.0),
    "nothing": Nothing(),
}


def counting(ability: str, base_url: str, *, submit_seconds: float = 5.0) -> Provider:
    """The provider whose lost submissions can be found in that way."""
    operation = Job(
        ImageRequest,
        submit,
        poll,
        recovery=RECOVERIES[ability],
        pace=Pace(first_seconds=0.3, longest_seconds=1.0),
        timeout_seconds=submit_seconds,
        read_callback=read_callback,
    )
    plain = Provider(
        name="counting",
        title="Counting",
        base_url=base_url,
        auth=NoAuth(),
        operations=(operation,),
        explain=ErrorTable(),
    )
    return replace(plain, in_process=None)


# --- the double -----------------------------------------------------------------------------


class Book:
    """What the double has taken on."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.work: dict[str, dict[str, Any]] = {}
        self.by_key: dict[str, str] = {}
        self.posts = 0

    def take(self, body: dict[str, Any], key: str | None) -> str:
        """Take work on; the same key is the same work."""
        with self.lock:
            self.posts += 1
            if key is not None and key in self.by_key:
                return self.by_key[key]
            name = f"w{len(self.work) + 1}"
            self.work[name] = {**body, "since": time.monotonic()}
            if key is not None:
                self.by_key[key] = name
            return name


def content(name: str) -> bytes:
    """What a piece of work comes to: some 100 kB that nobody else has."""
    return b"".join(hashlib.sha256(f"{name}:{n}".encode()).digest() for n in range(3000))


class Handler(BaseHTTPRequestHandler):
    """The double's HTTP."""

    book: Book
    answer_after = 1.0
    honours_keys = False
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        """A submission: taken on at once, answered late."""
        body = msgspec.json.decode(self.rfile.read(int(self.headers["Content-Length"])))
        key = self.headers.get("Idempotency-Key") if self.honours_keys else None
        name = self.book.take(body, key)
        if body.get("report_to"):
            threading.Thread(target=report, args=(body["report_to"], name), daemon=True).start()
        time.sleep(self.answer_after)
        self.reply({"id": name})

    def do_GET(self) -> None:
        """How work stands, what is there under a label, a result, or everything."""
        path, _, query = self.path.partition("?")
        if path == "/count":
            prompts = [work["prompt"] for work in self.book.work.values()]
            return self.reply({"posts": self.book.posts, "prompts": prompts})
        if path == "/work":
            label = query.removeprefix("label=")
            found = [name for name, work in self.book.work.items() if work["label"] == label]
            return self.reply({"work": [{"id": name} for name in found]})
        name = path.rpartition("/")[2]
        if path.startswith("/result/"):
            return self.send(200, content(name), "application/octet-stream")
        if name not in self.book.work:
            return self.send(404, b'{"error": "no such work"}', "application/json")
        host = self.headers["Host"]
        done = time.monotonic() - self.book.work[name]["since"] > 1.5
        return self.reply({"id": name, "done": done, "url": f"http://{host}/result/{name}"})

    def reply(self, body: object) -> None:
        """Answer with JSON."""
        self.send(200, msgspec.json.encode(body), "application/json")

    def send(self, status: int, body: bytes, media_type: str) -> None:
        """Answer, unless whoever asked has died."""
        try:
            self.send_response(status)
            self.send_header("Content-Type", media_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        """Quiet."""


class Server(ThreadingHTTPServer):
    """Takes on a crowd that comes at once."""

    daemon_threads = True
    request_queue_size = 512


def report(url: str, name: str) -> None:
    """Call back until somebody listens, as providers do."""
    for _ in range(40):
        time.sleep(1.5)
        try:
            body = msgspec.json.encode({"id": name})
            request = UrlRequest(url, body, {"Content-Type": "application/json"})
            with urlopen(request, timeout=5):
                return
        except OSError:
            continue


def main() -> None:
    """Serve until killed."""
    Handler.book = Book()
    Handler.honours_keys = sys.argv[2] == "repeat"
    Server(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()


if __name__ == "__main__":
    main()
