"""A second opinion on our adapters: aimock, a mock server of model APIs that others have written.

Not among the development dependencies: it needs Node. With

    npm install --prefix SOME_FOLDER @copilotkit/aimock
    export ANYMEDIA_TEST_AIMOCK=SOME_FOLDER/node_modules

these tests start it on a free port of this machine and drive our adapters against it, through the
library as users call it; otherwise they are skipped. Seen with 1.43.0.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from anymedia import Client
from anymedia.contracts.errors import AuthenticationFailed, NoRouteSucceeded, RateLimited
from anymedia.contracts.event import ReasoningDelta, StreamEnd, TextDelta
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.text import AssistantMessage, Tool, ToolMessage, UserMessage
from anymedia.testing.samples import mp3, png, wav

VARIABLE = "ANYMEDIA_TEST_AIMOCK"
LISTENING = re.compile(r"listening on (http://\S+)")
SAID = "Hello from the other side of the wire, where nobody pays."
PICTURE, SOUND = png(64, 64), mp3(1.0)
FIXTURES: list[dict[str, Any]] = [
    {"match": {"hasToolResult": True}, "response": {"content": "It rains in Oslo."}},
    {
        "match": {"userMessage": "weather"},
        "response": {"toolCalls": [{"name": "get_weather", "arguments": {"city": "Oslo"}}]},
    },
    {
        "match": {"userMessage": "busy"},
        "response": {"error": {"message": "Slow down", "type": "rate_limit_error"}, "status": 429},
    },
    {
        "match": {"userMessage": "locked"},
        "response": {"error": {"message": "No", "type": "authentication_error"}, "status": 401},
    },
    {"match": {"userMessage": "think"}, "response": {"content": "Four.", "reasoning": "2 and 2."}},
    {"match": {"userMessage": "hello"}, "response": {"content": SAID}},
    {
        "match": {"endpoint": "image", "userMessage": "a fox"},
        "response": {"image": {"b64Json": b64encode(PICTURE).decode()}},
    },
    {
        "match": {"endpoint": "speech", "userMessage": "Good morning"},
        "response": {"audio": b64encode(SOUND).decode(), "format": "mp3"},
    },
    {
        "match": {"endpoint": "transcription"},
        "response": {"transcription": {"text": "Good morning."}},
    },
    {
        "match": {"endpoint": "embedding", "inputText": "rain"},
        "response": {"embedding": [0.25, -0.5, 0.125]},
    },
]
PLACES: dict[str, tuple[str, str, str, dict[str, Any]]] = {
    "openai chat": ("openai", "/v1", "gpt-4.1", {"api": "chat"}),
    "openai responses": ("openai", "/v1", "gpt-6-sol", {"api": "responses"}),
    "anthropic": ("anthropic", "", "claude-sonnet-4-6", {}),
    "google": ("google", "", "gemini-2.5-flash", {}),
    "mistral": ("mistral", "/v1", "mistral-small-2603", {}),
    "deepseek": ("deepseek", "", "deepseek-flash", {}),
    "openrouter": ("openrouter", "/api/v1", "openai/gpt-6-sol", {}),
    "ollama": ("ollama", "", "llama3", {}),
}
"""A provider, where aimock has it, a model, and what to say besides."""
THINKERS = ("openai responses", "anthropic", "google", "deepseek")
WEATHER = Tool(
    name="get_weather",
    description="The weather in a city",
    parameters={"type": "object", "properties": {"city": {"type": "string"}}},
)


def package() -> Path | None:
    """Where aimock's package is, if anywhere."""
    folder = os.environ.get(VARIABLE)
    if folder is None or shutil.which("node") is None:
        return None
    found = Path(folder) / "@copilotkit" / "aimock"
    return found if (found / "dist" / "cli.js").is_file() else None


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The server, in a process of its own, until the module is through."""
    found, node = package(), shutil.which("node")
    if found is None or node is None:
        pytest.skip(f"needs node, and {VARIABLE} to name a node_modules with @copilotkit/aimock")
    fixtures = tmp_path_factory.mktemp("aimock") / "fixtures.json"
    fixtures.write_text(json.dumps({"fixtures": FIXTURES}), "utf-8")
    command = [node, str(found / "dist" / "cli.js"), "-p", "0", "-f", str(fixtures), "--strict"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    ) as server:
        assert server.stdout is not None
        told = (LISTENING.search(line) for line in server.stdout)
        listening = next((one for one in told if one), None)
        assert listening is not None, "the server did not start"
        yield listening[1]
        server.kill()


@pytest.fixture(params=PLACES)
def place(request: pytest.FixtureRequest) -> str:
    """One adapter after the other."""
    name: str = request.param
    return name


@pytest.fixture
def asked(
    address: str, tmp_path: Path, place: str, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[Client, dict[str, Any]]]:
    """A client that is configured as a user would, and what every call to it says."""
    # A client refuses variables that are named as its own and are not: this one is the tests'.
    monkeypatch.delenv(VARIABLE)
    provider, path, model, options = PLACES[place]
    row = {"base_url": address + path, "api_key": "test-key"}
    config = {"data_dir": str(tmp_path), "providers": {provider: row}}
    common = {
        "model": f"{provider}/{model}",
        "options": options,
        "retry_config": {"max_attempts": 1},
    }
    with Client(config=config) as client:
        yield client, common


def test_it_answers(asked: tuple[Client, dict[str, Any]], place: str) -> None:
    """The words, the finish, who said it."""
    client, common = asked
    result = client.text("hello", **common)
    assert result.text == SAID
    assert result.provider == PLACES[place][0]
    assert result.finish.unified == "stop"


def test_it_streams(asked: tuple[Client, dict[str, Any]]) -> None:
    """Several pieces that add up to the whole."""
    client, common = asked
    events = list(client.stream_text("hello", **common))
    pieces = [event.text for event in events if isinstance(event, TextDelta)]
    assert len(pieces) > 1
    assert "".join(pieces) == SAID
    last = events[-1]
    assert isinstance(last, StreamEnd)
    assert (last.result.text, last.result.finish.unified) == (SAID, "stop")


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_a_tool_goes_around(asked: tuple[Client, dict[str, Any]], *, streamed: bool) -> None:
    """Called with its arguments; its answer leads on."""
    client, common = asked
    if streamed:
        *_, last = client.stream_text("the weather in Oslo", tools=(WEATHER,), **common)
        assert isinstance(last, StreamEnd)
        result = last.result
    else:
        result = client.text("the weather in Oslo", tools=(WEATHER,), **common)
    (call,) = result.tool_calls
    assert (call.name, call.arguments) == ("get_weather", {"city": "Oslo"})
    assert result.finish.unified == "tool_calls"
    history = (
        UserMessage(content="the weather in Oslo"),
        AssistantMessage(tool_calls=result.tool_calls),
        ToolMessage(tool_call_id=call.id, content="rain", name=call.name),
    )
    after = client.text(messages=history, tools=(WEATHER,), **common)
    assert after.text == "It rains in Oslo."


@pytest.mark.parametrize(
    ("word", "error"), [("busy", RateLimited), ("locked", AuthenticationFailed)]
)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_failures_are_told_apart(
    asked: tuple[Client, dict[str, Any]], word: str, error: type[Exception], *, streamed: bool
) -> None:
    """By their status, whichever way it was asked."""
    client, common = asked
    with pytest.raises((error, NoRouteSucceeded)) as raised:
        _ = list(client.stream_text(word, **common)) if streamed else client.text(word, **common)
    caught = raised.value
    failures = caught.failures if isinstance(caught, NoRouteSucceeded) else (caught,)
    assert [type(one) for one in failures] == [error]


@pytest.mark.parametrize("place", THINKERS, indirect=True)
def test_reasoning_is_kept_apart(asked: tuple[Client, dict[str, Any]]) -> None:
    """From what is said, whole and streamed."""
    client, common = asked
    whole = client.text("think", **common)
    assert (whole.text, whole.reasoning) == ("Four.", "2 and 2.")
    events = list(client.stream_text("think", **common))
    thought = "".join(one.text for one in events if isinstance(one, ReasoningDelta))
    assert thought == "2 and 2."


@pytest.mark.parametrize("place", ["openai chat"], indirect=True)
def test_pictures_and_sound(asked: tuple[Client, dict[str, Any]]) -> None:
    """The bytes that aimock was given come out as they were; what it hears and measures, too."""
    client, _ = asked
    picture = client.image("a fox", model="openai/gpt-image-1.5")
    assert picture.artifacts[0].read() == PICTURE
    spoken = client.speech("Good morning", model="openai/gpt-4o-mini-tts", voice="alloy")
    assert spoken.artifacts[0].read() == SOUND
    sound = MediaBytes(data=wav(1.0), media_type="audio/wav", filename="a.wav")
    assert client.transcribe(sound, model="openai/whisper-1").text == "Good morning."
    measured = client.embed(["rain"], model="openai/text-embedding-3-small")
    assert measured.embeddings[0] == pytest.approx((0.25, -0.5, 0.125))
