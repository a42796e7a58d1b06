"""Everything that is wrong with a configuration, collected and told at once.

What was given stays out of it: it may be a key that was put in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import Any

from pydantic import BaseModel

from anymedia.contracts.configuration import Origin, ProviderSettings, Settings
from anymedia.contracts.documentation import contracts_in
from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.mistakes import printable


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong."""

    path: tuple[str, ...]
    expected: str
    """What should be there, or what is the matter."""
    where: str | None = None
    """The file and line, or the variable."""
    unset: bool = False
    """It refers to a variable that is not set."""

    def __str__(self) -> str:
        subject = [word for word in (self.name, self.where) if word]
        if len(subject) == 2:
            subject = [self.name] if self.name == self.where else [f"{self.name} ({self.where})"]
        return ": ".join([*subject, self.expected])

    @property
    def name(self) -> str:
        """The path as people write it."""
        return ".".join(printable(step) for step in self.path)

    def facts(self) -> dict[str, Any]:
        """For programs."""
        return {"path": self.name, "expected": self.expected, "from": self.where}


@dataclass(slots=True)
class Mistakes:
    """What has been found so far."""

    found: list[Mistake] = field(default_factory=list)

    def add(
        self,
        path: tuple[str, ...],
        expected: str,
        *,
        where: str | None = None,
        unset: bool = False,
    ) -> None:
        """One more; the same twice is once."""
        mistake = Mistake(path, expected, where, unset)
        if mistake not in self.found:
            self.found.append(mistake)

    def forgive_unset(self, path: tuple[str, ...]) -> None:
        """Nobody needs the variables of what is switched off."""
        self.found = [
            one for one in self.found if not (one.unset and one.path[: len(path)] == path)
        ]

    def raise_any(self) -> None:
        """Tell them all, if there are any."""
        if not self.found:
            return
        count = len(self.found)
        head = (
            f"the configuration has {count} mistakes" if count > 1 else "the configuration is wrong"
        )
        raise InvalidConfiguration(
            "\n  ".join([f"{head}:", *map(str, self.found)]),
            details={"mistakes": [one.facts() for one in self.found]},
        )


PATTERNS = {
    r"^https?://": "a URL that begins with http:// or https://",
    r"^[a-z0-9][a-z0-9_-]{0,63}$": "a name of lower-case letters, digits, `-` and `_`",
    r"^[A-Za-z0-9_.-]{1,64}$": "a name of letters, digits, `_`, `.` and `-`",
    r"^(rediss?|unix)://": "a URL that begins with redis://, rediss:// or unix://",
    r"^memcached://": "a URL such as memcached://127.0.0.1:11211",
}
KINDS = {
    "string_type": "text",
    "bool_type": "true or false",
    "bool_parsing": "true or false",
    "int_type": "a whole number",
    "int_parsing": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "float_parsing": "a number",
    "finite_number": "a finite number",
    "decimal_type": "an amount in US dollars, such as 2.50",
    "decimal_parsing": "an amount in US dollars, such as 2.50",
    "dict_type": "settings by name",
    "model_type": "settings by name",
    "model_attributes_type": "settings by name",
    "tuple_type": "a list",
    "list_type": "a list",
    "too_short": "at least one entry",
}


def expected(error: Mapping[str, Any]) -> str:
    """What should stand where pydantic found something else."""
    kind, context = error["type"], error.get("ctx", {})
    match kind:
        case "missing":
            return "is missing"
        case "extra_forbidden":
            return no_such_setting(error["loc"])
        case "literal_error":
            return f"expected {context['expected']}".replace("'", "`")
        case "string_pattern_mismatch":
            return f"expected {PATTERNS.get(context['pattern'], context['pattern'])}"
        case "greater_than_equal":
            return f"expected at least {context['ge']}"
        case "greater_than":
            return f"expected more than {context['gt']}"
        case "less_than_equal":
            return f"expected at most {context['le']}"
        case _ if kind in KINDS:
            return f"expected {KINDS[kind]}"
        case _:
            return str(error["msg"]).removeprefix("Value error, ")


def no_such_setting(steps: tuple[int | str, ...]) -> str:
    """That there is none, and which may have been meant."""
    known = settings_at(steps[:-1])
    return f"there is no such setting{meant(str(steps[-1]), known, 'known here')}"


def settings_at(steps: tuple[int | str, ...]) -> list[str]:
    """Names of the settings that there are at a place."""
    here: type[BaseModel] = Settings
    for step in steps:
        definition = here.model_fields.get(str(step))
        inner = contracts_in(definition.annotation) if definition else []
        here = inner[0] if inner else here
    by_name = here is ProviderSettings  # whose name stands in front of it
    return [name for name in here.model_fields if not (by_name and name == "name")]


def meant(given: str, known: Iterable[str], otherwise: str) -> str:
    """The end of a sentence about a name that is not known: the near ones, else all."""
    known = list(known)
    near = get_close_matches(given.lower().replace("-", "_"), known, n=2, cutoff=0.6)
    near = near or get_close_matches(given, known, n=2, cutoff=0.6)
    if near:
        return f"; did you mean {' or '.join(f'`{one}`' for one in near)}?"
    return f"; {otherwise}: {', '.join(known)}" if known else ""


def where(origin: Origin) -> str | None:
    """Where to look for a mistake."""
    return origin.where or (None if origin.layer == "default" else origin.layer)
