"""The page of clients tells what is tested: every cell has its test, and every test its cell."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.clients.asking import NODE
from tests.clients.matrix import PROVIDERS
from tests.clients.rows import ROWS, cells, shown

TESTS = Path(__file__).parents[1]
OURS = "clients/test_clients.py::"
pytestmark = pytest.mark.xdist_group("client-matrix")  # what exists is collected once


@pytest.fixture(scope="module")
def there() -> set[str]:
    """The tests that exist, by their ids below `tests/`: those of here and those referred to."""
    files = sorted({one.partition("::")[0] for found in shown().values() for one in found})
    listed = subprocess.run(
        [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        + [str(TESTS / file) for file in files],
        cwd=TESTS.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    return {
        line.removeprefix("tests/").removeprefix(f"{TESTS}/")
        for line in listed.stdout.splitlines()
        if "::" in line
    }


def test_every_cell_has_a_test(there: set[str]) -> None:
    """Here, or among the dialect's own."""
    missing = {row: found - there for row, found in shown().items() if found - there}
    assert missing == {}


def test_every_test_has_a_cell(there: set[str]) -> None:
    """Nothing is asked here that the page does not tell of."""
    told = {cell.test for cell in cells()}
    assert {one for one in there if one.startswith(OURS)} == told


def test_a_cell_is_shown_once() -> None:
    """Here or elsewhere, as working or as refused; and rows can be told apart."""
    for row in ROWS:
        told = [*row.tried, *row.refused, *row.elsewhere]
        assert len(told) == len(set(told)), row.call
        assert set(told) <= set(PROVIDERS)
    assert len(shown()) == len(ROWS)


def test_the_lock_of_node_names_no_host() -> None:
    """Packages come from wherever a machine is set up to get them, checked by their hashes."""
    packages = json.loads((NODE / "package-lock.json").read_text("utf-8"))["packages"]
    del packages[""]
    assert packages
    assert not [name for name, one in packages.items() if "resolved" in one]
    assert all(one["integrity"].startswith("sha512-") for one in packages.values())


def test_the_lock_of_python_pins_everything_and_names_no_host() -> None:
    """The same of the other environment."""
    lines = (TESTS.parent / "requirements-clients.lock").read_text("utf-8").splitlines()
    pins = [line for line in lines if line and not line.startswith((" ", "#"))]
    assert pins
    assert all("==" in line and line.endswith("\\") for line in pins)
    assert not [line for line in lines if "://" in line or line.startswith("-")]
