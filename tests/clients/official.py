"""What the official clients are asked for.

The dialects' own tests ask most of it, with OpenAI, Anthropic and `echo` behind them; here the
other providers are asked.
"""

from __future__ import annotations

from tests.clients.matrix import MODELS, Row

OPENAI = "gateway/openai/test_chat_sdk.py::"
RESPONSES = "gateway/openai/test_responses_sdk.py::"
MEDIA = "gateway/openai/test_media_sdk.py::"
ANTHROPIC = "gateway/anthropic/test_messages_sdk.py::"
OTHERS = ("google", "mistral", "deepseek")


def at(
    test: str, *providers: str, form: str = "[{model}]", operation: str = "chat"
) -> dict[str, str]:
    """Tests that exist elsewhere, with the model in their id."""
    return {one: test + form.format(model=MODELS[operation][one]) for one in providers}


OFFICIAL = (
    # --- OpenAI's own ---
    Row(
        "openai",
        "chat",
        "`chat.completions.create`",
        OTHERS,
        elsewhere=at(f"{OPENAI}test_any_provider_answers_a_chat", "openai", "anthropic", "echo"),
    ),
    Row(
        "openai",
        "stream",
        "the same with `stream=True`",
        OTHERS,
        elsewhere=at(
            f"{OPENAI}test_any_provider_answers_a_chat_as_it_comes", "openai", "anthropic", "echo"
        ),
    ),
    Row(
        "openai",
        "tools",
        "tools, whole and streamed",
        (*OTHERS, "echo"),
        elsewhere=at(
            f"{OPENAI}test_tools_are_called_and_answered",
            "openai",
            "anthropic",
            form="[True-{model}]",
        ),
    ),
    Row(
        "openai",
        "structured",
        "`chat.completions.parse`",
        ("google", "mistral", "echo"),
        refused=("deepseek",),
        elsewhere=at(
            f"{OPENAI}test_a_structured_answer_is_parsed_by_the_client", "openai", "anthropic"
        ),
    ),
    Row(
        "openai",
        "embedding",
        "`embeddings.create`",
        ("google", "mistral"),
        elsewhere=at(f"{MEDIA}test_texts_become_vectors", "openai", "echo", operation="embedding"),
    ),
    Row(
        "openai",
        "image",
        "`images.generate`",
        ("google",),
        elsewhere=at(
            f"{MEDIA}test_a_picture_comes_inside_the_answer", "openai", "echo", operation="image"
        ),
    ),
    Row(
        "openai",
        "edit",
        "`images.edit`",
        ("google", "echo"),
        elsewhere={"openai": f"{MEDIA}test_pictures_are_edited"},
    ),
    Row(
        "openai",
        "speech",
        "`audio.speech.create`",
        ("google", "mistral"),
        elsewhere={
            "openai": f"{MEDIA}test_words_are_spoken[openai/gpt-4o-mini-tts-coral]",
            "echo": f"{MEDIA}test_words_are_spoken[echo/voice-narrator]",
        },
    ),
    Row(
        "openai",
        "transcription",
        "`audio.transcriptions.create`",
        ("google", "mistral"),
        elsewhere=at(
            f"{MEDIA}test_speech_is_written_down", "openai", "echo", operation="transcription"
        ),
    ),
    Row(
        "openai",
        "video",
        "`videos.create_and_poll`, `download_content`",
        ("google",),
        elsewhere={"echo": f"{MEDIA}test_a_clip_is_made_and_fetched"},
    ),
    Row(
        "openai",
        "models",
        "`models.list`, `models.retrieve`",
        (),
        elsewhere=dict.fromkeys(
            ("openai", "anthropic", "echo"), f"{OPENAI}test_models_are_listed_and_found"
        ),
    ),
    Row(
        "openai-responses",
        "chat",
        "`responses.create`",
        OTHERS,
        function="chat_by_responses",
        elsewhere=at(
            f"{RESPONSES}test_any_provider_gives_a_response", "openai", "anthropic", "echo"
        ),
    ),
    Row(
        "openai-responses",
        "stream",
        "`responses.stream`",
        OTHERS,
        function="stream_by_responses",
        elsewhere=at(
            f"{RESPONSES}test_any_provider_gives_a_response_as_it_comes",
            "openai",
            "anthropic",
            "echo",
        ),
    ),
    Row(
        "openai-responses",
        "tools",
        "functions, whole and streamed",
        (*OTHERS, "echo"),
        function="tools_by_responses",
        elsewhere=at(
            f"{RESPONSES}test_functions_are_called_and_answered",
            "openai",
            "anthropic",
            form="[True-{model}]",
        ),
    ),
    Row(
        "openai-responses",
        "structured",
        "`responses.parse`",
        ("google", "mistral", "echo"),
        function="structured_by_responses",
        refused=("deepseek",),
        elsewhere=at(
            f"{RESPONSES}test_a_structured_response_is_parsed_by_the_client",
            "openai",
            "anthropic",
        ),
    ),
    # --- Anthropic's own ---
    Row(
        "anthropic",
        "chat",
        "`messages.create`",
        OTHERS,
        elsewhere=at(
            f"{ANTHROPIC}test_any_provider_answers_a_message",
            "openai",
            "anthropic",
            "echo",
            form="[{model}-ask]",
        ),
    ),
    Row(
        "anthropic",
        "stream",
        "`messages.stream`",
        OTHERS,
        elsewhere=at(f"{ANTHROPIC}test_words_come_as_they_are_said", "openai", "anthropic", "echo"),
    ),
    Row(
        "anthropic",
        "tools",
        "tools, whole and streamed",
        (*OTHERS, "echo"),
        elsewhere=at(
            f"{ANTHROPIC}test_tools_are_called_and_answered",
            "openai",
            "anthropic",
            form="[{model}-streamed]",
        ),
    ),
    Row(
        "anthropic",
        "structured",
        "`output_config` with a schema",
        ("anthropic", "google", "mistral", "echo"),
        refused=("deepseek",),
        elsewhere={"openai": f"{ANTHROPIC}test_structured_output_is_asked_for[ask]"},
    ),
    Row(
        "anthropic",
        "models",
        "`models.list`, `models.retrieve`",
        (),
        elsewhere=dict.fromkeys(
            ("openai", "anthropic"), f"{ANTHROPIC}test_models_are_listed_in_anthropics_words"
        ),
    ),
)
