"""The configuration file: which one it is, and what it says, line by line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from anymedia.configuration.interpolation import UnfinishedReference, filled_in
from anymedia.configuration.mistakes import Mistakes
from anymedia.configuration.said import Said, Tree
from anymedia.configuration.variables import IN_FILE, Variables, read_text
from anymedia.contracts.configuration import Origin

CONFIG = "ANYMEDIA_CONFIG"
USUAL = ("anymedia.yaml", "config/providers.yaml")
TEXT, MAPPING, LIST = (f"tag:yaml.org,2002:{kind}" for kind in ("str", "map", "seq"))


def find_file(directory: Path, variables: Variables) -> Path | None:
    """`$ANYMEDIA_CONFIG`, else the first of the usual files that is there."""
    if (named := variables.find(CONFIG)) is not None:
        return directory / in_home(named.value)
    return next((file for name in USUAL if (file := directory / name).exists()), None)


def in_home(path: str) -> Path:
    """A path, with `~` as people use it."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # there is no home directory
        return Path(path)


def read_file(path: Path, variables: Variables, mistakes: Mistakes) -> Tree:
    """What a file says. Whatever is wrong in it is noted, and left out."""
    text = read_text(path, mistakes, optional=False)
    if text is None:
        return {}
    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        return Reading(loader, path.name, variables, mistakes).tree(node, ())
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = f":{mark.line + 1}" if mark else ""
        mistakes.add((), f"expected YAML: {error.problem}", where=path.name + line)
    except yaml.YAMLError:
        mistakes.add((), "expected YAML text without control characters", where=path.name)
    except RecursionError:
        mistakes.add((), "expected fewer levels, and nothing that contains itself", where=path.name)
    return {}


class Reading:
    """From YAML's nodes, which know their lines, to a tree."""

    def __init__(
        self, loader: yaml.SafeLoader, name: str, variables: Variables, mistakes: Mistakes
    ) -> None:
        self._loader = loader
        self._name = name
        self._variables = variables
        self._mistakes = mistakes

    def tree(self, node: yaml.Node | None, path: tuple[str, ...]) -> Tree:
        """The whole file, which is a mapping or empty."""
        found = self.read(node, path) if node is not None else {}
        if isinstance(found, dict):
            return found
        if found.value is not None:
            self._mistakes.add((), "expected settings by name", where=found.origin.where)
        return {}

    def read(self, node: yaml.Node, path: tuple[str, ...]) -> Said | Tree:
        """A mapping as a tree, everything else as a leaf."""
        if not isinstance(node, yaml.MappingNode) or node.tag != MAPPING:
            return Said(self.value(node, path), self.origin(node))
        return {name: self.read(inner, (*path, name)) for name, inner in self.pairs(node, path)}

    def pairs(
        self, node: yaml.MappingNode, path: tuple[str, ...]
    ) -> Iterator[tuple[str, yaml.Node]]:
        """Names and what stands behind them: first what is merged in, then the mapping's own."""
        seen: set[str] = set()
        for key, _ in node.value:
            # YAML lets a name be anything, and be there twice.
            if not isinstance(key, yaml.ScalarNode):
                why = "expected names in front of the colons"
                self._mistakes.add(path, why, where=self.line(key))
            elif key.value in seen:
                self._mistakes.add((*path, key.value), "is given twice", where=self.line(key))
            seen.add(str(key.value))
        self._loader.flatten_mapping(node)
        yield from ((str(key.value), inner) for key, inner in node.value)

    def value(self, node: yaml.Node, path: tuple[str, ...]) -> Any:
        """A leaf's value, its references replaced."""
        match node:
            case yaml.SequenceNode() if node.tag == LIST:
                items = enumerate(node.value)
                return [self.value(inner, (*path, str(index))) for index, inner in items]
            case yaml.MappingNode() if node.tag == MAPPING:
                pairs = self.pairs(node, path)
                return {name: self.value(inner, (*path, name)) for name, inner in pairs}
            case yaml.ScalarNode() if node.tag == TEXT:
                return self.filled_in(node, path)
            case _:
                return self._loader.construct_object(node, deep=True)

    def filled_in(self, node: yaml.ScalarNode, path: tuple[str, ...]) -> str:
        """A text with its references replaced."""

        def value(name: str, default: str | None) -> str:
            said = self._variables.find(name)
            if said is None and name + IN_FILE in self._variables:
                said = self._variables.find_secret(name)
            if said is None and default is None:
                self._mistakes.add(
                    path,
                    f"`{name}` is not set; set it, or write `${{{name}:-}}` where it may be missing",
                    where=self.line(node),
                    unset=True,
                )
            return default or "" if said is None else str(said.value)

        try:
            return filled_in(node.value, value)
        except UnfinishedReference:
            self._mistakes.add(
                path, "expected `${NAME}` or `${NAME:-default}`", where=self.line(node)
            )
            return ""

    def line(self, node: yaml.Node) -> str:
        """File and line."""
        return f"{self._name}:{node.start_mark.line + 1}"

    def origin(self, node: yaml.Node) -> Origin:
        """Who says it."""
        return Origin(layer="file", where=self.line(node))
