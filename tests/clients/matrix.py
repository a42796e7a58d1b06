"""Which clients are asked for what, in which language, with which providers behind the gateway.

The tests are made from this and from `rows.py`, and so is the table in `docs/clients.md`: a cell of
the table is a test. Nothing is imported in either but the standard library, as the page is made
without the tests.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal, NamedTuple

PROVIDERS = {
    "openai": "OpenAI",
    "anthropic": "Anthropic",
    "google": "Gemini",
    "mistral": "Mistral",
    "deepseek": "DeepSeek",
    "echo": "echo",
}
TEXT = {
    "openai": "openai/gpt-4.1",
    "anthropic": "anthropic/claude-sonnet-5",
    "google": "google/gemini-3.5-flash",
    "mistral": "mistral/mistral-small-latest",
    "deepseek": "deepseek/deepseek-flash",
    "echo": "echo/hello",
}
MODELS: dict[str, dict[str, str]] = {
    "chat": TEXT,
    "stream": TEXT,
    "tools": TEXT,
    "structured": TEXT,
    "embedding": {
        "openai": "openai/text-embedding-3-small",
        "google": "google/gemini-embedding-001",
        "mistral": "mistral/mistral-embed",
        "echo": "echo/vectors",
    },
    "image": {
        "openai": "openai/gpt-image-2",
        "google": "google/gemini-3.1-flash-image",
        "echo": "echo/picture",
    },
    "speech": {
        "openai": "openai/gpt-4o-mini-tts",
        "google": "google/gemini-3.8-flash-tts",
        "mistral": "mistral/voxtral-mini-tts-3-0",
        "echo": "echo/voice",
    },
    "transcription": {
        "openai": "openai/whisper-1",
        "google": "google/gemini-flash-latest",
        "mistral": "mistral/voxtral-mini-latest",
        "echo": "echo/ears",
    },
    "video": {"google": "google/gemini-omni-1.2-flash", "echo": "echo/clip"},
    "models": TEXT,
}
"""The model that is asked, by operation and provider. Who is not here has none."""
MODELS["edit"] = MODELS["image"]


class Client(NamedTuple):
    """A client, in one of its languages."""

    name: str
    language: Literal["OpenAI", "OpenAI, responses", "Anthropic"]
    driver: str
    """Its file in `drivers/`, or the provider of `node/vercel.mjs`."""
    home: Literal["ours", "clients", "node"] = "clients"
    """Which environment it is installed in."""
    finish: str = "stop"
    """Its word for an answer that ended well."""
    shows_pieces: bool = True
    """Whether a stream's pieces can be told apart from outside."""


CLIENTS = {
    "openai": Client("`openai`", "OpenAI", "openai", "ours"),
    "openai-responses": Client("`openai`", "OpenAI, responses", "openai", "ours", "completed"),
    "anthropic": Client("`anthropic`", "Anthropic", "anthropic", "ours", "end_turn"),
    "langchain-openai": Client("`langchain-openai`", "OpenAI", "langchain_openai"),
    "langchain-openai-responses": Client(
        "`langchain-openai`", "OpenAI, responses", "langchain_openai", finish="completed"
    ),
    "langchain-anthropic": Client(
        "`langchain-anthropic`", "Anthropic", "langchain_anthropic", finish="end_turn"
    ),
    "llm": Client("`llm`, the command", "OpenAI", "llm", shows_pieces=False),
    "litellm": Client("`litellm`, models `openai/...`", "OpenAI", "litellm"),
    "litellm-anthropic": Client("`litellm`, models `anthropic/...`", "Anthropic", "litellm"),
    "instructor": Client("`instructor` with `openai`", "OpenAI", "instructor"),
    "instructor-anthropic": Client("`instructor` with `anthropic`", "Anthropic", "instructor"),
    "ai-openai-compatible": Client(
        "`ai` with `@ai-sdk/openai-compatible`", "OpenAI", "openai-compatible", "node"
    ),
    "ai-openai": Client("`ai` with `@ai-sdk/openai`", "OpenAI", "openai", "node"),
    "ai-openai-responses": Client(
        "`ai` with `@ai-sdk/openai`", "OpenAI, responses", "openai-responses", "node"
    ),
    "ai-anthropic": Client("`ai` with `@ai-sdk/anthropic`", "Anthropic", "anthropic", "node"),
}


class Row(NamedTuple):
    """One thing that a client is asked for."""

    client: str
    operation: str
    """What comes back, and so what is asserted."""
    call: str
    """How the client says it."""
    tried: tuple[str, ...]
    """Providers that answer it."""
    function: str = ""
    """Its function in the driver, where that is not called as the operation is."""
    refused: tuple[str, ...] = ()
    """Providers that cannot, which the client is told."""
    elsewhere: Mapping[str, str] = {}
    """Tests of the dialect itself, by provider, below `tests/`."""

    def cells(self) -> Iterator[Cell]:
        """What is asked here."""
        for provider in (*self.tried, *self.refused):
            yield Cell(self, provider)


class Cell(NamedTuple):
    """One client, one call, one provider."""

    row: Row
    provider: str

    @property
    def id(self) -> str:
        """The test's, in brackets."""
        return f"{self.row.client}-{self.row.function or self.row.operation}-{self.provider}"

    @property
    def client(self) -> Client:
        """Who asks."""
        return CLIENTS[self.row.client]

    @property
    def model(self) -> str:
        """Who is asked."""
        return MODELS[self.row.operation][self.provider]

    @property
    def test(self) -> str:
        """Where it is shown, below `tests/`."""
        name = REFUSED if self.provider in self.row.refused else TESTS[self.row.operation]
        return f"clients/test_clients.py::{name}[{self.id}]"


TESTS = {
    "chat": "test_a_chat_is_answered",
    "stream": "test_an_answer_comes_piece_by_piece",
    "tools": "test_a_tool_is_called_and_what_it_says_is_heard",
    "structured": "test_an_answer_is_an_object_of_its_schema",
    "embedding": "test_texts_become_vectors",
    "image": "test_a_picture_is_drawn",
    "edit": "test_a_picture_is_edited",
    "speech": "test_words_are_spoken",
    "transcription": "test_speech_is_written_down",
    "video": "test_a_clip_is_made",
}
REFUSED = "test_what_a_provider_cannot_do_is_refused_in_words"
