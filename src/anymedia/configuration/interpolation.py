"""`${NAME}` and `${NAME:-default}` in values; `$${` stands for `${` itself."""

from __future__ import annotations

import re
from collections.abc import Callable

REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\})?")


class UnfinishedReference(ValueError):
    """A `${` that no reference follows."""


def filled_in(text: str, value: Callable[[str, str | None], str]) -> str:
    """The text with its references replaced by `value(name, default)`."""

    def replacement(found: re.Match[str]) -> str:
        if found[0] == "$${":
            return "${"
        if found[1] is None:
            raise UnfinishedReference
        return value(found[1], found[2])

    return REFERENCE.sub(replacement, text) if "${" in text else text
