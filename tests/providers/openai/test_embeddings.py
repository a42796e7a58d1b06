"""Embeddings: what is sent, and what an answer means."""

from __future__ import annotations

import json
from typing import Any

import pytest

from anymedia.contracts.embedding import EmbeddingAnswer, EmbeddingRequest
from anymedia.contracts.errors import GenerationError, ProviderError, UnreadableResponse
from anymedia.providers.dialects.openai import embeddings
from anymedia.providers.dialects.openai.errors import OPENAI_ERRORS, explain
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import replay
from anymedia.wire.http import HttpRequest, HttpResponse


def exchanged(
    body: Any, inputs: Any = ("a", "b"), **fields: Any
) -> tuple[HttpRequest, EmbeddingAnswer]:
    """What goes out for these texts, and what this answer is read as."""
    request = EmbeddingRequest(model="text-embedding-3-small", inputs=inputs, **fields)
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent, answer = replay(
        embeddings.exchange(request, Brief(), OPENAI_ERRORS),
        HttpResponse(200, content, {"x-request-id": "req_1"}),
        explain=explain,
    )
    return sent[0], answer


def vectors(*pairs: tuple[int | None, list[Any]]) -> dict[str, Any]:
    """An answer with these vectors."""
    return {
        "model": "m-1",
        "data": [{"index": index, "embedding": values} for index, values in pairs],
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }


def test_texts_go_out_and_vectors_come_back_in_their_order() -> None:
    """The index decides, not the order of arrival."""
    sent, answer = exchanged(vectors((1, [3, 4.5]), (0, [1, 2])))
    assert (sent.method, sent.path) == ("POST", "/embeddings")
    assert sent.json == {
        "model": "text-embedding-3-small",
        "input": ("a", "b"),
        "encoding_format": "float",
    }
    assert answer.embeddings == ((1.0, 2.0), (3.0, 4.5))
    assert (answer.model, answer.request_id, answer.usage.input_tokens) == ("m-1", "req_1", 7)


def test_a_size_can_be_asked_for_and_the_encoding_is_ours() -> None:
    """An option cannot turn the answer into something that is not read here."""
    options = {"encoding_format": "base64", "user": "u1"}
    sent, _ = exchanged(vectors((0, [1])), "alone", dimensions=64, options=options)
    assert sent.json["dimensions"] == 64
    assert sent.json["encoding_format"] == "float"
    assert sent.json["user"] == "u1"


def test_without_indexes_the_order_is_the_one_of_arrival() -> None:
    """Some servers leave them out."""
    assert exchanged(vectors((None, [1]), (None, [2])))[1].embeddings == ((1.0,), (2.0,))


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (vectors((0, [1])), UnreadableResponse),
        (vectors((0, [1]), (1, [2]), (2, [3])), UnreadableResponse),
        (vectors((0, ["nan"]), (1, [2])), UnreadableResponse),
        (vectors((0, ["x"]), (1, [2])), UnreadableResponse),
        ({"data": [{"index": 0, "embedding": "AAAA"}]}, UnreadableResponse),
        ({"data": None}, UnreadableResponse),
        ({"error": {"message": "no"}}, ProviderError),
        ({"object": "error", "message": "no"}, ProviderError),
        (b"", UnreadableResponse),
        (b"<html>", UnreadableResponse),
    ],
)
def test_an_answer_that_does_not_fit_the_texts_is_none(
    body: Any, error: type[GenerationError]
) -> None:
    """A vector too few would put every later one beside the wrong text."""
    with pytest.raises(error):
        exchanged(body)
