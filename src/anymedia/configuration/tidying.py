"""Brings what sources say into one form, so that it can be merged."""

from __future__ import annotations

from typing import Any

from anymedia.configuration.said import Said, Tree, grown

VERBATIM = "options"
"""Passed on as it is: there, nothing may mean something."""


def tidied(tree: Tree) -> Tree:
    """The tree with providers by name, and without names that nothing stands behind.

    YAML has those where everything under a name is commented out. Behind a provider's name it
    means: this one, with its usual settings.
    """
    tree = with_providers_by_name(tree)
    providers = tree.get("providers")
    if isinstance(providers, dict):
        tree["providers"] = {name: {} if empty(one) else one for name, one in providers.items()}
    return without_nothing(tree)


def with_providers_by_name(tree: Tree) -> Tree:
    """Providers may also be given as a list of settings with a `name` in each."""
    said = tree.get("providers")
    if not isinstance(said, Said) or not isinstance(said.value, list | tuple):
        return tree
    if not all(isinstance(one, dict) and isinstance(one.get("name"), str) for one in said.value):
        return tree
    named: dict[str, Any] = {
        one["name"]: {key: value for key, value in one.items() if key != "name"}
        for one in said.value
    }
    return {**tree, "providers": grown(named, said.origin)}


def without_nothing(tree: Tree) -> Tree:
    """The tree without empty leaves."""
    return {
        name: without_nothing(inner) if isinstance(inner, dict) and name != VERBATIM else inner
        for name, inner in tree.items()
        if not empty(inner)
    }


def empty(inner: Said | Tree) -> bool:
    """Whether nothing is said."""
    return isinstance(inner, Said) and inner.value is None


def providers_in(tree: Tree) -> Tree:
    """What a tree says about providers."""
    providers = tree.get("providers")
    return providers if isinstance(providers, dict) else {}
