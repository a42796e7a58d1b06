"""Our adapter of OpenAI and our double of it, over real HTTP."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from decimal import Decimal

import pytest
from tests.support.loopback import Loopback

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import (
    AuthenticationFailed,
    ContentRefused,
    InsufficientCredits,
    ModelUnavailable,
    NetworkFailed,
    ProviderUnavailable,
    RateLimited,
    RequestRejected,
)
from anymedia.contracts.event import AnswerComplete, StreamPiece, TextDelta
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import InlineArtifact, MediaBytes
from anymedia.contracts.result import MediaAnswer
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import (
    AssistantMessage,
    ImagePart,
    SchemaOutput,
    TextAnswer,
    TextPart,
    TextRequest,
    Tool,
    ToolMessage,
    UserMessage,
)
from anymedia.contracts.transcription import TranscriptAnswer, TranscriptionRequest
from anymedia.contracts.usage import Usage
from anymedia.engine.pricing import priced
from anymedia.providers.adapters.openai import OPENAI
from anymedia.testing.double import Fault, serving
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.doubles.openai.failures import (
    broken,
    overloaded,
    quota_exhausted,
    rate_limited,
)
from anymedia.testing.samples import png, wav

WEATHER = Tool(
    name="weather",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)
SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "people": {"type": "integer", "default": 3}},
}


@pytest.fixture
def double() -> OpenAIDouble:
    """A fresh double."""
    return OpenAIDouble()


@pytest.fixture
def openai(double: OpenAIDouble) -> Iterator[Loopback]:
    """Our adapter, pointed at the double."""
    with serving(double) as address:
        yield Loopback(OPENAI, f"{address}/v1", {"api_key": double.key})


def spoken(openai: Loopback, request: TextRequest) -> TextAnswer:
    """A text answer."""
    answer = openai.call(request)
    assert isinstance(answer, TextAnswer)
    return answer


def charged(openai: Loopback, request: TextRequest, usage: Usage) -> Decimal | None:
    """What our price table says it costs."""
    return priced(openai.sheet(request.medium, request.model), usage, {}).amount


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_text_is_answered_and_costs_what_the_double_bills(
    openai: Loopback, double: OpenAIDouble, api: str
) -> None:
    """Words, finish, request id; our price of the usage is the double's invoice."""
    request = TextRequest(
        model="gpt-6.1-terra",
        messages=(UserMessage(content="Hello"),),
        max_output_tokens=500,
        options={"api": api},
    )
    answer = spoken(openai, request)
    assert answer.text == "You said: Hello"
    assert answer.finish.unified == "stop"
    assert answer.request_id == "req_1"
    assert answer.usage.reasoning_tokens == 16
    assert charged(openai, request, answer.usage) == double.record.invoice[0][1]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_stream_says_the_same_as_a_whole_answer(openai: Loopback, api: str) -> None:
    """Fragments that join to the text, and one last piece with everything."""
    request = TextRequest(
        model="gpt-6.1-terra",
        messages=(UserMessage(content="Hello there"),),
        options={"api": api},
    )
    whole = spoken(openai, request)
    *pieces, last = openai.stream(request)
    assert isinstance(last, AnswerComplete)
    assert "".join(one.text for one in pieces if isinstance(one, TextDelta)) == whole.text
    assert last.answer.usage == whole.usage
    assert last.answer.finish == whole.finish


@pytest.mark.parametrize(
    ("model", "path"),
    [("gpt-4.1", "/v1/chat/completions"), ("gpt-6.1-sol", "/v1/responses")],
)
def test_tools_go_through_the_api_that_takes_them(
    openai: Loopback, double: OpenAIDouble, model: str, path: str
) -> None:
    """A call and its answer, as message history; streamed the same; never a 400."""
    question = UserMessage(content="weather in Paris")
    request = TextRequest(model=model, messages=(question,), tools=(WEATHER,))
    answer = spoken(openai, request)
    assert answer.finish.unified == "tool_calls"
    (call,) = answer.tool_calls
    assert (call.name, call.arguments) == ("weather", {"city": "word"})
    asked = AssistantMessage(tool_calls=answer.tool_calls, provider_state=answer.provider_state)
    told = ToolMessage(tool_call_id=call.id, content="sunny")
    after = TextRequest(model=model, messages=(question, asked, told), tools=(WEATHER,))
    assert spoken(openai, after).text == "You said: sunny"
    *_, last = openai.stream(request)
    assert isinstance(last, AnswerComplete)
    assert last.answer.tool_calls[0].arguments == {"city": "word"}
    assert {seen for _, seen in double.record.requests} == {path}


def test_thoughts_come_back_encrypted_in_the_next_turn(
    openai: Loopback, double: OpenAIDouble
) -> None:
    """The double refuses thoughts that are not; nothing is stored there."""
    question = UserMessage(content="weather in Paris")
    request = TextRequest(model="gpt-6.1-sol", messages=(question,), tools=(WEATHER,))
    answer = spoken(openai, request)
    asked = AssistantMessage(tool_calls=answer.tool_calls, provider_state=answer.provider_state)
    told = ToolMessage(tool_call_id=answer.tool_calls[0].id, content="sunny")
    spoken(openai, request.model_copy(update={"messages": (question, asked, told)}))
    sent = double.record.bodies[-1]
    assert sent["store"] is False
    assert [item.get("type") for item in sent["input"]] == [
        None,
        "reasoning",
        "function_call",
        "function_call_output",
    ]


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_structured_output_follows_the_schema(
    openai: Loopback, double: OpenAIDouble, api: str
) -> None:
    """The schema goes out closed, as strict mode wants it; JSON comes back."""
    request = TextRequest(
        model="gpt-6.1-sol",
        messages=(UserMessage(content="A city"),),
        output=SchemaOutput(json_schema=SCHEMA),
        options={"api": api},
    )
    assert spoken(openai, request).text == '{"name": "word", "people": 7}'
    sent = double.record.bodies[0]
    form = sent["response_format"]["json_schema"] if api == "chat" else sent["text"]["format"]
    assert form["schema"]["additionalProperties"] is False
    assert form["schema"]["required"] == ["name", "people"]
    assert form["strict"] is True


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_a_refusal_is_an_answer_with_its_words(openai: Loopback, api: str) -> None:
    """Not an error: the model declined, and says so."""
    answer = spoken(
        openai,
        TextRequest(
            model="gpt-6.1-sol",
            messages=(UserMessage(content="something forbidden"),),
            options={"api": api},
        ),
    )
    assert answer.text == ""
    assert answer.refusal is not None
    assert answer.finish.unified == "content_filter"


@pytest.mark.parametrize("api", ["chat", "responses"])
def test_pictures_can_be_shown(openai: Loopback, double: OpenAIDouble, api: str) -> None:
    """Words and a picture in one message, the picture inside the request."""
    picture = ImagePart(image=MediaBytes(data=png(8, 8), media_type="image/png"), detail="low")
    message = UserMessage(content=(TextPart(text="What is it?"), picture))
    request = TextRequest(model="gpt-6.1-sol", messages=(message,), options={"api": api})
    assert spoken(openai, request).text == "You said: What is it?"
    content = (double.record.bodies[0].get("messages") or double.record.bodies[0]["input"])[0][
        "content"
    ]
    shown = content[1]["image_url"]
    assert (shown["url"] if api == "chat" else shown).startswith("data:image/png;base64,")


def made(openai: Loopback, request: ImageRequest) -> tuple[list[bytes], MediaAnswer]:
    """Generated pictures as bytes."""
    answer = openai.call(request)
    assert isinstance(answer, MediaAnswer)
    data = [one.data for one in answer.artifacts if isinstance(one, InlineArtifact)]
    assert len(data) == len(answer.artifacts)
    return data, answer


def test_pictures_have_the_size_that_was_asked_for(openai: Loopback, double: OpenAIDouble) -> None:
    """Ratio and tier become pixels, which the bytes show; our price is the double's."""
    request = ImageRequest(
        model="gpt-image-2.5-flare",
        prompt="a fox in snow",
        aspect_ratio="16:9",
        resolution="2k",
        count=2,
        options={"quality": "low"},
    )
    data, answer = made(openai, request)
    assert [struct.unpack(">II", one[16:24]) for one in data] == [(2560, 1440)] * 2
    assert answer.metadata["size"] == "2560x1440"
    sheet = openai.sheet("image", request.model)
    assert priced(sheet, answer.usage, {}).amount == double.record.invoice[0][1]


def test_pictures_can_be_edited_inpainted_and_varied(
    openai: Loopback, double: OpenAIDouble
) -> None:
    """Forms with the files in them; a variation is imitated by an edit, and says so."""
    given = MediaBytes(data=png(16, 16), media_type="image/png")
    common = {"model": "gpt-image-2", "images": (given,)}
    _, edited = made(openai, ImageRequest(**common, prompt="blue"))
    _, inpainted = made(openai, ImageRequest(**common, prompt="blue", mask=given))
    _, varied = made(openai, ImageRequest(**common, prompt=""))
    two = (given, given)
    _, merged = made(openai, ImageRequest(model="gpt-image-2", images=two, prompt="both"))
    assert [one.usage.input_image_tokens for one in (edited, inpainted, varied, merged)] == [
        64,
        64,
        64,
        128,
    ]
    assert [notice.code for notice in varied.warnings] == ["option-imitated"]
    assert edited.warnings == ()
    assert double.record.count("POST", "/v1/images/edits") == 4


def test_a_refused_picture_is_nobodys_to_retry(openai: Loopback, double: OpenAIDouble) -> None:
    """The safety system's word, and nothing on the invoice."""
    with pytest.raises(ContentRefused) as caught:
        openai.call(ImageRequest(model="gpt-image-2", prompt="something forbidden"))
    assert (caught.value.retryable, caught.value.accepted) == (False, "no")
    assert double.record.invoice == []


def test_speech_is_sound_with_its_usage(openai: Loopback, double: OpenAIDouble) -> None:
    """Models that bill tokens tell them; those that bill characters are counted by us."""
    by_tokens = openai.call(
        SpeechRequest(model="gpt-4o-mini-tts", text="Good morning.", voice="marin", format="wav")
    )
    assert isinstance(by_tokens, MediaAnswer)
    (sound,) = by_tokens.artifacts
    assert isinstance(sound, InlineArtifact)
    assert (sound.media_type, sound.data[:4]) == ("audio/wav", b"RIFF")
    assert by_tokens.usage.output_tokens
    assert by_tokens.usage.estimated is False
    by_characters = openai.call(SpeechRequest(model="tts-1", text="Good morning.", format="pcm"))
    assert by_characters.usage.characters == 13
    bills = [amount for _, amount in double.record.invoice]
    for answer, model, bill in zip(
        (by_tokens, by_characters), ("gpt-4o-mini-tts", "tts-1"), bills, strict=True
    ):
        assert priced(openai.sheet("speech", model), answer.usage, {}).amount == bill


def test_speech_is_written_down_with_times_and_speakers(openai: Loopback) -> None:
    """Each wish gets the format that holds it."""
    talk = MediaBytes(data=wav(2.0), media_type="audio/wav")

    def heard(request: TranscriptionRequest) -> TranscriptAnswer:
        answer = openai.call(request)
        assert isinstance(answer, TranscriptAnswer)
        assert answer.text == "This is what was said."
        return answer

    plain = heard(TranscriptionRequest(model="gpt-transcribe", audio=talk))
    assert plain.usage.seconds == 2
    timed = heard(TranscriptionRequest(model="whisper-1", audio=talk, timestamps="word"))
    assert [word.text for word in timed.words] == ["This", "is", "what", "was", "said"]
    assert (timed.language, timed.duration_seconds) == ("english", 2.0)
    by_speaker = heard(
        TranscriptionRequest(model="gpt-4o-transcribe-diarize", audio=talk, speakers=True)
    )
    assert by_speaker.segments[0].speaker == "A"
    assert by_speaker.usage.input_audio_tokens == 10


def test_texts_become_vectors(openai: Loopback) -> None:
    """As many as texts, of the asked size."""
    answer = openai.call(
        EmbeddingRequest(
            model="text-embedding-3-small", inputs=("hello", "world", "hello"), dimensions=64
        )
    )
    assert isinstance(answer, EmbeddingAnswer)
    assert [len(one) for one in answer.embeddings] == [64, 64, 64]
    assert answer.embeddings[0] == answer.embeddings[2] != answer.embeddings[1]
    assert answer.usage.input_tokens


def test_the_check_lists_models_and_finds_a_wrong_key(
    openai: Loopback, double: OpenAIDouble
) -> None:
    """Free of charge either way."""
    assert "gpt-6-luna" in openai.check().models
    with pytest.raises(AuthenticationFailed) as caught:
        Loopback(OPENAI, openai.base_url, {"api_key": "sk-wrong"}).check()
    assert caught.value.provider_code == "invalid_api_key"
    assert double.record.invoice == []


def test_an_unknown_model_is_named_as_such_by_every_endpoint(openai: Loopback) -> None:
    """404 from chat and embeddings, 400 from responses and images: one error."""
    message = (UserMessage(content="Hello"),)
    for request in (
        TextRequest(model="gpt-99", messages=message),
        TextRequest(model="gpt-99", messages=message, options={"api": "responses"}),
        ImageRequest(model="gpt-99", prompt="a fox"),
        EmbeddingRequest(model="gpt-99", inputs=("hello",)),
    ):
        with pytest.raises(ModelUnavailable):
            openai.call(request)


def test_an_unknown_option_reaches_the_provider_and_its_word_comes_back(
    openai: Loopback,
) -> None:
    """Options are passed on as they are."""
    request = TextRequest(
        model="gpt-4.1", messages=(UserMessage(content="Hello"),), options={"mood": "good"}
    )
    with pytest.raises(RequestRejected, match="mood"):
        openai.call(request)


def test_failures_say_whether_anything_was_taken_on(openai: Loopback, double: OpenAIDouble) -> None:
    """Only what was surely refused may be sent again: the rest is unknown."""
    request = ImageRequest(model="gpt-image-2", prompt="a fox")
    double.fail(rate_limited(retry_after_seconds=0.5))
    with pytest.raises(RateLimited) as limited:
        openai.call(request)
    assert (limited.value.accepted, limited.value.retryable) == ("no", True)
    assert limited.value.retry_after == 0.5
    double.fail(quota_exhausted())
    with pytest.raises(InsufficientCredits) as empty:
        openai.call(request)
    assert (empty.value.accepted, empty.value.retryable) == ("no", False)
    double.fail(overloaded())
    with pytest.raises(ProviderUnavailable) as turned_away:
        openai.call(request)
    assert (turned_away.value.accepted, turned_away.value.retryable) == ("no", True)
    double.fail(broken(after_accepting=True))
    with pytest.raises(ProviderUnavailable) as lost:
        openai.call(request)
    assert (lost.value.accepted, lost.value.retryable) == ("unknown", True)
    assert len(double.record.invoice) == 1


@pytest.mark.parametrize(("api", "most_bytes"), [("chat", 900), ("responses", 2500)])
def test_a_broken_stream_is_never_an_answer(
    openai: Loopback, double: OpenAIDouble, api: str, most_bytes: int
) -> None:
    """What came before the break is passed on; then it fails."""
    request = TextRequest(
        model="gpt-4.1",
        messages=(UserMessage(content="one two three four five"),),
        options={"api": api},
    )
    *_, last = openai.stream(request)
    assert isinstance(last, AnswerComplete)
    double.fail(Fault(path="/v1", method="POST", cut_after_bytes=most_bytes))
    pieces: list[StreamPiece] = []
    with pytest.raises(NetworkFailed) as caught:
        pieces.extend(openai.stream(request))
    assert caught.value.accepted == "unknown"
    assert {piece.kind for piece in pieces} == {"text-delta"}
