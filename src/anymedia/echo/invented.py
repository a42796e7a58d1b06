"""Values that fit a JSON Schema, made of a prompt's words and numbers."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from anymedia.echo.chance import Chance
from anymedia.echo.refusal import invalid
from anymedia.echo.words import content_words, names, numbers, topic

DEEPEST = 12
MOST_STEPS = 5000
"""Schemas can refer to themselves; one that needs more steps than this is refused."""
FORMATS = {
    "date": "2026-01-15",
    "date-time": "2026-01-15T09:30:00Z",
    "time": "09:30:00Z",
    "duration": "PT30M",
    "email": "echo@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "url": "https://example.com/",
    "uuid": "123e4567-e89b-42d3-a456-426614174000",
}
PROBES = ("a", "A", "abc", "ABC", "1", "12", "123", "1234", "12345", "2026-01-15", "09:30", "a1",
          "A1", "AB-1234", "ab_cd", "#336699", "+15550100", "https://example.com/", "EUR", "en", "en-US",
          "1.0.0", "0x1f", "echo@example.com")  # fmt: skip
"""Texts that are tried where a schema has a pattern."""


class Inventor:
    """Fits values to a schema; what the prompt mentions is used up in order."""

    def __init__(self, schema: Mapping[str, Any], prompt: str, chance: Chance) -> None:
        self._root = schema
        self._topic = topic(prompt)
        self._names = names(prompt)
        self._words = content_words(prompt) or ["echo"]
        self._numbers = numbers(prompt)
        self._chance = chance
        self._told = 0
        self._left = MOST_STEPS

    def value(self, schema: Any, name: str = "", depth: int = 0) -> Any:
        """A value that fits."""
        self.step()
        if depth > DEEPEST:
            return None
        if not isinstance(schema, Mapping):  # `true` allows everything
            return self.text({}, name)
        schema = self.resolved(schema)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self.chosen(list(schema["enum"]))
        for word in ("anyOf", "oneOf"):
            if schema.get(word):
                return self.value(
                    {**without(schema, word), **self.best(schema[word])}, name, depth + 1
                )
        kind = self.kind(schema)
        match kind:
            case "object":
                return self.object(schema, depth)
            case "array":
                return self.array(schema, name, depth)
            case "integer" | "number":
                return self.number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case "null":
                return None
            case _:
                return self.text(schema, name)

    def step(self) -> None:
        """Count, and refuse what has no end."""
        self._left -= 1
        if self._left < 0:
            raise invalid("the JSON schema refers to itself without end, or is too large for echo")

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """The schema with what it refers to and all of `allOf` in one."""
        self.step()
        for _ in range(DEEPEST):
            if isinstance(reference := schema.get("$ref"), str):
                schema = {**without(schema, "$ref"), **self.referred(reference)}
            elif schema.get("allOf"):
                parts = [one for one in schema["allOf"] if isinstance(one, Mapping)]
                schema = merged([without(schema, "allOf"), *map(self.resolved, parts)])
            else:
                return schema
        return without(schema, "$ref", "allOf")

    def referred(self, reference: str) -> Mapping[str, Any]:
        """What a local reference such as `#/$defs/place` points at."""
        found: Any = self._root
        for step in reference.removeprefix("#").strip("/").split("/"):
            if not step:
                continue
            key = step.replace("~1", "/").replace("~0", "~")
            found = found.get(key) if isinstance(found, Mapping) else None
        return found if isinstance(found, Mapping) else {}

    def best(self, choices: Any) -> Mapping[str, Any]:
        """The alternative that says most: not null if it can be helped, and not recursive."""
        options = [self.resolved(one) for one in choices if isinstance(one, Mapping)]
        return next((one for one in options if one.get("type") != "null"), {"type": "null"})

    def chosen(self, values: list[Any]) -> Any:
        """One of the values: the one that the prompt names, if it does."""
        said = {word.lower() for word in self._words}
        named = [value for value in values if str(value).lower() in said]
        return named[0] if named else values[0]

    def kind(self, schema: Mapping[str, Any]) -> str:
        """Its type, also where only other words give it away."""
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = next((one for one in kind if one != "null"), "null")
        if isinstance(kind, str):
            return kind
        if "properties" in schema or "required" in schema:
            return "object"
        if "items" in schema or "prefixItems" in schema:
            return "array"
        return "number" if "minimum" in schema or "maximum" in schema else "string"

    def object(self, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        """All properties near the top; only required ones deep down, where schemas recur."""
        properties = schema.get("properties")
        properties = properties if isinstance(properties, Mapping) else {}
        required = [str(name) for name in schema.get("required") or ()]
        wanted = dict.fromkeys([*properties, *required] if depth < 4 else required)
        return {name: self.value(properties.get(name, {}), name, depth + 1) for name in wanted}

    def array(self, schema: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        """As few items as are allowed, but two where that is left open."""
        first = schema.get("prefixItems") or ()
        found = [self.value(one, name, depth + 1) for one in first]
        least = bound(schema, "minItems", 0)
        most = bound(schema, "maxItems", 1000)
        usual = 2 if depth < 4 else 0
        wanted = min(max(least, usual if not found else len(found)), most, 1000)
        items = schema.get("items", {})
        while len(found) < wanted and items is not False:
            item = self.value(items, name, depth + 1)
            if schema.get("uniqueItems") and item in found:
                item = self.another(items, found, name)
                if item is None:
                    break
            found.append(item)
        return found[:most]

    def another(self, items: Any, taken: list[Any], name: str) -> Any:
        """A further item that is not there yet."""
        schema = self.resolved(items) if isinstance(items, Mapping) else {}
        if schema.get("enum"):
            return next((value for value in schema["enum"] if value not in taken), None)
        if self.kind(schema) in {"integer", "number"}:
            step = schema.get("multipleOf") or 1
            top = max(value for value in taken if isinstance(value, (int, float))) + step
            return top if top <= schema.get("maximum", math.inf) else None
        if self.kind(schema) != "string":
            return None
        item = f"{self.text(schema, name)} {len(taken) + 1}"
        return item if len(item) <= bound(schema, "maxLength", len(item)) else None

    def number(self, schema: Mapping[str, Any], *, whole: bool) -> float:
        """A number that the prompt mentions if one fits, else a small one."""
        step = schema.get("multipleOf") or (1 if whole else 0)
        low, high = edge(schema, "Minimum", step), edge(schema, "Maximum", step)
        for index, said in enumerate(self._numbers):
            fits_step = not step or math.isclose(said / step, round(said / step), abs_tol=1e-9)
            if low <= said <= high and fits_step:
                del self._numbers[index]
                return int(said) if whole else said
        usual = 1.0 if low <= 1 <= high else (low if low > 1 else high)
        if step:
            usual = math.ceil(usual / step - 1e-9) * step
            if usual > high:
                usual = math.floor(high / step) * step
        return round(usual) if whole else usual

    def text(self, schema: Mapping[str, Any], name: str) -> str:
        """A text from the prompt's words, of legal length."""
        if isinstance(pattern := schema.get("pattern"), str):
            return self.patterned(pattern)
        if (known := FORMATS.get(str(schema.get("format")))) is not None:
            return known
        found = self.said(name)
        least, most = bound(schema, "minLength", 0), bound(schema, "maxLength", 100_000)
        while len(found) < min(least, 100_000):
            found += " " + self._topic
        return found[:most] if len(found) > most else found

    def said(self, name: str) -> str:
        """What the prompt has to say under that name."""
        self._told += 1
        if re.search(r"city|place|location|country|name|person|who|where", name, re.IGNORECASE):
            for proper in self._names:
                self._names.remove(proper)
                return proper
        if re.search(r"query|question|prompt|text|summary|description|message|content", name):
            return " ".join(self._words[:12])
        if self._told == 1:
            return self._topic
        return self._words[(self._told - 1) % len(self._words)]

    def patterned(self, pattern: str) -> str:
        """The first text at hand that fits a pattern; some patterns are beyond an echo."""
        try:
            compiled = re.compile(pattern)
        except re.error:
            return self._topic
        tries = (*self._words, self._topic, *PROBES, *(c * n for n in range(1, 17) for c in "aA1"))
        return next((one for one in tries if compiled.search(one)), self._topic)


def without(schema: Mapping[str, Any], *words: str) -> dict[str, Any]:
    """The schema less some of its keywords."""
    return {key: value for key, value in schema.items() if key not in words}


def merged(schemas: list[Mapping[str, Any]]) -> dict[str, Any]:
    """Several schemas that must all hold, as one."""
    whole: dict[str, Any] = {}
    for schema in schemas:
        for key, value in schema.items():
            before = whole.get(key)
            if isinstance(before, dict) and isinstance(value, Mapping):
                whole[key] = {**before, **value}
            elif isinstance(before, list) and isinstance(value, list) and key == "required":
                whole[key] = [*before, *value]
            else:
                whole[key] = value
    return whole


def bound(schema: Mapping[str, Any], word: str, otherwise: int) -> int:
    """A whole limit that the schema sets."""
    value = schema.get(word)
    return int(value) if isinstance(value, (int, float)) and value >= 0 else otherwise


def edge(schema: Mapping[str, Any], word: str, step: float) -> float:
    """The least or greatest number allowed; `word` is `Minimum` or `Maximum`."""
    sign = 1 if word == "Minimum" else -1
    edges = [
        value + sign * gap
        for key, gap in (
            (word.lower(), 0.0),
            (f"exclusive{word}", step or 1e-6),
        )
        if isinstance(value := schema.get(key), (int, float)) and not isinstance(value, bool)
    ]
    return (max(edges) if sign == 1 else min(edges)) if edges else -sign * math.inf


def invented(schema: Mapping[str, Any], prompt: str, chance: Chance) -> Any:
    """A value that fits a schema."""
    try:
        return Inventor(schema, prompt, chance).value(schema)
    except RecursionError:
        raise invalid("the JSON schema refers to itself without end") from None
