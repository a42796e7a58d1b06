"""OpenAI's own client goes through its normal flow with our double of OpenAI."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Iterator
from decimal import Decimal

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from anymedia.testing.double import serving
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.doubles.openai.failures import broken, quota_exhausted, rate_limited
from anymedia.testing.samples import png, wav

TOOL: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string"}},
    "required": ["city"],
}


class City(BaseModel):
    """What a structured answer is about."""

    name: str
    people: int
    twin: City | None = None


@pytest.fixture
def double() -> OpenAIDouble:
    """A fresh double."""
    return OpenAIDouble()


@pytest.fixture
def client(double: OpenAIDouble) -> Iterator[OpenAI]:
    """The official client, pointed at the double."""
    with (
        serving(double) as address,
        OpenAI(api_key=double.key, base_url=f"{address}/v1", max_retries=0) as client,
    ):
        yield client


def test_chat_answers_with_usage_and_a_request_id(client: OpenAI, double: OpenAIDouble) -> None:
    """A plain question; the invoice is the usage at the list price."""
    answer = client.chat.completions.create(
        model="gpt-4.1", messages=[{"role": "user", "content": "Hello"}], max_completion_tokens=64
    )
    assert answer.choices[0].message.content == "You said: Hello"
    assert answer.choices[0].finish_reason == "stop"
    assert answer._request_id == "req_1"
    assert answer.usage is not None
    tokens = answer.usage.prompt_tokens * 2 + answer.usage.completion_tokens * 8
    assert double.record.invoice == [(answer.id, Decimal(tokens) / 1_000_000)]


def test_a_chat_stream_ends_with_its_usage(client: OpenAI) -> None:
    """Fragments, then the finish, then one chunk without choices that carries the totals."""
    stream = client.chat.completions.create(
        model="gpt-6.1-terra",
        messages=[{"role": "user", "content": "Hello there, you"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    chunks = list(stream)
    words = [c.choices[0].delta.content or "" for c in chunks if c.choices]
    assert "".join(words) == "You said: Hello there, you"
    assert [c.choices[0].finish_reason for c in chunks if c.choices][-1] == "stop"
    assert chunks[-1].choices == []
    assert chunks[-1].usage is not None
    assert chunks[-1].usage.total_tokens > 0


def test_chat_asks_for_tools_and_goes_on_with_their_answers(client: OpenAI) -> None:
    """Call, answer, words; two tools at once where the prompt names both."""
    tools = [
        {"type": "function", "function": {"name": name, "parameters": TOOL}}
        for name in ("weather", "population")
    ]
    question = {"role": "user", "content": "weather and population of Paris"}
    answer = client.chat.completions.create(
        model="gpt-4.1",
        messages=[question],  # type: ignore[list-item]  # plain dicts, as people write them
        tools=tools,  # type: ignore[arg-type]
    )
    calls = answer.choices[0].message.tool_calls
    assert calls is not None
    assert [c.function.name for c in calls if c.type == "function"] == ["weather", "population"]
    history = [
        question,
        answer.choices[0].message,
        *({"role": "tool", "tool_call_id": call.id, "content": "sunny"} for call in calls),
    ]
    closing = client.chat.completions.create(
        model="gpt-4.1",
        messages=history,  # type: ignore[arg-type]
        tools=tools,  # type: ignore[arg-type]
    )
    assert closing.choices[0].message.content == "You said: sunny"


def test_chat_streams_tool_calls_in_fragments(client: OpenAI) -> None:
    """The client's own accumulator puts them together."""
    with client.chat.completions.stream(
        model="gpt-4.1",
        messages=[{"role": "user", "content": "weather in Paris"}],
        tools=[{"type": "function", "function": {"name": "weather", "parameters": TOOL}}],
    ) as stream:
        final = stream.get_final_completion()
    calls = final.choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function.arguments == '{"city": "word"}'


def test_parse_gives_a_typed_answer(client: OpenAI) -> None:
    """Structured output, in both APIs."""
    question = "A city, please"
    chat = client.chat.completions.parse(
        model="gpt-6.1-sol",
        messages=[{"role": "user", "content": question}],
        response_format=City,
    )
    assert chat.choices[0].message.parsed is not None
    assert chat.choices[0].message.parsed.people == 7
    answer = client.responses.parse(model="gpt-6.1-sol", input=question, text_format=City)
    assert answer.output_parsed is not None
    assert answer.output_parsed.name == "word"


def test_a_refusal_comes_beside_the_content(client: OpenAI) -> None:
    """200, no content, and the model's words in `refusal`."""
    answer = client.chat.completions.parse(
        model="gpt-6.1-sol",
        messages=[{"role": "user", "content": "something forbidden"}],
        response_format=City,
    )
    message = answer.choices[0].message
    assert (message.content, message.parsed) == (None, None)
    assert message.refusal


def test_responses_answer_whole(client: OpenAI) -> None:
    """Words, thoughts that come back encrypted, usage."""
    answer = client.responses.create(
        model="gpt-6.1-sol",
        input="Hello",
        store=False,
        include=["reasoning.encrypted_content"],
    )
    assert answer.output_text == "You said: Hello"
    assert [item.type for item in answer.output] == ["reasoning", "message"]
    assert answer.usage is not None
    assert answer.usage.output_tokens_details.reasoning_tokens > 0


def test_responses_stream_named_events(client: OpenAI) -> None:
    """The client's accumulator ends with the whole response."""
    with client.responses.stream(model="gpt-6.1-sol", input="Hello there") as stream:
        kinds = [event.type for event in stream]
        final = stream.get_final_response()
    assert kinds[0] == "response.created"
    assert kinds[-1] == "response.completed"
    assert "response.output_text.delta" in kinds
    assert final.output_text == "You said: Hello there"


def test_responses_call_tools_and_take_their_outputs(client: OpenAI) -> None:
    """A call, its output sent back with everything before it, and words."""
    tool = {"type": "function", "name": "weather", "parameters": TOOL, "strict": False}
    first = client.responses.create(
        model="gpt-6.1-sol",
        input="weather in Paris",
        tools=[tool],  # type: ignore[list-item]
        include=["reasoning.encrypted_content"],
    )
    call = next(item for item in first.output if item.type == "function_call")
    history = [
        {"role": "user", "content": "weather in Paris"},
        *(item.to_dict() for item in first.output),
        {"type": "function_call_output", "call_id": call.call_id, "output": "sunny"},
    ]
    second = client.responses.create(
        model="gpt-6.1-sol",
        input=history,  # type: ignore[arg-type]
        tools=[tool],  # type: ignore[list-item]
    )
    assert second.output_text == "You said: sunny"


def test_images_are_made_and_edited(client: OpenAI, double: OpenAIDouble) -> None:
    """Base64 with usage, from words and from a picture with a mask."""
    made = client.images.generate(
        model="gpt-image-2.5-flare", prompt="a fox", size="1536x864", quality="low", n=2
    )
    assert made.data is not None
    assert len(made.data) == 2
    assert (made.size, made.quality) == ("1536x864", "low")
    assert made.usage is not None
    assert made.usage.output_tokens == 2 * 196
    edited = client.images.edit(
        model="gpt-image-2.5-flare",
        image=[("a.png", png(16, 16)), ("b.png", png(16, 16))],
        mask=("mask.png", png(16, 16)),
        prompt="make it blue",
    )
    assert edited.usage is not None
    assert edited.usage.input_tokens_details.image_tokens == 128
    assert len(double.record.invoice) == 2


def test_a_picture_can_be_refused(client: OpenAI) -> None:
    """400 with the safety system's code."""
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gpt-image-2", prompt="something forbidden")
    assert caught.value.code == "moderation_blocked"


def test_speech_is_sound(client: OpenAI) -> None:
    """Bytes of the asked format; or events with the usage at the end."""
    sound = client.audio.speech.create(
        model="gpt-4o-mini-tts", voice="marin", input="Good morning.", response_format="wav"
    )
    assert sound.content.startswith(b"RIFF")
    with client.audio.speech.with_streaming_response.create(
        model="gpt-4o-mini-tts", voice="marin", input="Good morning.", stream_format="sse"
    ) as response:
        assert "speech.audio.done" in response.read().decode()


def test_speech_is_written_down(client: OpenAI) -> None:
    """Plain, with timestamps, and by speaker."""
    recording = ("talk.wav", io.BytesIO(wav(2.0)))
    plain = client.audio.transcriptions.create(model="gpt-transcribe", file=recording)
    assert plain.text == "This is what was said."
    timed = client.audio.transcriptions.create(
        model="whisper-1",
        file=("talk.wav", io.BytesIO(wav(2.0))),
        response_format="verbose_json",
        timestamp_granularities=["word"],
    )
    assert timed.duration == 2.0
    assert timed.words is not None
    assert [word.word for word in timed.words] == ["This", "is", "what", "was", "said"]
    by_speaker = client.audio.transcriptions.create(
        model="gpt-4o-transcribe-diarize",
        file=("talk.wav", io.BytesIO(wav(2.0))),
        response_format="diarized_json",
    )
    assert by_speaker.segments[0].speaker == "A"


def test_embeddings_are_vectors_of_length_one(client: OpenAI) -> None:
    """The client asks for base64 and unpacks it."""
    answer = client.embeddings.create(model="text-embedding-3-small", input=["hello", "world"])
    assert [len(one.embedding) for one in answer.data] == [1536, 1536]
    assert sum(value**2 for value in answer.data[0].embedding) == pytest.approx(1)


def test_models_are_listed_and_the_gone_ones_are_not(client: OpenAI) -> None:
    """The catalogue's living models, and no Sora."""
    names = {model.id for model in client.models.list()}
    assert "gpt-6-luna" in names
    assert not {"sora-2", "gpt-4", "dall-e-3"} & names
    assert client.models.retrieve("gpt-6-luna").id == "gpt-6-luna"


def test_failures_are_the_ones_that_the_client_knows(client: OpenAI, double: OpenAIDouble) -> None:
    """Each status becomes the client's exception, with code and request id."""
    chat = client.chat.completions
    hello = [{"role": "user", "content": "Hello"}]
    with pytest.raises(openai.NotFoundError) as unknown:
        chat.create(model="gpt-99", messages=hello)  # type: ignore[arg-type]
    assert unknown.value.code == "model_not_found"
    with pytest.raises(openai.BadRequestError) as wrong:
        chat.create(model="gpt-6-luna", messages=hello, max_tokens=5)  # type: ignore[arg-type]
    assert wrong.value.code == "unsupported_parameter"
    with pytest.raises(openai.AuthenticationError) as refused:
        client.with_options(api_key="sk-wrong").models.list()
    assert refused.value.code == "invalid_api_key"
    assert "sk-wrong" not in str(refused.value)
    double.fail(rate_limited())
    with pytest.raises(openai.RateLimitError) as limited:
        chat.create(model="gpt-4.1", messages=hello)  # type: ignore[arg-type]
    assert limited.value.response.headers["retry-after"] == "2"
    double.fail(quota_exhausted())
    with pytest.raises(openai.RateLimitError) as empty:
        chat.create(model="gpt-4.1", messages=hello)  # type: ignore[arg-type]
    assert empty.value.code == "insufficient_quota"
    double.fail(broken())
    with pytest.raises(openai.InternalServerError):
        chat.create(model="gpt-4.1", messages=hello)  # type: ignore[arg-type]


def test_tools_beside_reasoning_are_refused_in_chat(client: OpenAI) -> None:
    """As the real service does for these models, unless they are told not to reason."""
    tool = {"type": "function", "function": {"name": "weather", "parameters": TOOL}}
    asked = {"messages": [{"role": "user", "content": "Hi"}], "tools": [tool]}
    with pytest.raises(openai.BadRequestError, match="v1/responses"):
        client.chat.completions.create(model="gpt-5.6-sol", **asked)  # type: ignore[call-overload]
    answer = client.chat.completions.create(  # type: ignore[call-overload]
        model="gpt-5.6-sol", reasoning_effort="none", **asked
    )
    assert answer.choices[0].message.tool_calls


def test_the_async_client_gets_the_same(double: OpenAIDouble) -> None:
    """Chat whole and streamed, and a picture, awaited."""

    async def ask(address: str) -> tuple[str | None, str, int]:
        async with AsyncOpenAI(
            api_key=double.key, base_url=f"{address}/v1", max_retries=0
        ) as client:
            whole = await client.chat.completions.create(
                model="gpt-4.1", messages=[{"role": "user", "content": "Hello"}]
            )
            stream = await client.responses.create(model="gpt-4.1", input="Hello", stream=True)
            words = [
                event.delta async for event in stream if event.type == "response.output_text.delta"
            ]
            picture = await client.images.generate(model="gpt-image-2", prompt="a fox")
            return whole.choices[0].message.content, "".join(words), len(picture.data or ())

    with serving(double) as address:
        assert asyncio.run(ask(address)) == ("You said: Hello", "You said: Hello", 1)
