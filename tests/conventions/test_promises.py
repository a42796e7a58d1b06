"""Promises that the whole code keeps: tables, names, prices, layers."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import anymedia
from anymedia.contracts.usage import Usage
from anymedia.providers import registry
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Provider

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "anymedia").rglob("*.py"))
OURS = sorted({*registry.BUILT_IN, *registry.rows()})


def tables() -> ModuleType:
    """The script that computes the pages' tables."""
    spec = importlib.util.spec_from_file_location("tables", ROOT / "docs" / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_tables_on_the_pages_are_what_the_code_says() -> None:
    """`make docs` writes them."""
    assert tables().outdated() == []


@pytest.mark.parametrize("name", OURS)
def test_a_provider_is_entered_under_its_own_name(name: str) -> None:
    """Registry, value and documentation agree."""
    provider = registry.provider(name)
    assert provider.name == name
    assert provider.title
    assert provider.operations


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_the_key_table_says_what_the_adapter_says(name: str) -> None:
    """Configuration reads the names without importing adapters; they must be the same."""
    said = {one.name: one.environment for one in registry.provider(name).auth.secrets}
    assert registry.variables(name) == said


@pytest.mark.parametrize("name", OURS)
def test_every_listed_model_is_served_by_an_operation(name: str) -> None:
    """A row without an adapter would be a promise that fails after it was chosen."""
    provider = registry.provider(name)
    for model in catalogued(provider.catalog or provider.name):
        assert provider.operation(model.medium) is not None or model.retires_on, model.id
        assert model.source
        assert "/work" not in model.source


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
def test_every_operation_has_a_model(name: str) -> None:
    """An adapter without a row could not be chosen."""
    provider: Provider = registry.provider(name)
    media = {model.medium for model in catalogued(provider.catalog or provider.name)}
    assert {operation.medium for operation in provider.operations} <= media


@pytest.mark.parametrize("name", OURS)
def test_prices_are_in_units_that_usage_counts(name: str) -> None:
    """A price in another unit would never be charged."""
    units = set(Usage.model_fields) - {"raw", "estimated"}
    provider = registry.provider(name)
    for model in catalogued(provider.catalog or provider.name):
        assert {price.unit for price in model.prices} <= units, model.id


@pytest.mark.parametrize("name", OURS)
def test_successors_exist(name: str) -> None:
    """Who is sent elsewhere must arrive."""
    provider = registry.provider(name)
    models = catalogued(provider.catalog or provider.name)
    ids = {model.id for model in models}
    for model in models:
        assert model.successor is None or model.successor in ids, (model.id, model.successor)


def test_no_provider_is_named_outside_its_folder() -> None:
    """If the engine wants to ask who it is, the provider lacks a fact. `echo` is the keyless one."""
    names = set(OURS) - {"echo"}
    vendors = re.compile("[\"'](" + "|".join(sorted(map(re.escape, names))) + ")[\"']")
    outside = [path for path in SOURCES if not {"providers", "testing"} & set(path.parts)]
    # There the gateway speaks a dialect to its callers, whoever answers them.
    outside = [path for path in outside if path.parent.name not in {"openai", "anthropic"}]
    found = [
        f"{path.relative_to(ROOT)}:{number}"
        for path in outside
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if vendors.search(line)
    ]
    # OpenAI's language is what `dialect: openai` means to configuration; that is a dialect's name.
    assert found == []


def test_importing_loads_nothing_heavy() -> None:
    """`import anymedia` costs next to nothing."""
    code = "import sys, anymedia; print([m for m in ('pydantic', 'sqlalchemy', 'msgspec') if m in sys.modules])"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "[]"


def test_public_names_are_the_same_for_people_and_type_checkers() -> None:
    """What is loaded when it is used is what is imported for type checkers, name by name."""
    text = (ROOT / "src" / "anymedia" / "__init__.py").read_text("utf-8")
    told = set(re.findall(r"\b(\w+) as \1\b", text))
    assert told - {"__version__"} == set(anymedia.__all__)
    for name in anymedia.__all__:
        assert getattr(anymedia, name) is not None
