"""What is kept of a result, and what comes back."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import msgspec
import pytest
from hypothesis import given, strategies as st

from anymedia.cache.kept import Kept, opened, sealed
from anymedia.contracts.attempt import Attempt
from anymedia.contracts.cost import Cost
from anymedia.contracts.embedding import EmbeddingRequest, EmbeddingResult
from anymedia.contracts.envelope import UnifiedRequest
from anymedia.contracts.envelope.answering import answered
from anymedia.contracts.image import ImageRequest, ImageResult
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.result import Result
from anymedia.contracts.text import Finish, TextRequest, TextResult, ToolCall
from anymedia.contracts.transcription import TranscriptionRequest, TranscriptionResult
from anymedia.contracts.usage import Usage
from tests.cache.samples import answer, kept
from tests.support.clock import START

SEAL = {"digest": "d", "owner": "ann", "epoch": "e", "order": 3, "expires_at": 5.0}
COMMON = {"provider": "p", "model": "m", "cost": Cost(amount=Decimal("0.1"), basis="reported")}
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
)


@given(
    text=st.text(),
    reasoning=st.none() | st.text(),
    finish=st.sampled_from(["stop", "length", "tool_calls"]),
    arguments=st.dictionaries(st.text(max_size=3), JSON, max_size=3),
    amount=st.none() | st.decimals(0, 100, places=6),
    tokens=st.none() | st.integers(0, 10**9),
    told=st.dictionaries(st.text(max_size=3), JSON, max_size=3),
)
def test_a_text_comes_back_as_it_was(
    text: str,
    reasoning: str | None,
    finish: str,
    arguments: dict[str, object],
    amount: Decimal | None,
    tokens: int | None,
    told: dict[str, object],
) -> None:
    """Everything but what belonged to the asking: attempts, notes, time and price."""
    result = answer(
        text,
        reasoning=reasoning,
        finish=Finish.model_validate({"unified": finish, "raw": "as said"}),
        tool_calls=(ToolCall(id="c1", name="f", arguments=arguments),),
        cost=Cost(amount=amount, basis="computed" if amount is not None else "unpriced"),
        usage=Usage(input_tokens=tokens, raw=told),
        parsed=told,
        provider_state=told,
        provider_metadata=told,
        request_id="r1",
        metadata={"mine": 1},
        elapsed_seconds=3.5,
        attempts=(Attempt(number=1, provider="openai", model="gpt-5", state="succeeded"),),
    )
    first = Kept.of(result, made_at=START)
    assert first is not None
    again = opened(sealed(first, **SEAL), "d")
    assert again is not None
    assert again[1] == first
    found = again[1].result(TextRequest(prompt="any", metadata={"yours": 2}))
    changed = {"cost", "attempts", "metadata", "elapsed_seconds", "cached_at"}
    assert found.model_dump(exclude=changed) == result.model_dump(exclude=changed)
    assert (found.metadata, found.elapsed_seconds, found.cached_at) == ({"yours": 2}, None, START)
    assert (found.cost.amount, first.cost) == (Decimal(0), amount)


@pytest.mark.parametrize(
    ("request_", "result"),
    [
        (
            EmbeddingRequest(inputs=("a",)),
            EmbeddingResult(**COMMON, embeddings=((0.1, -1e-17, 3.0),)),
        ),
        (
            TranscriptionRequest(audio=b"RIFF"),
            TranscriptionResult(**COMMON, text="hello", duration_seconds=1.25),
        ),
        (
            ImageRequest(prompt="fox", seed=1),
            ImageResult(
                **COMMON,
                job_id="job_1",
                artifacts=(
                    StoredArtifact(
                        id="art_1",
                        media_type="image/png",
                        size_bytes=3,
                        sha256="abc",
                        filename="fox.png",
                        location="a/b",
                    ),
                ),
            ),
        ),
    ],
    ids=["embedding", "transcription", "image"],
)
def test_every_medium_comes_back_as_its_own_kind(request_: Request[Any], result: Result) -> None:
    """With its vectors, words and artifacts."""
    first = Kept.of(result, made_at=START)
    assert first is not None
    again = opened(sealed(first, **SEAL), "d")
    assert again is not None
    found = again[1].result(request_)
    assert type(found) is type(result)
    changed = {"cost", "cached_at"}
    assert found.model_dump(exclude=changed) == result.model_dump(exclude=changed)


def test_an_envelope_says_that_its_answer_is_from_the_cache() -> None:
    """And nothing about caches when it is not."""
    request = UnifiedRequest(
        request_id="r1", prompt="any", media_type="text", timestamp=START, schema_version="2.0"
    )
    found = kept().result(TextRequest(prompt="any"))
    for result, told in ((found, "2026-11-21T12:00:00Z"), (answer(), None)):
        response = answered(result, request, now=START, elapsed_seconds=0.0)
        assert response.result is not None
        assert response.result.get("cached_at") == told
        assert response.cost == (Decimal(0) if told else Decimal("0.25"))


def test_doubts_about_earlier_attempts_are_not_repeated() -> None:
    """They were billed then, if at all; what was adapted stays said."""
    notices = (
        Notice(code="may-have-been-billed", message="attempt 1 may be charged too"),
        Notice(code="option-dropped", message="`seed` was not sent"),
    )
    found = kept(warnings=notices).result(TextRequest(prompt="any"))
    assert found.warnings == notices[1:]


def test_what_has_no_form_as_json_is_not_kept() -> None:
    """It could not come back as it was."""
    assert Kept.of(answer(provider_metadata={"socket": object()}), made_at=START) is None
    assert Kept.of(answer("half a \ud83d"), made_at=START) is None


@given(data=st.binary(max_size=200))
def test_garbage_does_not_open(data: bytes) -> None:
    """Never an exception."""
    assert opened(data, "d") is None


@given(where=st.integers(0, 10_000), byte=st.integers(0, 255), cut=st.booleans())
def test_a_damaged_entry_opens_as_a_whole_answer_or_not_at_all(
    where: int, byte: int, cut: bool
) -> None:
    """One byte changed, or the end missing."""
    data = bytearray(sealed(kept(), **SEAL))
    where %= len(data)
    damaged = (
        bytes(data[:where])
        if cut
        else bytes(data[:where]) + bytes([byte]) + bytes(data[where + 1 :])
    )
    found = opened(damaged, "d")
    assert found is None or isinstance(found[1].decoded(), TextResult)


@pytest.mark.parametrize(
    ("place", "value"),
    [
        (0, 2),
        (1, "another key"),
        (6, "hologram"),
        (6, "image"),
        (8, "a lot"),
        (8, "NaN"),
        (9, 1e300),
        (10, b'{"provider": "p"}'),
        (10, b"\xff"),
        (10, b"[" * 5000),
    ],
)
def test_an_entry_of_another_version_does_not_open(place: int, value: object) -> None:
    """Whatever part of it is not as this version writes it."""
    parts = msgspec.msgpack.decode(sealed(kept(), **SEAL))
    assert opened(msgspec.msgpack.encode(parts), "d") is not None
    parts[place] = value
    assert opened(msgspec.msgpack.encode(parts), "d") is None
