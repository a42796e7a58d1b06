"""Code as users write it. Nothing here runs: the type checker has to accept it (`make check`)."""

from __future__ import annotations

from decimal import Decimal
from typing import assert_type

import anymedia
from anymedia import (
    AsyncClient,
    Client,
    Costs,
    ImageRequest,
    ImageResult,
    TextRequest,
    TextResult,
    UnifiedRequest,
    VideoRequest,
    VideoResult,
)
from anymedia.client.blocking import JobHandle
from anymedia.contracts.estimate import Estimate
from anymedia.contracts.event import StreamEnd, TextDelta


def blocking(client: Client) -> None:
    """One request carries the type of its result."""
    assert_type(client.run(VideoRequest(prompt="a fox", duration_seconds=8)), VideoResult)
    assert_type(client.run(ImageRequest(prompt="a fox")), ImageResult)
    assert_type(client.run(TextRequest(prompt="hello", system="be brief")), TextResult)
    assert_type(client.video("a fox", quality="standard"), VideoResult)
    assert_type(client.text("hello").usage.output_tokens, int | None)
    assert_type(client.submit_video("a fox"), JobHandle)
    assert_type(client.estimate_video("a fox"), tuple[Estimate, ...])
    assert_type(client.costs("day", since="7d"), Costs)
    assert_type(client.video("a fox").cost.amount, Decimal | None)
    client.execute(UnifiedRequest.model_validate({}))


def streamed(client: Client) -> str:
    """Events are told apart by their class."""
    for event in client.stream_text("hello"):
        match event:
            case TextDelta(text=piece):
                assert_type(piece, str)
            case StreamEnd(result=result):
                assert_type(result, TextResult)
                return result.text
            case _:
                pass
    return ""


async def awaited(client: AsyncClient) -> None:
    """The same names, awaited."""
    assert_type(await client.run(VideoRequest(prompt="a fox")), VideoResult)
    job = await client.submit_video("a fox")
    await job.wait(timeout_seconds=60)
    for artifact in job.artifacts:
        artifact.save("fox.mp4")


def set_up() -> Client:
    """Without files."""
    return Client(providers=[anymedia.providers.openai(api_key="sk-...", priority=1)])


def failing(client: Client) -> None:
    """One tree of errors."""
    try:
        client.text("hello")
    except anymedia.RateLimited as error:
        assert_type(error.retry_after, float | None)
    except anymedia.GenerationError as error:
        assert_type(error.retryable, bool)
