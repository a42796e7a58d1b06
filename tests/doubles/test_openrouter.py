"""Our double of OpenRouter: the `openai` client and our adapter go through it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from openai import OpenAI
from tests.support.loopback import Loopback

from anymedia.contracts.errors import AuthenticationFailed, ContentRefused, ProviderUnavailable
from anymedia.contracts.event import AnswerComplete
from anymedia.contracts.job import Queued, Running, Succeeded
from anymedia.contracts.text import TextRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.openrouter import OPENROUTER
from anymedia.providers.spec import Job
from anymedia.testing.double import serving
from anymedia.testing.doubles.openrouter import OpenRouterDouble

MODEL = "openai/gpt-6-luna"


@pytest.fixture
def openrouter() -> Iterator[Loopback]:
    """Our adapter, pointed at a fresh double."""
    double = OpenRouterDouble()
    with serving(double) as address:
        yield Loopback(OPENROUTER, f"{address}/api/v1", {"api_key": double.key})


def test_the_openai_client_goes_through_it(openrouter: Loopback) -> None:
    """As OpenRouter's documentation has it: another address, the same client."""
    with OpenAI(api_key="sk-or-double", base_url=openrouter.base_url, max_retries=0) as client:
        answer = client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": "Hi"}],
            extra_body={"provider": {"sort": "price"}},
        )
        assert answer.choices[0].message.content == "You said: Hi"
        stream = client.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": "Hi"}], stream=True
        )
        text = "".join(one.choices[0].delta.content or "" for one in stream if one.choices)
        assert text == "You said: Hi"


def test_text_tells_its_cost_whole_and_streamed(openrouter: Loopback) -> None:
    """The double's bill is the reported cost."""
    request = TextRequest(model=MODEL, prompt="Hi")
    assert float(openrouter.call(request).reported_cost or 0) == 0.001
    last = list(openrouter.stream(request))[-1]
    assert isinstance(last, AnswerComplete)
    assert float(last.answer.reported_cost or 0) == 0.001
    assert str(openrouter.check().balance) == "7.5"


def test_failures_inside_a_200_and_a_stream_are_told(openrouter: Loopback) -> None:
    """As is a refusal, and a wrong key."""
    request = TextRequest(model=MODEL, prompt="upstream trouble")
    with pytest.raises(ProviderUnavailable):
        openrouter.call(request)
    with pytest.raises(ProviderUnavailable):
        list(openrouter.stream(request))
    with pytest.raises(ContentRefused):
        openrouter.call(TextRequest(model=MODEL, prompt="forbidden"))
    with pytest.raises(AuthenticationFailed):
        Loopback(OPENROUTER, openrouter.base_url, {"api_key": "wrong"}).call(request)


def test_a_video_is_made_in_its_time(openrouter: Loopback) -> None:
    """Pending, in progress, complete with its cost."""
    job = OPENROUTER.operation("video", Job)
    assert isinstance(job, Job)
    request = VideoRequest(model="google/veo-3.1", prompt="a boat", duration_seconds=8)
    submitted = openrouter.converse(job.submit(request, openrouter.brief(request)))
    states = [openrouter.converse(job.poll(submitted.handle)) for _ in range(3)]
    assert [type(one) for one in states] == [Queued, Running, Succeeded]
    assert isinstance(states[2], Succeeded)
    assert float(states[2].reported_cost or 0) == 0.25
