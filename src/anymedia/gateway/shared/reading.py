"""A body while it is read: what is understood becomes ours, what is not is written down.

Nothing is dropped in silence. What only the caller's own dialect has goes to providers that speak
it, and is refused by its name where none of them is asked (`strangers.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, TypeVar

import msgspec

from anymedia.contracts.media import MediaBytes, MediaUrl, from_data_uri
from anymedia.contracts.mistakes import printable
from anymedia.gateway.spec import Refused

StructT = TypeVar("StructT", bound=msgspec.Struct)
WHERE = re.compile(r" - at `(key in )?\$(?P<path>[^`]*)`$")
MISSING = re.compile(r"missing required field `(?P<name>[^`]*)`")
FIRST = re.compile(r"[^.\[]+")
LONGEST = 200
LOST = "cache_control"
"""A mark of another dialect's, which people leave in: OpenAI itself refuses it. Who has it of its
own reads it as a field."""


class Reading:
    """One body."""

    __slots__ = ("_lenient", "body", "hints", "lost", "strangers")

    def __init__(self, body: dict[str, Any], *, lenient: bool = False) -> None:
        self.body = body
        self._lenient = lenient
        self.strangers: list[str] = []
        """Paths of what only the caller's dialect has."""
        self.hints: list[str] = []
        """The same of what helps and changes no answer, such as marks for a provider's cache."""
        self.lost: list[str] = []
        """Hints that never go along."""

    def top(self, kind: type[StructT], hints: Iterable[str] = ()) -> StructT:
        """The body itself. `hints` are fields that can be done without."""
        return self.read(self.body, kind, "", hints)

    def read(self, raw: Any, kind: type[StructT], path: str, hints: Iterable[str] = ()) -> StructT:
        """An object of it, with fields that are not of `kind` noted as strangers."""
        if not isinstance(raw, dict):
            raise wrong(path, "expected an object")
        try:
            understood = msgspec.convert(raw, kind, strict=not self._lenient)
        except msgspec.ValidationError as error:
            raise mistaken(error, path) from None
        for name in raw.keys() - kind.__struct_encode_fields__:
            if raw[name] is not None:
                where = f"{path}.{printable(name)}" if path else printable(name)
                if name in hints:
                    self.hints.append(where)
                else:
                    (self.lost if name == LOST else self.strangers).append(where)
        return understood

    def many(self, raw: Any, path: str) -> list[tuple[str, Any]]:
        """The items of a list, each with its path."""
        if not isinstance(raw, list):
            raise wrong(path, "expected a list")
        return [(f"{path}[{place}]", item) for place, item in enumerate(raw)]

    def stranger(self, path: str) -> None:
        """Something that only the caller's dialect has."""
        self.strangers.append(path)

    def raw(self) -> dict[str, Any]:
        """The fields that strangers and hints stand in, as they came."""
        names = dict.fromkeys(top_of(path) for path in (*self.strangers, *self.hints))
        return {name: self.body[name] for name in names if name in self.body}


def top_of(path: str) -> str:
    """The field of the body that a path leads into."""
    found = FIRST.match(path)
    return found[0] if found else path


def wrong(path: str, what: str) -> Refused:
    """A value that is not as the dialect has it."""
    return Refused(f"`{path}`: {what}" if path else f"the body: {what}", param=path or None)


def mistaken(error: msgspec.ValidationError, under: str) -> Refused:
    """The same, found by type."""
    said = str(error)
    where = WHERE.search(said)
    path = where["path"].lstrip(".") if where else ""
    if lacking := MISSING.search(said):
        path = f"{path}.{lacking['name']}" if path else lacking["name"]
        said = "is missing"
    if under and path:
        path = f"{under}{path}" if path.startswith("[") else f"{under}.{path}"
    said = WHERE.sub("", said)
    return wrong(printable_path(path or under), short(said))


def printable_path(path: str) -> str:
    """A path that may hold a caller's own words."""
    return "".join(letter if letter.isprintable() else "?" for letter in path[:LONGEST])


def short(words: str) -> str:
    """A sentence that may hold a caller's own words, no longer than anybody reads."""
    words = words[:LONGEST].replace("Expected", "expected", 1)
    return "".join(letter if letter.isprintable() else "?" for letter in words)


def shown(url: str, path: str) -> MediaUrl | MediaBytes:
    """Media by URL or data URI; nothing else, least of all a file of this machine."""
    head = url[:8].lower()
    if head.startswith("data:"):
        try:
            return from_data_uri(url)
        except ValueError as error:
            raise wrong(path, str(error)) from None
    if head.startswith(("http://", "https://")):
        return MediaUrl(url=url)
    raise wrong(path, "expected an http(s) URL or a data URI")
