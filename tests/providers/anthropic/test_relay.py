"""Messages passed on as they are: what is kept of an answer."""

from __future__ import annotations

import msgspec
import pytest

from anymedia.contracts.errors import GenerationError
from anymedia.providers.dialects.anthropic.quirks import Quirks
from anymedia.providers.dialects.anthropic.relay import looked_at, relay
from anymedia.wire.http import HttpResponse

USUAL = {"content": [{}], "usage": {"input_tokens": 9, "output_tokens": 3}}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"id": "c", "model": "m", "type": "message", "error": None},
        {"id": 7, "model": {"name": "m"}, "content": []},
        {"error": {}},
        {"usage": None},
        {"usage": {"input_tokens": "5", "output_tokens": 1}},
        {"usage": {"input_tokens": 5, "output_tokens": 1, "cache_read_input_tokens": 4}},
        {"usage": {"input_tokens": 5, "output_tokens": 1, "cache_creation_input_tokens": 0}},
        {"usage": {"input_tokens": 5, "output_tokens": 1, "output_tokens_details": {"a": 1}}},
    ],
)
def test_an_answer_has_the_same_receipt_however_closely_it_is_looked_at(
    more: dict[str, object],
) -> None:
    """As nearly everybody gives it, or field by field."""
    content = msgspec.json.encode({**USUAL, **more})
    for headers in ({}, {"Request-Id": "r_1"}):
        response = HttpResponse(200, content, headers)
        assert relay(Quirks()).read(response) == looked_at(response, Quirks())


@pytest.mark.parametrize(
    "more", [{"error": {"message": "overloaded"}}, {"type": "error"}, {"content": None}]
)
def test_a_failure_inside_a_good_answer_is_one(more: dict[str, object]) -> None:
    """Whatever else it tells."""
    with pytest.raises(GenerationError):
        relay(Quirks()).read(HttpResponse(200, msgspec.json.encode({**USUAL, **more})))
