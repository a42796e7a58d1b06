"""Forms are read as clients write them: lists, objects, and names that come twice."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.gateway.shared.body import add
from anymedia.gateway.shared.extension import from_form
from anymedia.gateway.spec import Refused


def fields(*pairs: tuple[str, str]) -> dict[str, Any]:
    """What a form with these fields is."""
    found: dict[str, Any] = {}
    for name, value in pairs:
        add(found, name, value)
    return found


def test_lists_and_objects_are_put_together() -> None:
    """In any of the ways that clients write them."""
    assert fields(("a", "1"), ("b[]", "2"), ("c[]", "3"), ("c[]", "4"), ("d", "5"), ("d", "6")) == {
        "a": "1",
        "b": ["2"],
        "c": ["3", "4"],
        "d": ["5", "6"],
    }
    assert fields(("a[b][c]", "1"), ("a[b][d][]", "2"), ("a[e]", "3")) == {
        "a": {"b": {"c": "1", "d": ["2"]}, "e": "3"}
    }


def test_an_object_that_is_a_value_too_is_refused() -> None:
    """It cannot be both."""
    with pytest.raises(Refused):
        fields(("a", "1"), ("a[b]", "2"))


@given(st.lists(st.tuples(st.text("ab[]", max_size=9), st.text(max_size=3)), max_size=6))
def test_no_name_breaks_the_form(pairs: list[tuple[str, str]]) -> None:
    """Whatever brackets it has; no value is lost."""
    try:
        found = fields(*pairs)
    except Refused:
        return
    assert sorted(values(found)) == sorted(value for _, value in pairs)


def values(found: Any) -> list[str]:
    """All that stands in it."""
    match found:
        case dict():
            return [one for inner in found.values() for one in values(inner)]
        case list():
            return [one for inner in found for one in values(inner)]
        case _:
            return [found]


def test_the_extension_in_a_form_means_numbers_where_it_says_numbers() -> None:
    """A form has only text; our own fields are JSON behind it."""
    said = {"options": {"seconds": "0.5", "word": "plain", "flags": ["true"]}, "max_cost": "1"}
    assert from_form(said) == {
        "options": {"seconds": 0.5, "word": "plain", "flags": [True]},
        "max_cost": 1,
    }
    assert from_form('{"tags": ["a"]}') == {"tags": ["a"]}
