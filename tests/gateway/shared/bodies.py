"""Bodies as strangers send them: right, nearly right, and anything."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from typing import Any

from hypothesis import strategies as st

from anymedia.contracts.errors import GenerationError
from anymedia.gateway.shared.reading import Reading

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-5, 10**20)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
)
ANYTHING: st.SearchStrategy[Any] = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=8,
)


def damaged(bodies: st.SearchStrategy[dict[str, Any]]) -> st.SearchStrategy[dict[str, Any]]:
    """The same with something in them replaced, at any depth."""

    @st.composite
    def one(draw: st.DrawFn) -> dict[str, Any]:
        body = deepcopy(draw(bodies))  # strategies hand out the same object again
        place: Any = body
        while True:
            keys = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not keys:
                return body
            key = draw(st.sampled_from(keys))
            inner = place[key]
            if isinstance(inner, dict | list) and inner and draw(st.booleans()):
                place = inner
                continue
            place[key] = draw(ANYTHING)
            return body

    return one()


def refusal(read: Callable[[Reading], object], body: dict[str, Any]) -> GenerationError | None:
    """Why a body is refused; nothing where it is understood."""
    try:
        read(Reading(body))
    except GenerationError as error:
        return error
    return None
