"""What one source says, as a tree whose leaves remember who said them.

Merging trees is then all there is to precedence, and `config show` can tell where a value comes
from.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from pydantic import BaseModel

from anymedia.contracts.configuration import Origin


@dataclass(frozen=True, slots=True)
class Said:
    """One value, and who said it."""

    value: Any
    origin: Origin


Tree: TypeAlias = "dict[str, Said | Tree]"
Path_: TypeAlias = tuple[str, ...]


def grown(value: Mapping[Any, Any], origin: Origin) -> Tree:
    """A mapping as a tree, everything in it said by the same."""
    return {
        str(name): grown(inner, origin) if isinstance(inner, Mapping) else Said(inner, origin)
        for name, inner in value.items()
    }


def plain(value: Any) -> Any:
    """Contracts, and whatever they are in, as plain mappings and lists of what was given."""
    match value:
        case BaseModel():
            given = {name: getattr(value, name) for name in value.model_fields_set}
            return plain(given)
        case Mapping():
            return {str(name): plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [plain(inner) for inner in value]
        case Path():
            return str(value)
        case _:
            return value


def merged(weaker: Tree, stronger: Tree) -> Tree:
    """Both, the stronger where they contradict. Lists are replaced, not joined."""
    whole = dict(weaker)
    for name, ours in stronger.items():
        theirs = whole.get(name)
        both = isinstance(ours, dict) and isinstance(theirs, dict)
        whole[name] = merged(theirs, ours) if both else ours  # type: ignore[arg-type]
    return whole


def put(tree: Tree, path: Path_, said: Said) -> None:
    """Say something at a path."""
    *way, last = path
    for step in way:
        inner = tree.setdefault(step, {})
        if isinstance(inner, Said):
            return  # said to be something else as a whole, which the check will refuse
        tree = inner
    tree[last] = said


def values(tree: Tree) -> dict[str, Any]:
    """The tree without its memory."""
    return {
        name: inner.value if isinstance(inner, Said) else values(inner)
        for name, inner in tree.items()
    }


def origins(tree: Tree, at: Path_ = ()) -> Iterator[tuple[Path_, Origin]]:
    """Every leaf's path and who said it."""
    for name, inner in tree.items():
        if isinstance(inner, Said):
            yield (*at, name), inner.origin
        else:
            yield from origins(inner, (*at, name))
