"""The blocking client is the awaited one, from wherever it is called."""

from __future__ import annotations

import asyncio
import inspect
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from anymedia import AsyncClient, Client
from anymedia.client import aio, blocking, handle
from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.errors import (
    AuthenticationFailed,
    InvalidRequest,
    NotFound,
    ProviderTimeout,
    UnknownModel,
)
from anymedia.contracts.event import StreamEnd, TextDelta
from anymedia.contracts.text import TextRequest
from anymedia.testing.doubles.openai import OpenAIDouble

PAIRS = [
    (aio.AsyncClient, blocking.Client),
    (aio.AsyncJobsView, blocking.JobsView),
    (aio.AsyncProvidersView, blocking.ProvidersView),
    (handle.AsyncJobHandle, blocking.JobHandle),
]


def public(kind: type) -> set[str]:
    """What a user may call or read."""
    return {name for name in dir(kind) if not name.startswith("_")}


@pytest.mark.parametrize(("awaited", "blocked"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_clients_have_the_same_names(awaited: type, blocked: type) -> None:
    """A verb that exists in one only would be a second contract."""
    # `read_input` is how the engine asks; `stop` ends a worker from its own loop; `job` is set
    # on each awaited handle; `relays` is for the gateway.
    assert public(awaited) - {"read_input", "stop", "received", "relays"} <= public(blocked)
    assert public(blocked) - {"job"} <= public(awaited)


@pytest.mark.parametrize(("awaited", "blocked"), PAIRS, ids=lambda kind: kind.__name__)
def test_both_clients_take_the_same_arguments(awaited: type, blocked: type) -> None:
    """By name and kind, with the same defaults."""
    for name in sorted(public(awaited) & public(blocked)):
        one, other = getattr(awaited, name), getattr(blocked, name)
        if inspect.isfunction(one) and inspect.isfunction(other):
            first, second = inspect.signature(one), inspect.signature(other)
            assert [(p.name, p.kind, p.default) for p in first.parameters.values()] == [
                (p.name, p.kind, p.default) for p in second.parameters.values()
            ], name


def test_a_text_comes_with_everything_that_is_promised(client: Client) -> None:
    """Words, finish, usage, ids, cost and the one attempt."""
    result = client.text("Say hello", model="openai/gpt-4o-mini", metadata={"order": 7})
    assert result.text
    assert result.finish.unified == "stop"
    assert result.finish.raw == "stop"
    assert result.usage.input_tokens
    assert result.usage.output_tokens
    assert result.provider == "openai"
    assert result.model == "gpt-4o-mini"
    assert result.request_id
    assert result.cost.amount is not None
    assert result.cost.amount > 0
    assert [attempt.state for attempt in result.attempts] == ["succeeded"]
    assert result.metadata == {"order": 7}


def test_a_stream_ends_with_the_result_of_the_whole(client: Client) -> None:
    """The pieces add up to it."""
    events = list(client.stream_text("Say hello", model="gpt-4o-mini"))
    last = events[-1]
    assert isinstance(last, StreamEnd)
    assert "".join(one.text for one in events if isinstance(one, TextDelta)) == last.result.text
    assert last.result.usage.output_tokens


def test_a_stream_can_be_left_early(client: Client) -> None:
    """The connection is closed, and the client goes on working."""
    stream = client.stream_text("Say hello", model="gpt-4o-mini")
    next(stream)
    stream.close()  # type: ignore[attr-defined]  # it is a generator
    assert client.text("Say hello", model="gpt-4o-mini").text


def test_it_works_where_a_loop_is_running(settings: Settings) -> None:
    """As in a notebook, whose own loop is busy with the cell."""

    async def cell() -> str:
        with Client(settings) as client:
            return client.text("Say hello", model="gpt-4o-mini").text

    assert asyncio.run(cell())


def test_it_works_from_many_threads_at_once(client: Client, double: OpenAIDouble) -> None:
    """One client, twenty callers."""
    together = threading.Barrier(20)

    def call(number: int) -> str:
        together.wait()
        return client.text(f"Say {number}", model="gpt-4o-mini").text

    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(call, range(20)))
    assert all(answers)
    assert double.record.count("POST", "/v1/chat/completions") == 20


def test_closing_twice_is_closing(settings: Settings) -> None:
    """And what was closed says so."""
    client = Client(settings)
    client.close()
    client.close()
    with pytest.raises(InvalidRequest, match="closed"):
        client.text("Say hello", model="gpt-4o-mini")


def test_the_awaited_client_answers_too(settings: Settings) -> None:
    """The same names, awaited."""

    async def main() -> None:
        async with AsyncClient(settings) as client:
            result = await client.run(TextRequest(prompt="Say hello", model="gpt-4o-mini"))
            assert result.text
            pieces = [event async for event in client.stream_text("Hi", model="gpt-4o-mini")]
            assert pieces[-1].kind == "stream-end"

    asyncio.run(main())


def test_a_wrong_key_is_told_with_what_to_set(settings: Settings, tmp_path: Path) -> None:
    """One clear error, and the secret is not in it."""
    wrong = settings.providers[0].model_copy(update={"api_key": None})
    given = Settings(providers=(wrong,), data_dir=str(tmp_path)).model_dump()
    given["providers"][0]["api_key"] = "sk-wrong-key-1234"
    with (
        Client(Settings.model_validate(given)) as client,
        pytest.raises(AuthenticationFailed) as raised,
    ):
        client.text("Say hello", model="gpt-4o-mini")
    assert "OPENAI_API_KEY" in str(raised.value)
    assert "wrong-key" not in str(raised.value)
    assert raised.value.provider == "openai"
    assert len(raised.value.attempts) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"temperature": "warm"}, "temperature"),
        ({"flavour": "mint"}, "options"),
        ({"max_output_tokens": -1}, "max_output_tokens"),
        ({"retry_config": {"max_attempts": 0}}, "max_attempts"),
    ],
)
def test_a_request_that_makes_no_sense_is_refused_before_anything_is_sent(
    client: Client, double: OpenAIDouble, fields: dict[str, object], words: str
) -> None:
    """With the name of what is wrong."""
    with pytest.raises(InvalidRequest, match=words):
        client.text("Say hello", model="gpt-4o-mini", **fields)
    assert double.record.requests == []


def test_an_unknown_model_is_told_with_what_is_near(client: Client) -> None:
    """The next step is in the message."""
    with pytest.raises(UnknownModel, match="gpt-4o-mini"):
        client.text("Say hello", model="gpt-4o-mimi")


def test_a_retired_model_names_its_successor(client: Client) -> None:
    """And when it was retired."""
    with pytest.raises(UnknownModel, match="retired"):
        client.text("Say hello", model="openai/gpt-3.5-turbo")


def test_a_job_that_is_not_there_is_not_found(client: Client) -> None:
    """A wrong id is the caller's to mend."""
    with pytest.raises(NotFound, match="job_nowhere"):
        client.jobs.get("job_nowhere")


def test_a_picture_is_a_job_in_hand(client: Client, tmp_path: Path) -> None:
    """It can be looked at, waited for, listed, and its file is ours."""
    job = client.submit_image(
        "a fox", model="openai/gpt-image-2", metadata={"order": 7}, tags=["test"]
    )
    result = job.wait(timeout_seconds=30)
    assert job.status == "succeeded"
    assert job.metadata == {"order": 7}
    assert job.tags == ("test",)
    assert job.cost.amount == result.cost.amount
    assert [attempt.state for attempt in job.attempts] == ["succeeded"]
    saved = job.artifacts[0].save(tmp_path / "fox.png")
    assert saved.read_bytes().startswith(b"\x89PNG")

    again = client.jobs.get(job.id)
    assert again.wait() == result
    listed = client.jobs.list(limit=1, status="succeeded", media="image")
    assert [one.id for one in listed] == [job.id]
    assert client.jobs.list(media="video") == ()


def test_the_same_idempotency_key_is_the_same_job(client: Client, double: OpenAIDouble) -> None:
    """Asked twice, made once; another request under the same key is refused."""
    one = client.submit_image("a fox", model="openai/gpt-image-2", idempotency_key="order-7")
    two = client.submit_image("a fox", model="openai/gpt-image-2", idempotency_key="order-7")
    assert one.id == two.id
    one.wait(timeout_seconds=30)
    assert double.record.count("POST", "/v1/images") == 1
    with pytest.raises(InvalidRequest, match="already belongs"):
        client.submit_image("a wolf", model="openai/gpt-image-2", idempotency_key="order-7")


def test_providers_are_paused_from_anywhere(tmp_path: Path) -> None:
    """Of one medium or of all; resuming says the same the other way round."""
    said = Settings(providers=(ProviderSettings(name="echo"),))
    with Client(said, data_dir=tmp_path) as client:
        client.jobs.pause("echo", "video")
        client.jobs.pause("echo", "video")
        client.jobs.pause("echo")
        assert [(one.provider, one.media) for one in client.jobs.pauses()] == [
            ("echo", None),
            ("echo", "video"),
        ]
        job = client.submit_image("a fox")
        with pytest.raises(ProviderTimeout):
            job.wait(0.2)
        assert job.refresh().status == "queued"
        client.jobs.resume("echo", "video")
        assert [one.media for one in client.jobs.pauses()] == [None]
        client.jobs.resume("echo")
        assert client.jobs.pauses() == ()
        assert job.wait(30).artifacts
        with pytest.raises(NotFound):
            client.jobs.pause("nobody")


def test_lists_and_archives_are_the_same_blocking(tmp_path: Path) -> None:
    """Pages, all of them, and what is put away."""
    said = Settings(providers=(ProviderSettings(name="echo"),))
    with Client(said, data_dir=tmp_path / "data") as client:
        made = [client.image(f"fox {n}", tags=["trial"]).job_id for n in range(3)][::-1]
        first = client.jobs.page(limit=2, tag="trial")
        assert [one.id for one in first.jobs] == made[:2]
        second = client.jobs.page(limit=2, tag="trial", after=first.next)
        assert ([one.id for one in second.jobs], second.next) == (made[2:], None)
        assert [one.id for one in client.jobs.every(provider="echo")] == made
        later = datetime.now(UTC) + timedelta(days=1)
        (file,) = client.jobs.archive(tmp_path / "old", before=later, delete=True)
        assert (file.jobs, file.removed) == (3, 3)
        assert [one.problem for one in client.jobs.verify_archive(tmp_path / "old")] == [None]
        assert client.jobs.list() == ()
