"""Reads the configuration: every source, one tree, one check."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from anymedia.configuration.checking import checked
from anymedia.configuration.data_dir import anchor, usual_data_dir
from anymedia.configuration.environment import Keys, said_by_variables
from anymedia.configuration.file import find_file, in_home, read_file
from anymedia.configuration.mistakes import Mistakes
from anymedia.configuration.said import Tree, grown, merged, origins, plain
from anymedia.configuration.tidying import providers_in, tidied
from anymedia.configuration.variables import Variables
from anymedia.contracts.configuration import Origin, Settings
from anymedia.contracts.errors import InvalidConfiguration
from anymedia.providers import registry


def load(
    source: str | Path | Mapping[str, Any] | Settings | None = None,
    *,
    environment: Mapping[str, str],
    directory: Path,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings as all sources together say them, or every mistake in one error.

    A path is the file to read. A mapping is what arguments say, on top of all other sources.
    `Settings` are taken as they are, with nothing else asked. `overrides` are arguments that win
    over whatever `source` is.
    """
    mistakes = Mistakes()
    usual = {"data_dir": str(usual_data_dir(environment))}
    tree = grown(usual, Origin(layer="default"))
    arguments = said_by_arguments(source, overrides or {})
    anchor(arguments, directory, environment)
    if not isinstance(source, Settings):
        variables = Variables(environment, directory, mistakes)
        file = said_by_file(source, variables, directory, environment, mistakes)
        configured = providers_in(merged(file, arguments))
        outside = said_by_variables(variables, known_keys(), configured, mistakes)
        anchor(outside, directory, environment)
        tree = merged(merged(tree, file), outside)
    tree = merged(tree, arguments)
    settings = checked(tree, mistakes)
    mistakes.raise_any()
    return settings.said_by(dict(origins(tree)))


def said_by_arguments(source: Any, overrides: Mapping[str, Any]) -> Tree:
    """What the caller says, in whichever form."""
    tree: Tree = {}
    for arguments in (source, overrides):
        if isinstance(arguments, Mapping | Settings):
            said = grown(plain(arguments), Origin(layer="argument"))
            tree = merged(tree, tidied(said))
    return tree


def said_by_file(
    source: Any,
    variables: Variables,
    directory: Path,
    environment: Mapping[str, str],
    mistakes: Mistakes,
) -> Tree:
    """What the file says: the one that was named, else the usual one, else nothing."""
    if isinstance(source, str | Path):
        path: Path | None = directory / in_home(str(source))
    else:
        path = find_file(directory, variables)
    if path is None:
        return {}
    tree = tidied(read_file(path, variables, mistakes))
    anchor(tree, path.parent, environment)
    return tree


def known_keys() -> Keys:
    """The variables of every provider there is. One that cannot be loaded has none."""
    keys: dict[str, dict[str, tuple[str, ...]]] = {}
    for name in registry.names():
        try:
            keys[name] = registry.variables(name)
        except InvalidConfiguration:
            keys[name] = {}
    return keys
