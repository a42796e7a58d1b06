"""Exchanges are driven with written answers, and errors arrive where they can be caught."""

from __future__ import annotations

import pytest

from anymedia.contracts.errors import NotFound, ProviderUnavailable, RequestRejected
from anymedia.providers.explain import ErrorTable
from anymedia.wire.exchange import Exchange, replay, step
from anymedia.wire.http import HttpResponse, get, post

EXPLAIN = ErrorTable()


def conversation() -> Exchange[str]:
    """Asks for an id, then for the thing; a missing thing is made."""
    first = yield post("/things", json={})
    name = first.content.decode()
    try:
        second = yield get(f"/things/{name}")
    except RequestRejected:
        second = yield post(f"/things/{name}")
    return second.content.decode()


def looking() -> Exchange[int]:
    """Wants to see a 404 itself."""
    response = yield get("/thing", allow=frozenset({404}))
    return response.status


def test_every_yield_is_a_request_and_gets_its_answer() -> None:
    """What was sent, and what came of it."""
    sent, result = replay(
        conversation(), HttpResponse(200, b"a"), HttpResponse(200, b"fox"), explain=EXPLAIN
    )

    assert [(request.method, request.path) for request in sent] == [
        ("POST", "/things"),
        ("GET", "/things/a"),
    ]
    assert result == "fox"


def test_a_failure_arrives_at_the_yield_that_asked() -> None:
    """Where the adapter can catch what it expects."""
    sent, result = replay(
        conversation(),
        HttpResponse(200, b"a"),
        HttpResponse(404),
        HttpResponse(201, b"new"),
        explain=EXPLAIN,
    )

    assert len(sent) == 3
    assert result == "new"


def test_a_failure_that_nobody_expects_ends_the_exchange() -> None:
    """As the error that it stands for."""
    with pytest.raises(ProviderUnavailable):
        replay(conversation(), HttpResponse(503), explain=EXPLAIN)


def test_an_allowed_status_is_an_answer() -> None:
    """Others are still failures."""
    assert replay(looking(), HttpResponse(404), explain=EXPLAIN)[1] == 404
    with pytest.raises(RequestRejected):
        replay(looking(), HttpResponse(410), explain=EXPLAIN)


@pytest.mark.parametrize(
    ("status", "fails"), [(200, False), (302, False), (399, False), (400, True)]
)
def test_failures_begin_at_400(status: int, fails: bool) -> None:
    """What is below is the adapter's to judge."""
    explained: list[int] = []

    def explain(response: HttpResponse) -> NotFound:
        explained.append(response.status)
        return NotFound("gone")

    exchange = looking()
    request = next(exchange)
    with pytest.raises(NotFound if fails else StopIteration):
        step(exchange, request, HttpResponse(status), explain)
    assert bool(explained) is fails


def test_a_replay_wants_exactly_the_answers_that_are_asked_for() -> None:
    """So that a test cannot pass by accident."""
    with pytest.raises(AssertionError, match="no answer was written for request 2"):
        replay(conversation(), HttpResponse(200, b"a"), explain=EXPLAIN)
    with pytest.raises(AssertionError, match="1 written answers were not asked for"):
        replay(looking(), HttpResponse(200), HttpResponse(200), explain=EXPLAIN)
