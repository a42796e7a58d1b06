"""Exchanges: one conversation with a provider, as a generator.

`response = yield request` means "please send this". Whoever drives the generator owns the
network, the clock and the retries; an exchange owns none of them, so a test can drive it with
written answers.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import TypeAlias, TypeVar

from anymedia.contracts.errors import GenerationError
from anymedia.wire.http import HttpRequest, HttpResponse

T = TypeVar("T")
Exchange: TypeAlias = Generator[HttpRequest, HttpResponse, T]
Explain: TypeAlias = Callable[[HttpResponse], GenerationError]


def step(
    exchange: Exchange[T], request: HttpRequest, response: HttpResponse, explain: Explain
) -> HttpRequest:
    """Give `response` to an exchange that asked for `request`; the next request it wants.

    A status from 400 up that the request does not `allow` goes in as the error it stands for,
    at the `yield`, so that an adapter may catch what it expects. `StopIteration` ends it.
    """
    if response.status >= 400 and response.status not in request.allow:
        return exchange.throw(explain(response))
    return exchange.send(response)


def replay(
    exchange: Exchange[T], *responses: HttpResponse, explain: Explain
) -> tuple[list[HttpRequest], T]:
    """Drive an exchange with written answers: what it sent, and what it returned."""
    sent: list[HttpRequest] = []
    answers = iter(responses)
    try:
        request = next(exchange)
        while True:
            sent.append(request)
            answer = next(answers, None)
            if answer is None:
                raise AssertionError(f"no answer was written for request {len(sent)}: {request}")
            request = step(exchange, request, answer, explain)
    except StopIteration as stop:
        left = len(list(answers))
        if left:
            raise AssertionError(f"{left} written answers were not asked for") from None
        return sent, stop.value
