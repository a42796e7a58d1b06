"""Whatever a stranger sends is answered, in our form, and never with a fault of ours."""

from __future__ import annotations

import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest

from tests.gateway.serving import Running, serving, settings

JSON = {"Content-Type": "application/json"}
POSTS = ("/api/generate", "/api/ai/text", "/api/ai/video", "/api/estimate", "/api/keys")
BODIES: dict[str, bytes] = {
    "nothing": b"",
    "half": b'{"prompt": "hi"',
    "words": b"hello",
    "a number": b"7",
    "a list": b"[]",
    "null": b"null",
    "invalid UTF-8": b'{"prompt": "\xff\xfe"}',
    "half a character": b'{"prompt": "\\ud800"}',
    "NaN": b'{"prompt": NaN}',
    "an endless number": b'{"prompt": "x", "seed": 1e999}',
    "a huge number": b'{"prompt": "x", "seed": ' + b"9" * 5000 + b"}",
    "very deep": b'{"prompt": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
    "rather deep": b'{"metadata": ' + b'{"a":' * 150 + b"1" + b"}" * 150 + b"}",
    "wrong types": b'{"prompt": {"a": [1]}, "metadata": 7, "tags": {}, "timeout": "soon"}',
    "no such field": b'{"prompt": "x", "colour": "red"}',
    "a NUL": b'{"prompt": "x", "model": "a\\u0000b"}',
    "a broken data URI": b'{"prompt": "x", "image": "data:image/png;base64,%%%"}',
    "a wrong media type": b'{"media_type": "smell", "prompt": "x"}',
}


def is_problem(answer: httpx.Response) -> bool:
    """Whether it is a refusal in our form."""
    if not 400 <= answer.status_code < 500:
        return False
    said = answer.json()
    if "schema_version" in said:
        return bool(said["status"] == "failed")
    told = said["status"] == answer.status_code and said["detail"]
    whose = said["request_id"] == answer.headers["x-request-id"]
    return bool(told and whose and answer.headers["content-type"] == "application/problem+json")


@pytest.mark.parametrize("name", BODIES)
def test_a_body_that_makes_no_sense_is_refused(anyone: httpx.Client, name: str) -> None:
    """Everywhere a body is taken."""
    for path in POSTS:
        answer = anyone.post(path, content=BODIES[name], headers=JSON)
        assert is_problem(answer), (path, answer.status_code, answer.text[:300])


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/nowhere", 404),
        ("GET", "/api", 404),
        ("PUT", "/api/generate", 405),
        ("GET", "/api/ai/text", 405),
        ("POST", "/api/ai/smell", 404),
        ("DELETE", "/health", 405),
        ("GET", "/api/jobs/../../etc/passwd", 404),
        ("GET", "/api/artifacts/..%2f..%2fanymedia.db", 404),
        ("GET", "/api/artifacts/%00", 404),
        ("GET", "/api/jobs/%ff%fe", 404),
        ("GET", "/api/jobs?limit=0", 400),
        ("GET", "/api/jobs?limit=many", 400),
        ("GET", "/api/jobs?status=sleeping", 400),
        ("GET", "/api/costs?since=yesterday", 400),
        ("GET", "/api/costs?by=colour", 400),
        ("GET", "/api/keys/none", 404),
        ("DELETE", "/api/providers/none", 404),
        ("PUT", "/api/providers/UPPER", 400),
        ("POST", "/webhooks/echo/no-such-token", 404),
        ("POST", "/webhooks/echo", 401),
        ("PROPFIND", "/api/jobs", 405),
    ],
)
def test_what_there_is_not_is_said(
    anyone: httpx.Client, method: str, path: str, status: int
) -> None:
    """Paths, methods, parameters, ids."""
    answer = anyone.request(method, path)
    assert answer.status_code == status
    assert is_problem(answer)


def test_an_unknown_path_of_a_dialect_is_said_in_the_dialect(anyone: httpx.Client) -> None:
    """Its clients show the message that they find where they look for it."""
    assert anyone.get("/v1/nothing").json()["error"]["message"]
    wrong = anyone.get("/v1/messages")
    assert wrong.status_code == 405
    assert wrong.json()["type"] == "error"


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_bodies_are_json(anyone: httpx.Client, kind: str | None) -> None:
    """Pages of other origins can send the other kinds without asking."""
    headers = {} if kind is None else {"Content-Type": kind}
    answer = anyone.post("/api/ai/text", content=b'{"prompt": "hi"}', headers=headers)
    assert answer.status_code == 415
    assert is_problem(answer)


@pytest.mark.parametrize("declared", [True, False])
def test_a_body_that_is_too_large_is_cut_off(anyone: httpx.Client, declared: bool) -> None:
    """Whether it says so itself or not."""
    body = b'{"prompt": "' + b"x" * 150_000 + b'"}'
    content = body if declared else iter([body[:50_000], body[50_000:]])
    answer = anyone.post("/api/ai/text", content=content, headers=JSON)
    assert answer.status_code == 413
    assert is_problem(answer)


def test_the_callers_own_request_id_is_kept_if_it_is_harmless(anyone: httpx.Client) -> None:
    """It ends up in logs and in answers."""
    kept = anyone.get("/livez", headers={"X-Request-ID": "trace-17:a"})
    assert kept.headers["x-request-id"] == "trace-17:a"
    for harmful in ("a b", "x" * 200, '"quoted"', "<script>"):
        answer = anyone.get("/livez", headers={"X-Request-ID": harmful})
        assert answer.headers["x-request-id"].startswith("req_")


def test_every_answer_is_safe_in_a_browser(anyone: httpx.Client) -> None:
    """Failures too."""
    for path in ("/", "/health", "/api/jobs", "/nowhere"):
        headers = anyone.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["content-security-policy"].startswith("default-src 'none'")
        assert headers["cache-control"] == "no-store"
        assert "server" not in headers


HEAD = b"POST /api/ai/text HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n"
NO_HTTP = {
    "noise after a request": b"GET /livez HTTP/1.1\r\n\r\n\x00\x01",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "two kinds of length": HEAD
    + b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /admin HTTP/1.1\r\n\r\n",
    "two lengths": HEAD + b"Content-Length: 50\r\n\r\nhello",
    "a folded header": b"GET /api/jobs HTTP/1.1\r\nHost: localhost\r\nX: a\r\n b\r\n\r\n",
    "no path": b"OPTIONS * HTTP/1.1\r\nHost: evil.example\r\n\r\n",
}


@pytest.mark.parametrize("sent", NO_HTTP.values(), ids=NO_HTTP)
def test_requests_that_are_no_http_do_no_harm(open_gateway: Running, sent: bytes) -> None:
    """Smuggling and noise end with a refusal or a closed connection; the next caller is served."""
    where = urlsplit(open_gateway.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        answer = b""
        while piece := connection.recv(65536):
            answer += piece
    assert not answer or answer.split(b" ")[1][:1] in {b"2", b"4"}
    assert b" 500 " not in answer
    with open_gateway.caller() as caller:
        assert caller.get("/livez").status_code == 200


def test_a_body_that_never_arrives_is_not_waited_for(tmp_path: Path) -> None:
    """`408` after `body_seconds`."""
    with serving(tmp_path, settings(body_seconds=0.2)) as running:
        where = urlsplit(running.url)
        with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
            connection.sendall(
                b"POST /api/ai/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json"
                b"\r\nContent-Length: 100\r\n\r\n{"
            )
            assert connection.recv(65536).startswith(b"HTTP/1.1 408 ")
