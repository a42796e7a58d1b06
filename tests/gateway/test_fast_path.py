"""Chats in front of the door: answered as behind it, counted as behind it, and led there when in doubt."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from anymedia.gateway.door import SAFE
from tests.gateway.serving import ADMIN, Running, serving
from tests.gateway.test_upstreams import ANSWER, CHAT, JSON, WORDS, rows, settings_for
from tests.gateway.test_wire import connected
from tests.support.rawserver import response, saying, serving as upstream

MODEL = "openai/gpt-4o-mini"
GOOD = response(ANSWER, JSON)
BEHIND = {"Origin": "https://somewhere.example"}
"""A header that somebody behind the door looks at."""


@contextmanager
def keyed(
    tmp_path: Path, answer: bytes, *, models: Sequence[str] = (), **gateway: Any
) -> Iterator[tuple[Running, str]]:
    """A gateway in front of a provider that always says the same, and a key that it knows."""
    with upstream(saying(answer, then_close=False)) as server:
        said = settings_for(
            server.url,
            gateway={"admin_key": ADMIN, **gateway},
            limits=[{"scope": "caller", "per_minute": 1000, "tokens_per_day": 1_000_000}],
        )
        with serving(tmp_path, said) as running:
            key = running.key(models=models)[1]
            with running.caller(key) as caller:
                assert caller.get("/v1/models").status_code == 200
            yield running, key


def chat(words: str = "Hi", **more: Any) -> dict[str, Any]:
    """A question."""
    return {"model": MODEL, "messages": [{"role": "user", "content": words}], **more}


def counted(running: Running) -> dict[str, float]:
    """Chats by their status, as Prometheus hears of them."""
    with running.caller(ADMIN) as admin:
        lines = admin.get("/metrics").text.splitlines()
    found = {}
    for line in lines:
        name, _, value = line.rpartition(" ")
        if name.startswith("anymedia_http_requests_total{") and CHAT in name:
            found[name.split('status="')[1][:3]] = float(value)
        if name == "anymedia_http_requests_under_way":
            found["under way"] = float(value)
    return found


def test_an_answer_is_the_same_in_front_and_behind(tmp_path: Path) -> None:
    """Body, headers, ledger and counters, whether the head is read or known already."""
    with keyed(tmp_path, GOOD) as (running, key):
        with running.caller(key) as caller:
            behind = caller.post(CHAT, json=chat(), headers=BEHIND)
            read = caller.post(CHAT, json=chat())
            known = [caller.post(CHAT, json=chat("Hello " * many)) for many in (1, 2, 400, 1)]
        for one in (behind, read, *known):
            assert one.status_code == 200
            assert one.json()["choices"] == WORDS["choices"]
            assert set(one.headers) == set(behind.headers)
            assert one.headers["anymedia-model"] == MODEL
            assert {name: one.headers[name.decode()] for name, _ in SAFE} == {
                name: value.decode() for name, value in SAFE
            }
        left = [
            int(one.headers["x-ratelimit-remaining-requests"]) for one in (behind, read, *known)
        ]
        assert left == [999, 998, 997, 996, 995, 994]
        names = {one.headers["x-request-id"] for one in (behind, read, *known)}
        assert len(names) == 6
        found = counted(running)
        assert (found["200"], found["under way"]) == (6, 1)
    assert [row.outcome for row in rows(tmp_path)] == ["succeeded"] * 6


def test_a_callers_own_id_is_kept(tmp_path: Path) -> None:
    """Where it is fit for logs; otherwise there is one of ours."""
    with (
        keyed(tmp_path, GOOD) as (running, key),
        running.caller(key) as caller,
    ):
        mine = caller.post(CHAT, json=chat(), headers={"X-Request-Id": "mine-7"})
        odd = caller.post(CHAT, json=chat(), headers={"X-Request-Id": "no, not at all"})
    assert mine.headers["x-request-id"] == "mine-7"
    assert odd.headers["x-request-id"].startswith("req_")


def test_a_failure_is_told_and_counted_once(tmp_path: Path) -> None:
    """By the door, as if it had been there all the time."""
    no = response(b'{"error": {"message": "no such thing"}}', JSON, status="400 Bad Request")
    with (
        keyed(tmp_path, no) as (running, key),
        running.caller(key) as caller,
    ):
        behind = caller.post(CHAT, json=chat(), headers=BEHIND)
        front = caller.post(CHAT, json=chat())
        assert (front.status_code, front.json()) == (behind.status_code, behind.json())
        assert set(front.headers) == set(behind.headers)
        assert counted(running) == {"200": 0, "400": 2, "under way": 1}
    assert [row.outcome for row in rows(tmp_path)] == ["failed", "failed"]


def test_another_try_is_made_by_the_long_way(tmp_path: Path) -> None:
    """Where the first may be repeated: one request, two attempts, one answer."""
    busy = response(b"{}", JSON, status="503 Busy")
    with upstream(saying(busy)) as first, upstream(saying(GOOD)) as second:
        said = settings_for(first.url, second.url, gateway={"admin_key": ADMIN})
        with serving(tmp_path, said) as running:
            with running.caller(running.key()[1]) as caller:
                assert caller.get("/v1/models").status_code == 200
                answer = caller.post(CHAT, json=chat() | {"model": "anybody"})
            assert answer.status_code == 200
            assert counted(running) == {"200": 1, "under way": 1}
    found = rows(tmp_path)
    assert [row.provider for row in found] == ["local", "local1"]
    assert [row.outcome for row in found] == ["failed", "succeeded"]
    assert len({row.request for row in found}) == 1


def test_a_key_may_no_more_in_front_than_behind(tmp_path: Path) -> None:
    """Its models and its media; and when it is gone, it is gone for known heads too."""
    with (
        keyed(tmp_path, GOOD, models=["local/*"]) as (running, key),
        running.caller(key) as caller,
    ):
        for _ in range(3):
            refused = caller.post(CHAT, json=chat())
            assert refused.status_code == 403
            assert "gpt-4o-mini" in refused.json()["error"]["message"]
    with keyed(tmp_path, GOOD) as (running, _):
        name, key = running.key()
        with running.caller(key) as caller, running.caller(ADMIN) as admin:
            for _ in range(3):
                assert caller.post(CHAT, json=chat()).status_code == 200
            assert admin.delete(f"/api/keys/{name}").status_code == 200
            assert caller.post(CHAT, json=chat()).status_code == 401


# --- heads that come again --------------------------------------------------------------------


def written(key: str, body: bytes, *lines: str, length: int | None = None) -> bytes:
    """A request as a client writes it."""
    head = [
        f"POST {CHAT} HTTP/1.1",
        "Host: localhost",
        f"Authorization: Bearer {key}",
        "Content-Type: application/json",
        f"Content-Length: {len(body) if length is None else length}",
        *lines,
    ]
    return "\r\n".join([*head, "", ""]).encode() + body


def heard(connection: socket.socket, many: int) -> list[int]:
    """The statuses of so many answers."""
    found: list[int] = []
    held = b""
    while len(found) < many:
        head, end, rest = held.partition(b"\r\n\r\n")
        said = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:])
        if end and len(rest) >= int(said[b"content-length"]):
            found.append(int(head.split()[1]))
            held = rest[int(said[b"content-length"]) :]
            continue
        more = connection.recv(65536)
        assert more, held
        held += more
    return found


@pytest.fixture
def asked(tmp_path: Path) -> Iterator[tuple[Running, socket.socket, str]]:
    """A connection on which one chat was answered, and its key."""
    with keyed(tmp_path, GOOD) as (running, key), connected(running) as connection:
        connection.sendall(written(key, json.dumps(chat()).encode()))
        assert heard(connection, 1) == [200]
        yield running, connection, key


BODY = json.dumps(chat("Once more")).encode()


def test_a_known_head_before_other_bodies(asked: tuple[Running, socket.socket, str]) -> None:
    """Longer, shorter, none, and no JSON."""
    _, connection, key = asked
    for body, status in ((BODY, 200), (b"{}", 400), (b"", 400), (b"[" * 9, 400), (BODY, 200)):
        connection.sendall(written(key, body))
        assert heard(connection, 1) == [status]


def test_a_known_head_and_a_body_in_pieces(
    asked: tuple[Running, socket.socket, str],
) -> None:
    """Wherever it is cut: in the head, in the length, between both, in the body."""
    running, connection, key = asked
    whole = written(key, BODY)
    length, body = whole.index(b"Content-Length: ") + 17, len(whole) - len(BODY)
    for cuts in ((1,), (length,), (body,), (body + 1,), (body, body + 5, len(whole) - 1)):
        for start, end in pairwise((0, *cuts, len(whole))):
            connection.sendall(whole[start:end])
            with running.caller() as other:
                assert other.get("/livez").status_code == 200  # it has been read by now
        assert heard(connection, 1) == [200]
    connection.sendall(whole[: body + 9])
    with running.caller() as other:
        assert other.get("/livez").status_code == 200
    connection.sendall(whole[body + 9 :] + whole + written(key, b"{}"))
    assert heard(connection, 3) == [200, 200, 400]


def test_a_body_that_does_not_come_is_not_waited_for_for_ever(tmp_path: Path) -> None:
    """Behind a known head either; and who hangs up meanwhile has asked nothing."""
    with (
        keyed(tmp_path, GOOD, body_seconds=0.2) as (running, key),
        connected(running) as connection,
    ):
        for _ in range(2):
            connection.sendall(written(key, BODY))
            assert heard(connection, 1) == [200]
        with connected(running) as other:
            other.sendall(written(key, BODY))
            assert heard(other, 1) == [200]
            other.sendall(written(key, BODY)[:-3])
        connection.sendall(written(key, BODY)[:-3])
        assert heard(connection, 1) == [408]
    assert len(rows(tmp_path)) == 3


def test_two_known_heads_at_once(asked: tuple[Running, socket.socket, str]) -> None:
    """Both are answered, and so is a third that comes while they are."""
    _, connection, key = asked
    connection.sendall(written(key, BODY) * 2)
    connection.sendall(written(key, BODY))
    assert heard(connection, 3) == [200, 200, 200]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        (lambda whole: whole.replace(b"Bearer am_", b"Bearer an_"), 401),
        (lambda whole: whole.replace(b"application/json", b"application/tiff"), 415),
        (lambda whole: whole.replace(b"/completions", b"/compositions"), 404),
        (lambda whole: whole.replace(b"Host: localhost", b"Host: evil@lost"), 400),
    ],
)
def test_a_head_that_is_nearly_known_is_another(
    asked: tuple[Running, socket.socket, str], change: Any, status: int
) -> None:
    """One word of it is enough."""
    _, connection, key = asked
    connection.sendall(change(written(key, BODY)))
    assert heard(connection, 1) == [status]


def test_a_length_that_is_none_is_refused(asked: tuple[Running, socket.socket, str]) -> None:
    """As strictly as ever."""
    _, connection, key = asked
    connection.sendall(written(key, BODY).replace(b"Content-Length: ", b"Content-Length: +"))
    assert heard(connection, 1) == [400]


def test_what_comes_after_a_body_is_no_part_of_it(
    asked: tuple[Running, socket.socket, str],
) -> None:
    """The request is answered, and the noise behind it is the end."""
    _, connection, key = asked
    connection.sendall(written(key, BODY + b" NOISE / HTTP/1.1\r\n\r\n", length=len(BODY)))
    assert heard(connection, 1) == [200]
    assert connection.recv(1) == b""


def test_all_that_came_before_noise_are_answered(
    asked: tuple[Running, socket.socket, str],
) -> None:
    """Also who had to wait for the one before; and then it is the end."""
    running, connection, key = asked
    for noise in (b"NOISE\r\n\r\n", b"GET /livez HTTP/1.1\r\n\r\n"):
        with connected(running) as other:
            other.sendall(written(key, BODY) * 3 + noise)
            assert heard(other, 3) == [200] * 3
            assert other.recv(1) == b""
    connection.sendall(written(key, BODY))
    assert heard(connection, 1) == [200]


def test_nobody_is_answered_twice(asked: tuple[Running, socket.socket, str]) -> None:
    """Whose request was answered before its body had come hears nothing of what is wrong with that."""
    _, connection, key = asked
    head = f"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nX-Api-Key: {key}\r\n"
    connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
    assert heard(connection, 1) == [404]
    connection.sendall(b"not a length\r\n")
    assert connection.recv(1) == b""


def test_a_head_is_not_known_by_what_came_before_it(
    asked: tuple[Running, socket.socket, str],
) -> None:
    """The rest of a body that nobody waited for looks like a head, and stands before one.

    Whoever took both for one head would take the next request's bytes for a body.
    """
    _, connection, key = asked
    lost = written(key, b"", length=len(BODY))
    whole = written(key, BODY)
    missing = f"POST /v1/nothing HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(lost)}\r\n\r\n"
    connection.sendall(
        missing.encode().replace(b"\r\n\r\n", b"\r\nX-Api-Key: " + key.encode() + b"\r\n\r\n")
    )
    assert heard(connection, 1) == [404]
    connection.sendall(lost + whole)
    assert heard(connection, 1) == [200]
    connection.sendall(written(key, whole))
    assert heard(connection, 1) == [400]


def test_what_was_sent_is_what_was_said(tmp_path: Path) -> None:
    """No body of one request is another's, however alike their heads are."""
    with upstream(saying(GOOD, then_close=False)) as server:
        said = settings_for(server.url, gateway={"admin_key": ADMIN})
        with serving(tmp_path, said) as running, running.caller(running.key()[1]) as caller:
            words = [f"number {number}" for number in range(20)]
            for one in words:
                assert caller.post(CHAT, json=chat(one)).status_code == 200
        found = [json.loads(one.partition(b"\r\n\r\n")[2]) for one in server.heard]
    assert [one["messages"][0]["content"] for one in found] == words
