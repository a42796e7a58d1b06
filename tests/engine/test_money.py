"""A paid request is sent again only when it was surely not taken on; over rows that survive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from pydantic import SecretStr

from anymedia.client import AsyncClient
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import GenerationError, OutcomeUnknown, RequestRejected
from anymedia.contracts.image import ImageRequest, ImageResult
from anymedia.contracts.request import RetryConfig
from anymedia.wire.http import HttpResponse
from tests.support.acme import ACME, BOLT
from tests.support.transport import Answer, ScriptedTransport, answer, cut, timed_out, unreachable

T = TypeVar("T")
PNG = b"\x89PNG\r\n\x1a\n" + bytes(40)
PICTURE = HttpResponse(200, PNG)


def client(directory: Path, transport: ScriptedTransport) -> AsyncClient:
    """A client of two providers that waits for nothing between tries."""
    made = AsyncClient(
        Settings(retry=RetryConfig(base_delay_seconds=0)),
        data_dir=directory,
        transport=transport,
        providers=(ACME, BOLT),
    )
    for position, name in enumerate(("acme", "bolt")):
        made.providers.register(
            ProviderSettings(name=name, api_key=SecretStr("k-12345678"), priority=position)
        )
    return made


def using(
    directory: Path,
    transport: ScriptedTransport,
    work: Callable[[AsyncClient], Coroutine[Any, Any, T]],
) -> T:
    """Do something with a client of its own."""

    async def working() -> T:
        async with client(directory, transport) as made:
            return await work(made)

    return asyncio.run(working())


async def picture(made: AsyncClient) -> ImageResult:
    """A picture of a fox, from the first provider that fits."""
    return await made.run(ImageRequest(prompt="a fox", model="brush-1", timeout_seconds=20))


@pytest.mark.parametrize(
    "failure",
    [timed_out(), cut(), answer({}, 500), answer({}, 502), answer({}, 503), answer({}, 504)],
    ids=["timeout", "cut", "500", "502", "503", "504"],
)
def test_what_may_have_been_taken_on_is_neither_repeated_nor_given_to_another(
    tmp_path: Path, failure: Answer
) -> None:
    """One POST, whatever follows; its cost is pending until somebody knows."""
    transport = ScriptedTransport(failure)
    with pytest.raises(OutcomeUnknown, match="jobs resolve"):
        using(tmp_path, transport, picture)
    assert len(transport.sent) == 1

    async def later(made: AsyncClient) -> None:
        (job,) = await made.jobs.list()
        assert job.status == "outcome_unknown"
        await made.jobs.work(until_idle=True)
        costs = await made.costs()
        assert (costs.total.amount, costs.total.pending) == (Decimal(0), 1)
        assert costs.total.pending_amount == Decimal("0.04")

    using(tmp_path, transport, later)
    assert len(transport.sent) == 1


@pytest.mark.parametrize(
    "failure", [answer({}, 429), unreachable()], ids=["429", "connection refused"]
)
def test_what_was_surely_not_taken_on_is_sent_again(tmp_path: Path, failure: Answer) -> None:
    """And paid once."""
    transport = ScriptedTransport(failure, PICTURE)

    async def work(made: AsyncClient) -> None:
        result = await picture(made)
        assert result.provider == "acme"
        assert result.artifacts[0].read() == PNG
        assert [one.state for one in result.attempts][-1] == "succeeded"
        costs = await made.costs("provider")
        assert [(line.group, line.amount, line.requests) for line in costs.lines] == [
            ("acme", Decimal("0.04"), 1)
        ]

    using(tmp_path, transport, work)


@pytest.mark.parametrize("status", [401, 402])
def test_a_refusal_goes_to_another_provider(tmp_path: Path, status: int) -> None:
    """Nothing is owed to the first."""
    transport = ScriptedTransport(answer({}, status), PICTURE)

    async def work(made: AsyncClient) -> None:
        result = await picture(made)
        assert result.provider == "bolt"
        assert (await made.costs()).total.amount == Decimal("0.04")

    using(tmp_path, transport, work)


def test_a_wrong_request_goes_to_nobody_else(tmp_path: Path) -> None:
    """It fails as it is, and costs nothing."""
    transport = ScriptedTransport(answer({"error": "bad"}, 400))

    async def work(made: AsyncClient) -> None:
        with pytest.raises(RequestRejected):
            await picture(made)
        total = (await made.costs()).total
        assert (total.amount, total.pending, total.requests) == (Decimal(0), 0, 0)

    using(tmp_path, transport, work)


def test_texts_and_pictures_are_on_one_bill(tmp_path: Path) -> None:
    """Those in the journal and those in the database, by whatever they are asked for."""
    transport = ScriptedTransport(
        answer({"text": "hi", "tokens_in": 1000, "tokens_out": 500}),
        cut(),
        answer({"text": "hi", "tokens_in": 10, "tokens_out": 5}),
        PICTURE,
    )

    async def work(made: AsyncClient) -> None:
        await made.text("hello", model="acme/words-1")
        await made.text("hello", model="acme/words-1")
        await picture(made)
        by_media = await made.costs("media")
        image, text = by_media.lines
        assert (image.group, image.amount, image.requests) == ("image", Decimal("0.04"), 1)
        assert (text.group, text.amount) == ("text", Decimal("0.00303"))
        assert (text.requests, text.failed, text.pending, text.pending_unbounded) == (3, 1, 1, 0)
        assert text.pending_amount > 0, "the most that the one that was cut can cost"
        assert (text.input_tokens, text.output_tokens) == (1010, 505)
        assert by_media.total.amount == Decimal("0.04303")
        for by in ("provider", "model", "key", "day"):
            assert (await made.costs(by)).total == by_media.total
        assert (await made.costs(since="1h")).total == by_media.total
        assert (await made.costs(until="1h")).lines == ()

    using(tmp_path, transport, work)


def test_the_blocking_client_tells_the_same(tmp_path: Path) -> None:
    """Through its portal."""
    from anymedia.client import Client

    acme = ProviderSettings(name="acme", api_key=SecretStr("k-12345678"))
    transport = ScriptedTransport(answer({"text": "hi", "usd": "0.25"}))
    with Client(Settings(), data_dir=tmp_path, transport=transport, providers=(ACME, acme)) as made:
        made.text("hello")
        (line,) = made.costs("model", since="1d").lines
    assert (line.group, line.requests, line.amount) == ("acme/words-1", 1, Decimal("0.25"))


def test_errors_of_a_paid_request_say_what_may_be_done() -> None:
    """`accepted` travels with every error, also when it is stored."""
    assert all(
        error.problem().accepted == error.accepted
        for error in (timed_out(), unreachable(), GenerationError("x", accepted="yes"))
    )
