"""Which requests are the same."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.cache.cache import Cache
from anymedia.cache.key import LEFT_OUT, PATIENCE, cache_key
from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.caching import CacheSettings
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import UnreadableInput
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaArtifact, MediaBytes, MediaFile, MediaUrl
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from tests.support.clock import FakeClock

PNG = b"\x89PNG\r\n\x1a\n rest of a picture"
REQUESTS: tuple[Request[Any], ...] = (
    TextRequest(prompt="Weather?"),
    ImageRequest(prompt="fox", images=(PNG,)),
    VideoRequest(prompt="fox", video=b"RIFF"),
    AudioRequest(prompt="rain"),
    SpeechRequest(text="Good morning."),
    TranscriptionRequest(audio=b"RIFF"),
    EmbeddingRequest(inputs=("a", "b")),
)
OTHERS: dict[str, Any] = {
    "exclude": ("luma",),
    "prefer": ("runway",),
    "options": {"api": "responses"},
    "strict": True,
    "quality": "draft",
    "count": 2,
    "seed": 42,
    "messages": [{"role": "user", "content": "weather?"}],
    "tools": [{"name": "weather"}],
    "tool_choice": "none",
    "parallel_tool_calls": False,
    "output": {"type": "json"},
    "max_output_tokens": 7,
    "temperature": 0.0,
    "top_p": 0.5,
    "top_k": 3,
    "presence_penalty": 0.0,
    "frequency_penalty": 0.5,
    "stop": ("\n",),
    "reasoning_effort": "low",
    "user": "u1",
    "prompt": "Fox",
    "text": "Good evening.",
    "negative_prompt": "blur",
    "images": (PNG + b".",),
    "mask": PNG,
    "mode": "edit",
    "aspect_ratio": "16:9",
    "resolution": "720p",
    "background": "opaque",
    "style": "oil",
    "first_frame": PNG,
    "last_frame": PNG,
    "references": (PNG,),
    "video": b"RIFX",
    "duration_seconds": 8.0,
    "fps": 24.0,
    "audio": False,
    "lyrics": "la",
    "instrumental": False,
    "loop": False,
    "voice": "narrator",
    "language": "de",
    "instructions": "softly",
    "speed": 1.0,
    "timestamps": "word",
    "speakers": True,
    "translate": True,
    "inputs": ("a", "b", "c"),
    "dimensions": 3,
    "purpose": "query",
}
"""Another value for every field that matters, by its name."""
BY_KIND: dict[tuple[str, str], Any] = {
    ("image", "format"): "png",
    ("audio", "format"): "mp3",
    ("speech", "format"): "mp3",
    ("image", "normalize"): "webp",
    ("video", "normalize"): "mp4",
    ("audio", "normalize"): "flac",
    ("speech", "normalize"): "flac",
    ("audio", "kind"): "effect",
    ("transcription", "audio"): b"RIFX",
}
LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=4)
)
JSON = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=4)
    ),
    max_leaves=8,
)


def digest(
    request: Request[Any], *, caller: str | None = "ann", wish: str = "", shared: bool = False
) -> str:
    """The hash of everything that matters."""
    return cache_key(request, caller=caller, wish=wish, shared=shared).digest


def other(request: Request[Any], **fields: Any) -> Request[Any]:
    """The same request with other fields."""
    told = {name: getattr(request, name) for name in request.model_fields_set}
    return type(request).model_validate(told | fields)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.medium)
def test_every_field_that_matters_makes_another_request(request_: Request[Any]) -> None:
    """Each alone; a new field has to be judged here before it can be added."""
    seen = {digest(request_)}
    fields = set(type(request_).model_fields) - LEFT_OUT
    for name in sorted(fields):
        value = BY_KIND.get((request_.medium, name), OTHERS.get(name))
        assert value is not None, f"does `{name}` change an answer?"
        changed = digest(other(request_, **{name: value}))
        assert changed not in seen, name
        seen.add(changed)


@pytest.mark.parametrize("request_", REQUESTS, ids=lambda one: one.medium)
def test_what_does_not_change_an_answer_makes_no_other_request(request_: Request[Any]) -> None:
    """Notes, labels, names and patience; though patience says who may wait for whom."""
    values: dict[str, Any] = {
        "model": "gpt-5",
        "provider": "openai",
        "metadata": {"order": 7},
        "tags": ("studio",),
        "max_cost": Decimal(3),
        "idempotency_key": "k1",
        "timeout_seconds": 3.0,
        "retry": {"max_attempts": 1},
        "callback_url": "https://example.com",
        "session": "s1",
        "priority": 5,
        "cache": True,
        "fallback": False,
        "not_before": datetime(2027, 1, 1, tzinfo=UTC),
    }
    plain = cache_key(request_, caller="ann", wish="", shared=False)
    assert set(values) == LEFT_OUT
    for name in LEFT_OUT & set(type(request_).model_fields):
        changed = other(request_, **{name: values[name]})
        key = cache_key(changed, caller="ann", wish="", shared=False)
        assert key.digest == plain.digest, name
        assert (key.flight == plain.flight) == (name not in PATIENCE), name


@given(prompt=st.text(), option=JSON, seed=st.none() | st.integers(-5, 5))
def test_the_order_of_keys_is_irrelevant(prompt: str, option: Any, seed: int | None) -> None:
    """In options, schemas and wherever else there are dictionaries."""

    def turned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: turned(one) for name, one in reversed(value.items())}
        return [turned(one) for one in value] if isinstance(value, list) else value

    options = {"first": option, "second": 2, "third": {"b": 1, "a": option}}
    one = TextRequest(prompt=prompt, options=options, seed=seed)
    two = TextRequest(seed=seed, options=turned(options), prompt=prompt)
    assert digest(one) == digest(two)


@given(one=JSON, two=JSON)
def test_different_values_are_different_requests(one: Any, two: Any) -> None:
    """`1` and `"1"`, `[]` and `{}`, `null` and nothing."""
    same = json.dumps(one, sort_keys=True) == json.dumps(two, sort_keys=True)
    first, second = (TextRequest(prompt="x", options={"a": value}) for value in (one, two))
    assert (digest(first) == digest(second)) == same


@given(
    one=st.tuples(st.none() | st.text(max_size=6), st.text(max_size=6), st.text(max_size=6)),
    two=st.tuples(st.none() | st.text(max_size=6), st.text(max_size=6), st.text(max_size=6)),
)
def test_caller_wish_and_words_cannot_run_into_each_other(
    one: tuple[str | None, str, str], two: tuple[str | None, str, str]
) -> None:
    """`a` asking for `bc` is not `ab` asking for `c`."""
    keys = [
        digest(TextRequest(prompt=text), caller=who, wish=wish) for who, wish, text in (one, two)
    ]
    assert (keys[0] == keys[1]) == (one == two)


def test_the_key_is_the_same_in_another_process() -> None:
    """However that hashes strings."""
    program = (
        "from anymedia.cache.key import cache_key\n"
        "from anymedia.contracts.text import TextRequest\n"
        "request = TextRequest(prompt='Weather?', options={'b': 1, 'a': {'d': 2, 'c': 3}})\n"
        "print(cache_key(request, caller='ann', wish='openai/gpt-5', shared=False).digest)\n"
    )
    seen = set()
    for seed in ("1", "2"):
        run = subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        )
        seen.add(run.stdout.strip())
    request = TextRequest(prompt="Weather?", options={"a": {"c": 3, "d": 2}, "b": 1})
    assert seen == {digest(request, wish="openai/gpt-5")}


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 3_000_000])
def test_a_file_counts_by_what_is_in_it(tmp_path: Path, size: int) -> None:
    """Not by where it lies; and like the same bytes given directly."""
    data = PNG + b"x" * size
    for name in ("one.png", "two.png"):
        (tmp_path / name).write_bytes(data)
    one, two = (ImageRequest(images=(tmp_path / name,)) for name in ("one.png", "two.png"))
    assert digest(one) == digest(two) == digest(ImageRequest(images=(data,)))
    (tmp_path / "two.png").write_bytes(data[:-1] + b"!")
    assert digest(one) != digest(two)


def test_the_type_that_a_file_is_sent_as_counts(tmp_path: Path) -> None:
    """The same bytes as text and as a table are not the same question."""
    for name in ("a.txt", "a.csv"):
        (tmp_path / name).write_text("1,2")
    one, two = (TranscriptionRequest(audio=tmp_path / name) for name in ("a.txt", "a.csv"))
    assert digest(one) != digest(two)


def test_urls_and_artifacts_count_by_their_names() -> None:
    """Forms do not run into each other."""
    media = (
        MediaUrl(url="https://example.com/a.png"),
        MediaUrl(url="https://example.com/b.png"),
        MediaUrl(url="https://example.com/a.png", media_type="image/png"),
        MediaArtifact(artifact_id="https://example.com/a.png"),
        MediaBytes(data=b"https://example.com/a.png"),
        MediaBytes(data=b"https://example.com/a.png", media_type="image/png"),
    )
    assert len({digest(ImageRequest(images=(one,))) for one in media}) == len(media)


def test_a_file_that_is_gone_is_unreadable() -> None:
    """As it is for who sends it; and it does not suit the cache to begin with."""
    request = TranscriptionRequest(audio=MediaFile(path=Path("/nowhere/at-all.wav")))
    with pytest.raises(UnreadableInput, match=r"`/nowhere/at-all\.wav` cannot be read"):
        digest(request)
    assert not Cache(CacheSettings(), clock=FakeClock(), report=print).suits(request)


def test_a_pipe_is_left_to_who_sends_it(tmp_path: Path) -> None:
    """To look into it would be to use it up."""
    os.mkfifo(tmp_path / "pipe")
    request = TranscriptionRequest(audio=tmp_path / "pipe")
    assert not Cache(CacheSettings(), clock=FakeClock(), report=print).suits(request)


@given(words=st.sampled_from(["\ud800", "\ud83d x"]))
def test_half_a_character_has_a_key_too(words: str) -> None:
    """Python allows it; JSON as bytes does not."""
    facts: dict[str, Any] = {"user": words}
    one, two = (TextRequest.model_construct(**facts, stop=(end,)) for end in "ab")
    assert digest(one) == digest(one)
    assert digest(one) != digest(two)


def test_what_has_no_form_as_json_is_never_the_same() -> None:
    """It is a miss, not a failure."""
    message = {"role": "assistant", "content": "x", "provider_state": {"a": object()}}
    request = TextRequest(messages=[message])
    assert digest(request) != digest(request)


def test_generated_media_belong_to_their_caller_even_where_callers_share() -> None:
    """So do requests that name an artifact: others may not use it."""
    artifact = MediaArtifact(artifact_id="art_1")
    looking = [{"role": "user", "content": [{"type": "image", "image": artifact}]}]
    own = (ImageRequest(prompt="fox", seed=1), TextRequest(messages=looking))
    for request in (*own, TextRequest(prompt="fox")):
        anns, bobs = (digest(request, caller=who, shared=True) for who in ("ann", "bob"))
        assert (anns == bobs) == (request not in own)


@pytest.mark.parametrize(
    ("request_", "media", "suits"),
    [
        (TextRequest(prompt="x"), {}, True),
        (TextRequest(prompt="x"), {"text": False}, False),
        (TextRequest(prompt="x"), {"image": True}, True),
        (EmbeddingRequest(inputs="x"), {}, True),
        (TranscriptionRequest(audio=b"x"), {}, True),
        (TranscriptionRequest(audio=b"x"), {"transcription": False}, False),
        (ImageRequest(prompt="x", seed=0), {}, False),
        (ImageRequest(prompt="x", seed=0), {"image": True}, True),
        (ImageRequest(prompt="x"), {"image": True}, False),
        (VideoRequest(prompt="x", seed=1), {"image": True}, False),
        (SpeechRequest(text="x", seed=1), {"speech": True}, True),
        (AudioRequest(prompt="x", seed=1), {"audio": True}, True),
    ],
)
def test_media_are_kept_only_when_switched_on_and_repeatable(
    request_: Request[Any], media: dict[str, bool], suits: bool
) -> None:
    """Without a seed, asking twice means wanting two."""
    settings = CacheSettings.model_validate({"media": media})
    assert Cache(settings, clock=FakeClock(), report=print).suits(request_) is suits


def test_large_inputs_are_hashed_aside(tmp_path: Path) -> None:
    """With the same outcome."""
    (tmp_path / "a.wav").write_bytes(b"RIFF" * 1000)
    cache = Cache(CacheSettings(), clock=FakeClock(), report=print)
    for audio in (tmp_path / "a.wav", b"RIFF" * 1_000_000, b"RIFF"):
        request = TranscriptionRequest(audio=audio)
        aside = asyncio.run(cache.key_aside(request, caller="ann", wish="w"))
        assert aside == cache.key(request, caller="ann", wish="w")
