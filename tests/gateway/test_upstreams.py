"""A provider that does what providers do on a bad day: one clear error, and a ledger that is true."""

from __future__ import annotations

import asyncio
import json
import socket
import sqlite3
import threading
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from anymedia.contracts.configuration import Settings
from anymedia.store.database import database_at
from anymedia.store.intake import take_in
from tests.gateway.serving import ADMIN, Running, serving
from tests.support.rawserver import (
    Behaviour,
    free_port,
    resetting,
    response,
    saying,
    serving as upstream,
)

CHAT = "/v1/chat/completions"
MESSAGES = "/v1/messages"
OURS = "/api/ai/text"
SHORT = "the short way"
"""Through the first one's own provider, as the bytes came."""
FAST = "the fast path"
"""The same in front of the door, as callers with a key go it."""
ALL = (CHAT, SHORT, MESSAGES, OURS, FAST)
JSON = "Content-Type: application/json"
EVENTS = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
WORDS: dict[str, Any] = {
    "id": "chat-1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello there."},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
}
BUSY = {MESSAGES: {529}}
"""What Anthropic says for 503."""
ANSWER = httpx.Response(200, json=WORDS).content
PAGE = b"<html><body><h1>Bad gateway</h1></body></html>"


def settings_for(*addresses: str, path: str = CHAT, **further: Any) -> Settings:
    """Providers that speak OpenAI's language at these addresses, each asked once."""
    if path == FAST:
        further["gateway"] = {"admin_key": ADMIN}
    return Settings.model_validate(
        {
            "providers": [
                {
                    "name": f"local{place or ''}",
                    "dialect": "openai",
                    "base_url": f"{address}/v1",
                    "models": {"text": "m"},
                    "priority": place + 1,
                }
                for place, address in enumerate(addresses)
            ]
            + [
                {"name": "openai", "api_key": "sk-of-tests", "base_url": f"{addresses[0]}/v1"},
            ],
            "routes": [{"media": "text", "providers": ["local", "local1"][: len(addresses)]}],
            "aliases": {"anybody": {"media": "text"}},
            "retry": {"max_attempts": 1},
            **further,
        }
    )


def asked(running: Running, path: str, *, model: str = "local/m", **more: Any) -> httpx.Response:
    """A question in one of three languages."""
    key = running.key()[1] if path == FAST else None
    path, body = question(path, model)
    with running.caller(key) as caller:
        if key is not None:
            assert caller.get("/v1/models").status_code == 200  # now the key is known
        return caller.post(path, json=body | more)


def question(path: str, model: str) -> tuple[str, dict[str, Any]]:
    """Where it goes, and what it says."""
    said = {"messages": [{"role": "user", "content": "Hi"}]}
    if path in {SHORT, FAST}:
        return CHAT, {"model": "openai/gpt-4o-mini", **said}
    if path == MESSAGES:
        return path, {"model": model, "max_tokens": 99, **said}
    return path, {"model": model, **(said if path == CHAT else {"prompt": "Hi"})}


def words_of(path: str, answer: httpx.Response) -> str:
    """The one sentence of a failure, where its dialect has it."""
    said = answer.json()
    if path == OURS:
        assert answer.headers["content-type"] == "application/problem+json"
        assert said["status"] == answer.status_code
        return str(said["detail"])
    assert (said.get("type") == "error") is (path == MESSAGES)
    return str(said["error"]["message"])


def rows(data: Path) -> list[SimpleNamespace]:
    """The ledger of a gateway that has ended."""

    async def entered() -> None:
        database = database_at(data, None)
        await take_in(database, data / "journal")
        await database.close()

    asyncio.run(entered())
    with closing(sqlite3.connect(data / "anymedia.db")) as database:
        database.row_factory = sqlite3.Row
        found = database.execute("SELECT * FROM ledger ORDER BY row").fetchall()
    return [SimpleNamespace(**one) for one in map(dict, found)]


def endless(connection: socket.socket) -> None:
    """A body that says nothing of its length, and does not end."""
    connection.sendall(f"HTTP/1.1 200 OK\r\n{JSON}\r\nConnection: close\r\n\r\n".encode())
    while True:
        connection.sendall(b" " * 65536)


def endless_head(connection: socket.socket) -> None:
    """Headers that do not end."""
    connection.sendall(b"HTTP/1.1 200 OK\r\n")
    while True:
        connection.sendall(b"X-A: " + b"a" * 8000 + b"\r\n")


def silent(connection: socket.socket) -> None:
    """Nothing, until the other side has had enough."""
    connection.recv(1)


BAD: dict[str, tuple[Behaviour, set[int], str]] = {
    "hangs up at once": (saying(), {502, 503}, "connection broke"),
    "resets": (resetting, {502, 503}, "connection broke"),
    "hangs up in the middle": (
        saying(response(ANSWER[:30], JSON, length=len(ANSWER))),
        {502, 503},
        "connection broke",
    ),
    "is longer than it says": (saying(response(ANSWER, JSON, length=30)), {502}, ""),
    "a page that says it is broken": (
        saying(response(PAGE, "Content-Type: text/html", status="502 Bad Gateway")),
        {502, 503},
        "",
    ),
    "a page that says all is well": (
        saying(response(PAGE, "Content-Type: text/html")),
        {502},
        "",
    ),
    "an error that says all is well": (
        saying(response(b'{"error": {"message": "no GPU is free", "code": 500}}', JSON)),
        {502, 503},
        "",
    ),
    "half of a document": (saying(response(ANSWER[:80], JSON)), {502}, ""),
    "nothing": (saying(response(b"", JSON)), {502}, ""),
    "no HTTP": (saying(b"SSH-2.0-OpenSSH_9.9\r\n"), {502, 503}, ""),
    "somewhere else": (
        saying(response(b"", "Location: https://evil.example/v1", status="307 Elsewhere")),
        {502},
        "redirected",
    ),
    "no end": (endless, {502}, "larger than"),
    "no end of headers": (endless_head, {502, 503}, ""),
    "silence": (silent, {504}, "timed out"),
}


@pytest.mark.parametrize("path", ALL)
@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_one_clear_error(tmp_path: Path, name: str, path: str) -> None:
    """In the caller's dialect; and the ledger says that it may have been charged."""
    behave, statuses, words = BAD[name]
    with upstream(behave) as server:
        said = settings_for(
            server.url, path=path, max_response_bytes=200_000, timeouts={"total_seconds": 2}
        )
        with serving(tmp_path, said) as running:
            answer = asked(running, path)
            assert answer.status_code in statuses | BUSY.get(path, set()), answer.text
            told = words_of(path, answer)
            assert words in told
            assert "evil" not in told or name == "somewhere else"
            assert "<h1>" not in told
    (row,) = rows(tmp_path)
    assert row.outcome == "failed"
    assert row.maybe_billed == (name != "somewhere else")


@pytest.mark.parametrize("path", ALL)
def test_a_provider_that_is_not_there_has_charged_nothing(tmp_path: Path, path: str) -> None:
    """Nobody was connected to."""
    with serving(tmp_path, settings_for(f"http://127.0.0.1:{free_port()}", path=path)) as running:
        answer = asked(running, path)
        assert answer.status_code in {502, 503}
        assert "could not connect" in words_of(path, answer)
    (row,) = rows(tmp_path)
    assert (row.outcome, row.maybe_billed, row.amount) == ("failed", False, 0)


@pytest.mark.parametrize("path", ALL)
def test_a_provider_whose_tls_is_none_is_sent_nothing(tmp_path: Path, path: str) -> None:
    """What answers is no TLS, or not theirs."""
    with upstream(silent, greeting=response(b"{}")) as server:
        said = settings_for(server.url.replace("http:", "https:"), path=path)
        with serving(tmp_path, said) as running:
            answer = asked(running, path)
            assert answer.status_code in {502, 503}
            assert "could not connect" in words_of(path, answer)
        assert not server.heard
    (row,) = rows(tmp_path)
    assert (row.outcome, row.maybe_billed) == ("failed", False)


# --- streams --------------------------------------------------------------------------------


def chunk(data: bytes) -> bytes:
    """One piece of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)


SAID = chunk(
    b'data: {"id": "c", "model": "m", "choices": [{"index": 0, "delta": {"content": "and "}}]}\n\n'
)


def begun_then(behave: Behaviour) -> Behaviour:
    """The first words, and then something else."""

    def both(connection: socket.socket) -> None:
        connection.sendall(EVENTS + SAID)
        behave(connection)

    return both


LATE: dict[str, Behaviour] = {
    "hangs up": saying(EVENTS + SAID),
    "resets": begun_then(resetting),
    "ends without an end": saying(EVENTS + SAID + b"0\r\n\r\n"),
    "says that it fails": saying(
        EVENTS + SAID + chunk(b'data: {"error": {"message": "no GPU is free"}}\n\n') + b"0\r\n\r\n"
    ),
    "talks nonsense": saying(EVENTS + SAID + chunk(b"data: <html>\n\n") + b"0\r\n\r\n"),
    "falls silent": begun_then(silent),
}


@pytest.mark.parametrize("path", ALL[:3])
@pytest.mark.parametrize("name", LATE)
def test_a_stream_that_breaks_off_says_so_in_the_stream(
    tmp_path: Path, name: str, path: str
) -> None:
    """After the words that were heard: in the dialect's form, without the sign of a good end."""
    with upstream(LATE[name]) as server:
        said = settings_for(server.url, timeouts={"read_seconds": 0.5})
        with serving(tmp_path, said) as running:
            answer = asked(running, path, stream=True)
            if path == SHORT and answer.status_code == 502:
                assert words_of(path, answer)  # words and failure came at once: none was said
                return
            assert answer.status_code == 200
            assert "and " in answer.text
            assert "error" in answer.text.rpartition("and ")[2]
            assert "data: [DONE]" not in answer.text
            assert "message_stop" not in answer.text
    (row,) = rows(tmp_path)
    assert (row.outcome, row.maybe_billed) == ("failed", True)


@pytest.mark.parametrize("path", ALL[:3])
@pytest.mark.parametrize("name", ["a page that says all is well", "hangs up at once", "silence"])
def test_a_stream_that_does_not_begin_is_an_error_with_its_status(
    tmp_path: Path, name: str, path: str
) -> None:
    """Nothing was said, so the head can still tell."""
    with upstream(BAD[name][0]) as server:
        said = settings_for(server.url, timeouts={"read_seconds": 0.5})
        with serving(tmp_path, said) as running:
            answer = asked(running, path, stream=True)
            assert answer.status_code in BAD[name][1] | BUSY.get(path, set())
            assert words_of(path, answer)
    (row,) = rows(tmp_path)
    assert (row.outcome, row.maybe_billed) == ("failed", True)


# --- whoever hangs up -----------------------------------------------------------------------


class Slow:
    """A provider that answers when it is told to."""

    def __init__(self, *then: bytes) -> None:
        self.asked = threading.Event()
        self.may = threading.Event()
        self.done = threading.Event()
        self._then = then

    def __call__(self, connection: socket.socket) -> None:
        """Wait, and answer."""
        self.asked.set()
        assert self.may.wait(30)
        saying(*self._then)(connection)
        self.done.set()


def hang_up(running: Running, path: str, slow: Slow, model: str = "local/m") -> None:
    """Ask, and be gone once the provider has heard it; the gateway knows it by then."""
    where = urlsplit(running.url)
    path, body = question(path, model)
    request = httpx.Request("POST", f"{running.url}{path}", json=body)
    head = b"".join(b"%b: %b\r\n" % one for one in request.headers.raw)
    with socket.create_connection((where.hostname, where.port), timeout=20) as connection:
        connection.sendall(b"POST %b HTTP/1.1\r\n%b\r\n" % (path.encode(), head))
        connection.sendall(request.content)
        assert slow.asked.wait(20)
    with running.caller() as caller:
        assert caller.get("/livez").status_code == 200


def test_what_cannot_be_stopped_is_waited_for_and_its_cost_is_known(tmp_path: Path) -> None:
    """The provider goes on working, and charges; the ledger has what it used."""
    slow = Slow(response(ANSWER, JSON))
    with upstream(slow) as server, serving(tmp_path, settings_for(server.url)) as running:
        hang_up(running, MESSAGES, slow)
        slow.may.set()
        assert slow.done.wait(20)
    (row,) = rows(tmp_path)
    assert (row.outcome, row.maybe_billed) == ("succeeded", False)
    assert json.loads(row.usage)["output_tokens"] == 3


def test_what_can_be_stopped_is_stopped(tmp_path: Path) -> None:
    """The provider is hung up on, and may charge all the same."""
    slow = Slow(response(ANSWER, JSON))
    ended = threading.Event()

    def behave(connection: socket.socket) -> None:
        slow.asked.set()
        if not connection.recv(1):
            ended.set()

    with upstream(behave) as server, serving(tmp_path, settings_for(server.url)) as running:
        hang_up(running, SHORT, slow)
        assert ended.wait(20)
    (row,) = rows(tmp_path)
    assert (row.outcome, row.maybe_billed) == ("cancelled", True)


@pytest.mark.parametrize("path", [MESSAGES, OURS])
@pytest.mark.parametrize("gone", [True, False])
def test_nobody_else_is_asked_for_somebody_who_has_gone(
    tmp_path: Path, gone: bool, path: str
) -> None:
    """What fails after they have hung up has failed; while they wait, another is asked."""
    slow = Slow(response(b"{}", JSON, status="503 Unavailable"))
    with (
        upstream(slow) as first,
        upstream(saying(response(ANSWER, JSON))) as second,
        serving(tmp_path, settings_for(first.url, second.url)) as running,
    ):
        if gone:
            hang_up(running, path, slow, model="anybody")
            slow.may.set()
            assert slow.done.wait(20)
        else:
            slow.may.set()
            assert asked(running, path, model="anybody").status_code == 200
    assert len(second.heard) == (0 if gone else 1)
    assert [row.outcome for row in rows(tmp_path)] == (
        ["failed"] if gone else ["failed", "succeeded"]
    )
