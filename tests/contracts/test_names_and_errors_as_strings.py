"""The two strings of older versions: `provider/model`, and `CODE: message`."""

from __future__ import annotations

from typing import get_args

import pytest
from hypothesis import given, strategies as st
from tests.contracts.documents import messages, models, routes, without_slash

from anymedia.contracts.envelope.failure import understood, written
from anymedia.contracts.envelope.route import divided, joined
from anymedia.contracts.problem import Code


@pytest.mark.parametrize(
    ("route", "provider", "model"),
    [
        ("openai/gpt-5", "openai", "gpt-5"),
        ("replicate/black-forest-labs/flux", "replicate", "black-forest-labs/flux"),
        ("gpt-5", None, "gpt-5"),
        ("openai/", "openai", None),
        ("/black-forest-labs/flux", None, "black-forest-labs/flux"),
        ("//", None, "/"),
        (None, None, None),
    ],
)
def test_the_first_slash_divides(
    route: str | None, provider: str | None, model: str | None
) -> None:
    """The table at the top of the module, both ways."""
    assert divided(route) == (provider, model)
    assert joined(provider, model) == route


@given(routes)
def test_every_route_is_the_one_spelling_of_its_pair(route: str) -> None:
    """Taken apart and joined, it is the same string."""
    assert joined(*divided(route)) == route


@given(st.none() | without_slash, st.none() | models)
def test_every_pair_has_a_route(provider: str | None, model: str | None) -> None:
    """Joined and taken apart, it is the same pair."""
    assert divided(joined(provider, model)) == (provider, model)


@given(messages)
def test_every_error_text_is_the_one_spelling_of_its_error(text: str) -> None:
    """Also one that only looks as if it had a code."""
    assert written(*understood(text)) == text


@given(st.sampled_from(get_args(Code)), messages)
def test_every_error_has_a_text(code: Code, message: str) -> None:
    """Also one whose message looks like another error."""
    assert understood(written(code, message)) == (code, message)
