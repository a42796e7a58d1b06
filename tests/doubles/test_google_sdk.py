"""Google's own client goes through its normal flow with our double of both its surfaces."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any

import pytest

from anymedia.testing.double import serving
from anymedia.testing.doubles.google import GoogleDouble
from anymedia.testing.doubles.google.failures import rate_limited
from anymedia.testing.samples import wav

genai = pytest.importorskip("google.genai")
types: Any = pytest.importorskip("google.genai.types")
errors: Any = pytest.importorskip("google.genai.errors")
credentials: Any = pytest.importorskip("google.oauth2.credentials")
MODEL = "gemini-3.8-flash"
ONCE = {"attempts": 1}
"""The client would wait and try again."""
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore:The generate_images method"),
    pytest.mark.filterwarnings("ignore::UserWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture
def double() -> GoogleDouble:
    """A fresh double."""
    return GoogleDouble()


@pytest.fixture
def client(double: GoogleDouble) -> Iterator[Any]:
    """The official client on the Gemini API."""
    with serving(double) as address:
        options = {"base_url": address, "retry_options": ONCE}
        yield genai.Client(api_key=double.key, vertexai=False, http_options=options)


@pytest.fixture
def vertex(double: GoogleDouble) -> Iterator[Any]:
    """The official client on Vertex AI."""
    with serving(double) as address:
        yield genai.Client(
            vertexai=True,
            project="double-project",
            location="global",
            credentials=credentials.Credentials(token=double.tokens.issue()),
            http_options={"base_url": address, "retry_options": ONCE},
        )


def test_text_answers_with_usage(client: Any) -> None:
    """A plain question."""
    answer = client.models.generate_content(model=MODEL, contents="Hello there")
    assert answer.text == "You said: Hello there"
    assert answer.usage_metadata.total_token_count > 0
    assert answer.model_version == MODEL


def test_a_stream_comes_in_pieces(client: Any) -> None:
    """The last has the finish reason."""
    pieces = list(client.models.generate_content_stream(model=MODEL, contents="Hello there"))
    assert len(pieces) > 1
    assert "".join(one.text or "" for one in pieces) == "You said: Hello there"
    assert pieces[-1].candidates[0].finish_reason == types.FinishReason.STOP


def test_a_conversation_with_a_tool_keeps_its_signatures(client: Any) -> None:
    """The chat sends back what it got; without the signature it is refused."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    declared = types.FunctionDeclaration(name="weather", parameters_json_schema=schema)
    configured = types.GenerateContentConfig(tools=[types.Tool(function_declarations=[declared])])
    chat = client.chats.create(model=MODEL, config=configured)
    first = chat.send_message("How is it in Paris?")
    assert first.function_calls[0].args == {"city": "word"}
    answer = types.Part.from_function_response(name="weather", response={"output": "sunny"})
    assert chat.send_message(answer).text.startswith("You said")
    history = chat.get_history()
    history[1].parts[0].thought_signature = None
    with pytest.raises(errors.ClientError, match="thought_signature"):
        client.models.generate_content(model=MODEL, contents=history[:3], config=configured)


def test_structured_output_and_thoughts(client: Any) -> None:
    """JSON by a schema, and a summary of what it thought."""
    answer = client.models.generate_content(
        model=MODEL,
        contents="A person",
        config=types.GenerateContentConfig(
            response_mime_type="application/json",
            response_json_schema={"type": "object", "properties": {"age": {"type": "integer"}}},
            thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_level="LOW"),
        ),
    )
    assert answer.text == '{"age": 7}'
    assert answer.candidates[0].content.parts[0].thought is True
    assert answer.usage_metadata.thoughts_token_count == 16


def test_pictures_and_speech(client: Any) -> None:
    """A PNG, and raw samples or a file."""
    answer = client.models.generate_content(
        model="gemini-3.1-flash-image",
        contents="a cat",
        config=types.GenerateContentConfig(response_modalities=["TEXT", "IMAGE"]),
    )
    assert answer.parts[0].inline_data.mime_type == "image/png"
    spoken = client.models.generate_content(
        model="gemini-3.8-flash-tts",
        contents="Hello",
        config=types.GenerateContentConfig(
            response_modalities=["AUDIO"],
            speech_config=types.SpeechConfig(
                voice_config=types.VoiceConfig(
                    prebuilt_voice_config=types.PrebuiltVoiceConfig(voice_name="Kore")
                )
            ),
        ),
    )
    assert spoken.parts[0].inline_data.data[:4] == b"RIFF"


def test_vectors_files_and_models(client: Any) -> None:
    """Measured, uploaded, looked at, listed."""
    measured = client.models.embed_content(model="gemini-embedding-001", contents=["a", "bc"])
    assert len(measured.embeddings) == 2
    uploaded = client.files.upload(file=io.BytesIO(wav(1)), config={"mime_type": "audio/wav"})
    assert uploaded.state == types.FileState.ACTIVE
    assert client.files.get(name=uploaded.name).size_bytes == len(wav(1))
    heard = client.models.generate_content(model=MODEL, contents=["Transcribe this", uploaded])
    assert heard.text == "Hello there."
    assert f"models/{MODEL}" in {one.name for one in client.models.list()}


def test_an_interaction_is_looked_at_until_its_clip_is_there(client: Any) -> None:
    """Created in the background, then done; the file is fetched with the key."""
    found = client.interactions.create(
        model="gemini-omni-1.1-flash",
        input="a marble",
        background=True,
        store=True,
        response_format={"type": "video", "duration": "8s", "delivery": "uri"},
    )
    states = [found.status]
    while found.status not in {"completed", "failed"}:
        found = client.interactions.get(found.id)
        states.append(found.status)
    assert states == ["queued", "queued", "in_progress", "completed"]
    clip = found.steps[-1].content[0]
    assert (clip.type, found.usage.total_output_tokens) == ("video", 46_336)
    # The client knows whole addresses only on Google's own host.
    name = clip.uri.rpartition("/")[2].partition(":")[0]
    assert client.files.download(file=f"files/{name}")[4:8] == b"ftyp"


def test_an_interaction_can_be_cancelled(client: Any) -> None:
    """Once."""
    found = client.interactions.create(
        model="gemini-omni-1.1-flash", input="x", background=True, store=True
    )
    assert client.interactions.cancel(found.id).status == "cancelled"


def test_failures_have_the_clients_own_types(client: Any, double: GoogleDouble) -> None:
    """A limit, an unknown model, a refusal, a wrong key."""
    double.fail(rate_limited())
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model=MODEL, contents="Hi")
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    with pytest.raises(errors.ClientError) as caught:
        client.models.generate_content(model="nobody", contents="Hi")
    assert caught.value.code == 404
    refused = client.models.generate_content(model=MODEL, contents="forbidden")
    assert refused.prompt_feedback.block_reason == types.BlockedReason.PROHIBITED_CONTENT
    options = {"base_url": double.base_url, "retry_options": ONCE}
    # Kept by a name, as a client that nobody holds is closed at once.
    wrong = genai.Client(api_key="wrong", vertexai=False, http_options=options)
    with pytest.raises(errors.ClientError, match="API key not valid"):
        wrong.models.generate_content(model=MODEL, contents="Hi")


def test_vertex_answers_the_same_client(vertex: Any) -> None:
    """Text, and vectors by its own method."""
    configured = types.GenerateContentConfig(labels={"team": "a"})
    answer = vertex.models.generate_content(model=MODEL, contents="Hello", config=configured)
    assert answer.text == "You said: Hello"
    measured = vertex.models.embed_content(
        model="gemini-embedding-001", contents="a", config={"output_dimensionality": 3}
    )
    assert len(measured.embeddings[0].values) == 3


def test_vertex_makes_pictures_and_clips(vertex: Any) -> None:
    """Imagen at once; Veo as an operation that is asked for until it is done."""
    made = vertex.models.generate_images(
        model="imagen-4.0-generate-001", prompt="a dot", config={"number_of_images": 2}
    )
    assert len(made.generated_images) == 2
    operation = vertex.models.generate_videos(
        model="veo-3.1-fast-generate-001", prompt="a boat", config={"duration_seconds": 8}
    )
    looks = 0
    while not operation.done:
        operation = vertex.operations.get(operation)
        looks += 1
    assert looks == 3
    assert operation.response.generated_videos[0].video.video_bytes[4:8] == b"ftyp"
