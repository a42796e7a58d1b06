"""More than can be done is refused at once, in few words, while what was let in goes on."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from anymedia.contracts.configuration import Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.gateway.overload import FEW, STRIKE_SECONDS, Load
from anymedia.gateway.serving import MOST_UNSENT_BYTES, NOTSENT_LOWAT, Address, listening
from tests.gateway.serving import Running, serving, settings
from tests.gateway.test_upstreams import ANSWER, EVENTS, JSON, SAID, settings_for
from tests.support.rawserver import response, saying, serving as upstream

COUNT = "anymedia_http_requests_total{"
PATHS = ("/v1/chat/completions", "/v1/messages", "/api/ai/text")
TEXT: dict[str, Any] = {
    "model": "openai/gpt-4o-mini",
    "messages": [{"role": "user", "content": "Hi"}],
    "max_tokens": 9,
}


class Held:
    """A provider that has heard, and answers when it is told to."""

    def __init__(self) -> None:
        self.heard = threading.Semaphore(0)
        self.may = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        """Wait, and answer."""
        self.heard.release()
        assert self.may.wait(60)
        saying(response(ANSWER, JSON), then_close=False)(connection)

    def wait_for(self, many: int) -> None:
        """Until so many have been heard."""
        for _ in range(many):
            assert self.heard.acquire(timeout=30)


def limited(*addresses: str, **gateway: Any) -> Settings:
    """A gateway that takes little."""
    said = settings_for(*addresses)
    return said.model_copy(update={"gateway": GatewaySettings.model_validate(gateway)})


def asks(running: Running, path: str = PATHS[0], **more: Any) -> httpx.Response:
    """A question."""
    body = {"model": "openai/gpt-4o-mini", "prompt": "Hi"} if path == PATHS[2] else TEXT
    with running.caller() as caller:
        return caller.post(path, json=body | more)


@dataclass
class Occupied:
    """A gateway that has as much to do as it takes."""

    running: Running
    held: Held
    under_way: list[Future[httpx.Response]]
    heard: list[Any]
    """By the provider."""

    def over(self) -> list[int]:
        """Let all of them be answered; their statuses."""
        self.held.may.set()
        return [one.result(30).status_code for one in self.under_way]


@contextmanager
def occupied(directory: Path, many: int) -> Iterator[Occupied]:
    """So many are under way, and no more are taken."""
    held = Held()
    with (
        upstream(held) as server,
        serving(directory, limited(server.url, max_concurrent=many)) as running,
        ThreadPoolExecutor(many) as callers,
    ):
        under_way = [callers.submit(asks, running) for _ in range(many)]
        try:
            held.wait_for(many)
            yield Occupied(running, held, under_way, server.heard)
        finally:
            held.may.set()


def test_what_is_too_much_is_refused_while_the_rest_is_under_way(tmp_path: Path) -> None:
    """None of the refused waits for one of those, and no provider hears of it."""
    with occupied(tmp_path, 5) as busy:
        running = busy.running
        for path in PATHS * 3:
            refused = asks(running, path)
            assert refused.status_code == 503, refused.text
            assert 1 <= int(refused.headers["retry-after"]) <= 3
            assert "too many requests are under way" in refused.text
            assert ("detail" in refused.json()) is (path == PATHS[2])
            assert (refused.json().get("type") == "error") is (path == PATHS[1])
        with running.caller() as caller:
            assert caller.get("/api/jobs").status_code == 503
            for path in ("/livez", "/readyz", "/health", "/api/health"):
                assert caller.get(path).status_code == 200
            assert 'status="503"' in caller.get("/metrics").text
        assert len(busy.heard) == 5
        assert not any(one.done() for one in busy.under_way)
        assert busy.over() == [200] * 5
        assert asks(running).status_code == 200


@pytest.mark.parametrize("path", PATHS)
def test_many_who_are_refused_are_told_the_same(tmp_path: Path, path: str) -> None:
    """Each with an id of its own or of ours, by heads that are read and by heads that are known."""
    body = {"model": "openai/gpt-4o-mini", "prompt": "Hi"} if path == PATHS[2] else TEXT
    with occupied(tmp_path, 1) as busy, busy.running.caller() as caller:
        told = [caller.post(path, json=body) for _ in range(5)]
        told += [caller.post(path, json=body, headers={"X-Request-Id": "me"}) for _ in range(3)]
        names = [one.headers["x-request-id"] for one in told]
        assert names[5:] == ["me"] * 3
        assert len({*names}) == 6
        assert {one.status_code for one in told} == {503}
        assert {tuple(sorted(one.headers)) for one in told} == {tuple(sorted(told[0].headers))}
        assert {one.headers["x-content-type-options"] for one in told} == {"nosniff"}
        waits = {"retry_after": None, "request_id": None}
        assert len({str(one.json() | waits) for one in told}) == 1
        if path != PATHS[0]:
            assert [one.json()["request_id"] for one in told] == names
        assert busy.over() == [200]
        counted = caller.get("/metrics").text.splitlines()
        (refused,) = [one for one in counted if one.startswith(COUNT) and 'status="503"' in one]
        assert refused.endswith(" 8.0")


def test_a_refused_request_leaves_its_connection_usable(tmp_path: Path) -> None:
    """Its body goes nowhere, and the next one is understood."""
    with occupied(tmp_path, 1) as busy, busy.running.caller() as caller:
        for _ in range(3):
            assert caller.post(PATHS[0], json=TEXT).status_code == 503
        assert busy.over() == [200]
        assert caller.post(PATHS[0], json=TEXT).status_code == 200


def test_streams_are_fewer_than_requests(tmp_path: Path) -> None:
    """So that those who read slowly do not keep everybody out."""
    over = threading.Event()

    def talk(connection: socket.socket) -> None:
        connection.sendall(EVENTS + SAID)
        over.wait(60)

    with (
        upstream(talk) as server,
        serving(tmp_path, limited(server.url, max_streams=1)) as running,
        running.caller() as caller,
    ):
        with caller.stream("POST", PATHS[0], json={**TEXT, "stream": True}) as answer:
            words = answer.iter_lines()
            assert next(words)
            for path in PATHS[:2]:
                refused = asks(running, path, stream=True)
                assert refused.status_code == 503
                assert "too many streams are open" in refused.text
                assert "retry-after" in refused.headers
            with running.caller() as other:
                assert other.get("/api/jobs").status_code == 200
            over.set()
        assert len(server.heard) == 1


# --- how late it is -------------------------------------------------------------------------


class Watch:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """What time it is."""
        return self.now


def lateness(*seconds: float, under_way: int = 0, **said: Any) -> tuple[Load, Watch]:
    """A load whose clock has struck so late, time after time, and the clock.

    Before each stroke one more came, to so many who were under way.
    """
    watch = Watch()

    async def struck() -> Load:
        load = Load(
            lambda: GatewaySettings.model_validate({"max_delay_seconds": 0.25, **said}), now=watch
        )
        load.begin()
        for late in seconds:
            load.full("/api/ai/text", under_way)
            watch.now += STRIKE_SECONDS + late
            load.strike()
        return load

    return asyncio.run(struck()), watch


def lets_in(load: tuple[Load, Watch]) -> int:
    """How many may be under way for another one to be let in."""
    return next(many for many in range(100_000) if refuses(load, under_way=many))


def refuses(load: tuple[Load, Watch], *, since: float = 0.0, under_way: int = FEW) -> bool:
    """Whether it refuses, so long after its last stroke."""
    load[1].now += since
    return load[0].full("/api/ai/text", under_way) is not None


def test_a_process_that_is_late_again_and_again_refuses() -> None:
    """Until its clock strikes in time; one pause is none of that, unless it is very long."""
    assert not refuses(lateness(0.2, 0.2, 0.2, 0.2))
    assert not refuses(lateness(0.9))
    assert not refuses(lateness(0.9, 0.0, 0.9))
    assert refuses(lateness(0.3, 0.3))
    assert not refuses(lateness(0.3, 0.3, 0.0))
    assert not refuses(lateness(), since=STRIKE_SECONDS + 0.9)
    assert refuses(lateness(), since=STRIKE_SECONDS + 1.1)


def test_the_later_it_is_the_fewer_are_let_in() -> None:
    """Not after one pause; by no more than is needed; and never so few that it could not be their fault."""
    assert lets_in(lateness(0.06, under_way=1000)) == 4000
    assert lets_in(lateness(0.05, 0.05, under_way=1000)) == 800
    assert lets_in(lateness(0.2, 0.2, under_way=1000)) == 400
    assert lets_in(lateness(0.2, 0.2, 0.2, under_way=30)) == FEW
    assert lets_in(lateness(0.03, 0.03, 0.03, under_way=1000)) == 4000
    assert lets_in(lateness(0.2, 0.2, 0.2, under_way=FEW - 1)) == 4000


def test_one_long_pause_is_enough_where_many_are_under_way() -> None:
    """They have waited for each other."""
    assert lets_in(lateness(0.5, under_way=1000)) == 400
    assert lets_in(lateness(0.5, under_way=100)) == 4000


def test_more_are_let_in_when_it_is_in_time() -> None:
    """Step by step, up to what is configured; neither more nor fewer while it is just so."""
    late = (0.2, 0.2)
    after = [lets_in(lateness(*late, *[0.0] * many, under_way=1000)) for many in range(25)]
    assert after == sorted(after)
    assert after[0] == 400
    assert 440 < after[1] < 480
    assert after[-1] == 4000
    assert lets_in(lateness(*late, 0.02, 0.02, 0.02, under_way=1000)) == 400


def test_many_at_one_moment_are_seen_to_before_others_are_let_in() -> None:
    """A round of the loop is as long as what it has to do, and the clock strikes after it."""
    for many, since, refused in ((1000, 0.02, True), (999, 0.02, False), (1000, 0.005, False)):
        load = lateness(0.0)
        assert not any(refuses(load, under_way=FEW + one) for one in range(many))
        assert refuses(load, since=STRIKE_SECONDS + since, under_way=300) is refused


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/health", "/api/health", "/metrics"])
def test_how_it_is_can_always_be_asked(path: str) -> None:
    """However late, however full."""
    assert lateness(9.0, 9.0)[0].full(path, 1_000_000) is None


def test_few_requests_are_never_too_many() -> None:
    """It is late because of something else then."""
    assert not refuses(lateness(9.0, 9.0), under_way=FEW - 1)


def test_being_late_can_be_allowed() -> None:
    """With 0 nobody looks."""
    assert not refuses(lateness(9.0, 9.0, max_delay_seconds=0))


# --- who reads slowly -----------------------------------------------------------------------


class Spring:
    """A provider that talks as long as somebody listens, and counts."""

    def __init__(self) -> None:
        self.sent = 0
        self.stuck = threading.Event()
        self.ended = threading.Event()

    def __call__(self, connection: socket.socket) -> None:
        """Talk; being stuck is not getting rid of anything for a second."""
        connection.settimeout(1.0)
        words = SAID * 100
        connection.sendall(EVENTS)
        try:
            while True:
                try:
                    connection.sendall(words)
                except TimeoutError:
                    self.stuck.set()
                    connection.settimeout(None)
                    connection.recv(1)
                    return
                self.sent += len(words)
        except OSError:
            pass
        finally:
            self.ended.set()


def asking_and_not_reading(running: Running, path: str) -> socket.socket:
    """A caller with small buffers who asks for a stream, and looks away."""
    where = urlsplit(running.url)
    request = httpx.Request("POST", f"{running.url}{path}", json={**TEXT, "stream": True})
    head = b"".join(b"%b: %b\r\n" % one for one in request.headers.raw)
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect((where.hostname, where.port))
    connection.sendall(b"POST %b HTTP/1.1\r\n%b\r\n" % (path.encode(), head) + request.content)
    return connection


def read_to_the_end(connection: socket.socket) -> bytes:
    """The last of what still comes."""
    found = b""
    with suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            found = found[-10:] + piece
    return found


@pytest.mark.parametrize("path", PATHS[:2])
def test_who_does_not_read_makes_the_provider_wait(tmp_path: Path, path: str) -> None:
    """Nothing piles up here: what is neither here nor there lies in the buffers of sockets."""
    spring = Spring()
    with (
        upstream(spring) as server,
        serving(tmp_path, limited(server.url)) as running,
        asking_and_not_reading(running, path),
    ):
        assert spring.stuck.wait(60)
        assert spring.sent < 32 * 1024 * 1024
        with running.caller() as caller:
            assert caller.get("/livez").status_code == 200
    assert spring.ended.wait(20)


def test_who_reads_nothing_for_long_is_hung_up_on(tmp_path: Path) -> None:
    """And so is the provider."""
    spring = Spring()
    with (
        upstream(spring) as server,
        serving(tmp_path, limited(server.url, send_seconds=0.3)) as running,
        asking_and_not_reading(running, PATHS[0]) as connection,
    ):
        assert spring.ended.wait(60)
        assert not read_to_the_end(connection).endswith(b"0\r\n\r\n")


def test_a_body_that_dribbles_keeps_nobody_waiting(tmp_path: Path) -> None:
    """It has its time, and the others have theirs."""
    with serving(tmp_path, settings(body_seconds=0.5, max_concurrent=100)) as running:
        where = urlsplit(running.url)
        slow = [socket.create_connection((where.hostname, where.port)) for _ in range(50)]
        head = (
            b"POST /api/ai/text HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        )
        for one in slow:
            one.sendall(head + b"Content-Length: 1000\r\n\r\n{")
        with running.caller() as caller:
            assert caller.post("/api/ai/text", json={"prompt": "hi"}).status_code == 200
        for one in slow:
            with one:
                assert one.recv(65536).startswith(b"HTTP/1.1 408 ")


def test_the_kernel_keeps_little_of_what_nobody_reads() -> None:
    """Connections take this from their listener; by default it would be 4 MB for each."""
    listener = listening(Address(host="127.0.0.1", port=0))
    with listener:
        if NOTSENT_LOWAT is None:
            pytest.skip("this system has no such option")
        assert listener.getsockopt(socket.IPPROTO_TCP, NOTSENT_LOWAT) == MOST_UNSENT_BYTES
