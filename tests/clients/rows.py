"""What each client is asked for: the rows of the matrix, and the tests behind each of its cells."""

from __future__ import annotations

from collections.abc import Iterator

from tests.clients.matrix import MODELS, PROVIDERS, Cell, Row
from tests.clients.official import OFFICIAL

EVERYONE = tuple(PROVIDERS)
WITH_SCHEMAS = tuple(one for one in PROVIDERS if one != "deepseek")
"""DeepSeek has JSON, and no schema for it."""
ROWS = (
    *OFFICIAL,
    # --- LangChain ---
    Row("langchain-openai", "chat", "`ChatOpenAI.invoke`", EVERYONE),
    Row("langchain-openai", "stream", "`stream`", EVERYONE),
    Row("langchain-openai", "tools", "`bind_tools`", EVERYONE),
    Row(
        "langchain-openai",
        "structured",
        "`with_structured_output`",
        WITH_SCHEMAS,
        refused=("deepseek",),
    ),
    Row(
        "langchain-openai",
        "structured",
        'the same with `method="function_calling"`',
        EVERYONE,
        function="structured_by_tool",
    ),
    Row(
        "langchain-openai",
        "embedding",
        "`OpenAIEmbeddings.embed_documents`",
        tuple(MODELS["embedding"]),
    ),
    *(
        Row("langchain-openai-responses", one, call, EVERYONE, function=f"{one}_by_responses")
        for one, call in {
            "chat": "`ChatOpenAI.invoke`",
            "stream": "`stream`",
            "tools": "`bind_tools`",
        }.items()
    ),
    Row("langchain-anthropic", "chat", "`ChatAnthropic.invoke`", EVERYONE),
    Row("langchain-anthropic", "stream", "`stream`", EVERYONE),
    Row("langchain-anthropic", "tools", "`bind_tools`", EVERYONE),
    Row(
        "langchain-anthropic",
        "structured",
        "`with_structured_output`",
        EVERYONE,
        function="structured_by_tool",
    ),
    Row(
        "langchain-anthropic",
        "structured",
        'the same with `method="json_schema"`',
        WITH_SCHEMAS,
        refused=("deepseek",),
    ),
    # --- llm: each is a process of its own, so not all of them ---
    Row("llm", "chat", "`llm PROMPT --no-stream --json`", EVERYONE),
    Row("llm", "stream", "`llm PROMPT --usage`", ("openai", "anthropic")),
    Row("llm", "tools", "`llm PROMPT --functions CODE`", ("anthropic", "google", "deepseek")),
    Row("llm", "structured", "`llm PROMPT --schema SCHEMA`", ("mistral",), refused=("deepseek",)),
    # --- LiteLLM ---
    Row("litellm", "chat", "`completion`", EVERYONE),
    Row("litellm", "stream", "the same with `stream=True`", EVERYONE),
    Row("litellm", "tools", "tools", EVERYONE),
    Row("litellm", "structured", "`response_format=Model`", WITH_SCHEMAS, refused=("deepseek",)),
    Row("litellm", "embedding", "`embedding`", tuple(MODELS["embedding"])),
    Row("litellm", "image", "`image_generation`", tuple(MODELS["image"])),
    Row(
        "litellm-anthropic",
        "chat",
        "`completion`",
        EVERYONE,
        function="chat_in_anthropics_language",
    ),
    Row(
        "litellm-anthropic",
        "stream",
        "the same with `stream=True`",
        EVERYONE,
        function="stream_in_anthropics_language",
    ),
    # --- Instructor ---
    Row("instructor", "structured", "`Mode.JSON_SCHEMA`", WITH_SCHEMAS, refused=("deepseek",)),
    Row("instructor", "structured", "`Mode.TOOLS`", EVERYONE, function="structured_by_tool"),
    Row(
        "instructor",
        "structured",
        "`create_partial`",
        EVERYONE,
        function="structured_in_pieces",
    ),
    Row(
        "instructor-anthropic",
        "structured",
        "`Mode.ANTHROPIC_TOOLS`",
        EVERYONE,
        function="structured_by_tool_in_anthropics_language",
    ),
    # --- Vercel's `ai` ---
    *(
        row
        for client in ("ai-openai-compatible", "ai-openai")
        for row in (
            Row(client, "chat", "`generateText`", EVERYONE),
            Row(client, "stream", "`streamText`", EVERYONE),
            Row(client, "tools", "tools, `stopWhen: stepCountIs(2)`", EVERYONE),
            Row(client, "structured", "`generateObject`", WITH_SCHEMAS, refused=("deepseek",)),
            Row(client, "embedding", "`embedMany`", tuple(MODELS["embedding"])),
            Row(client, "image", "`generateImage`", tuple(MODELS["image"])),
        )
    ),
    Row("ai-openai", "speech", "`generateSpeech`", tuple(MODELS["speech"])),
    Row("ai-openai", "transcription", "`transcribe`", tuple(MODELS["transcription"])),
    Row("ai-openai-responses", "chat", "`generateText`", EVERYONE),
    Row("ai-openai-responses", "stream", "`streamText`", EVERYONE),
    Row("ai-openai-responses", "tools", "tools, `stopWhen: stepCountIs(2)`", EVERYONE),
    Row(
        "ai-openai-responses",
        "structured",
        "`generateObject`",
        WITH_SCHEMAS,
        refused=("deepseek",),
    ),
    Row("ai-anthropic", "chat", "`generateText`", EVERYONE),
    Row("ai-anthropic", "stream", "`streamText`", EVERYONE),
    Row("ai-anthropic", "tools", "tools, `stopWhen: stepCountIs(2)`", EVERYONE),
    Row("ai-anthropic", "structured", "`generateObject`", EVERYONE),
)


def cells() -> Iterator[Cell]:
    """Everything that is asked by the tests beside this file."""
    for row in ROWS:
        yield from row.cells()


def shown() -> dict[str, set[str]]:
    """The tests behind every row's cells, by what the page calls the row."""
    return {
        f"{row.client}: {row.call}": {*(cell.test for cell in row.cells()), *row.elsewhere.values()}
        for row in ROWS
    }
