"""From a failed validation to an `InvalidRequest`: every mistake at once, none of the values.

Values stay out of it because they may be prompts; a path, what was expected there and the next
step are enough to mend a request.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any, TypeAlias, TypeVar

from pydantic import BaseModel, ValidationError

from anymedia.contracts.errors import InvalidRequest

ContractT = TypeVar("ContractT", bound=BaseModel)
Hint: TypeAlias = Callable[[str], str | None]

LONGEST_PATH = 8
"""Steps. What lies deeper is not found by its path any more."""
LONGEST_LIST = 20
"""Mistakes in one message."""


def valid(
    contract: type[ContractT],
    document: Any,
    what: str,
    *,
    under: str = "",
    names: Mapping[str, str] | None = None,
    hint: Hint | None = None,
    next_step: str = "Mend that and send it again.",
) -> ContractT:
    """The document as its contract, or an `InvalidRequest` that lists what is wrong with `what`.

    `under` is where the document stands in a larger one. `names` are the caller's words for first
    steps of paths, where the document was built from something else. `hint` may know more about a field that does not exist.
    """
    try:
        return contract.model_validate(document)
    except ValidationError as error:
        mistakes = [
            (path(each["loc"], under, names or {}), expected(each, contract, hint))
            for each in error.errors(include_url=False, include_input=False, include_context=False)
        ]
    except (ValueError, OverflowError, RecursionError) as error:
        # Numbers or nesting beyond what Python itself handles.
        mistakes = [("", f"cannot be read ({type(error).__name__})")]
    raise InvalidRequest(
        f"{what} is not valid: {told(mistakes)}. {next_step}",
        details={"mistakes": [{"path": where, "expected": why} for where, why in mistakes]},
    ) from None


def told(mistakes: list[tuple[str, str]]) -> str:
    """All mistakes in one sentence, or as many as anybody reads."""
    shown = [f"`{where}`: {why}" if where else why for where, why in mistakes[:LONGEST_LIST]]
    left = len(mistakes) - len(shown)
    return "; ".join(shown) + (f"; and {left} more" if left else "")


def path(steps: tuple[int | str, ...], under: str, names: Mapping[str, str]) -> str:
    """Where a mistake is, in the caller's words."""
    words = [printable(str(step)) for step in steps]
    if steps and steps[0] in names:
        words[0] = names[str(steps[0])]
    if under:
        words.insert(0, under)
    return ".".join(words[:LONGEST_PATH]) + (".…" if len(words) > LONGEST_PATH else "")


def printable(word: str) -> str:
    """A name out of a document, short and fit for any terminal."""
    safe = "".join(letter if letter.isprintable() else "?" for letter in word[:60])
    return safe.encode("utf-8", "replace").decode()


def expected(mistake: Any, contract: type[BaseModel], hint: Hint | None) -> str:
    """What should stand where the mistake is."""
    match mistake["type"]:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return no_such_field(mistake["loc"], contract, hint)
        case "value_error":
            return str(mistake["msg"]).removeprefix("Value error, ")[:300]
        case "union_tag_invalid" | "union_tag_not_found":
            return "expected one of the documented kinds"
        case _:
            return str(mistake["msg"]).replace("Input should", "should", 1)[:300]


def no_such_field(
    steps: tuple[int | str, ...], contract: type[BaseModel], hint: Hint | None
) -> str:
    """That there is no such field, and which one may have been meant."""
    known = list(contract.model_fields) if len(steps) == 1 else []
    name = str(steps[-1])
    if hint is not None and len(steps) == 1 and (more := hint(name)):
        return f"there is no such field; {more}"
    near = get_close_matches(name[:60], known, n=1)
    return "there is no such field" + (f"; did you mean `{near[0]}`?" if near else "")
