"""A provider that somebody else wrote: installed as a package, found, and tested with our kit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "acme-anymedia"
FOUND = """
import json
from anymedia.providers import registry
from anymedia.providers.spec import Provider
found = registry.provider("acme")
assert isinstance(found, Provider)
print(json.dumps([sorted(registry.plugins()), found.media, registry.variables("acme")]))
"""


def run(directory: Path, *words: str, path: Path) -> subprocess.CompletedProcess[str]:
    """Python in an environment that has a further folder of packages."""
    return subprocess.run(
        [sys.executable, *words],
        cwd=directory,
        env=os.environ | {"PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The example, installed into a folder of its own."""
    target = tmp_path / "packages"
    uv = [sys.executable, "-m", "uv", "pip", "install", "--quiet", "--no-deps"]
    made = subprocess.run(
        [*uv, "--python", sys.executable, "--target", str(target), str(EXAMPLE)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    if made.returncode:
        pytest.skip(f"the example cannot be installed here: {made.stderr.strip()[-200:]}")
    return target


def test_an_installed_plugin_is_found_by_its_name(installed: Path, tmp_path: Path) -> None:
    """With its media and the variables of its key."""
    ran = run(tmp_path, "-c", FOUND, path=installed)
    assert ran.returncode == 0, ran.stderr
    plugins, media, variables = json.loads(ran.stdout)
    assert plugins == ["acme"]
    assert media == ["video"]
    assert variables == {"api_key": ["ACME_API_KEY"]}


def test_the_examples_own_tests_pass(tmp_path: Path) -> None:
    """The contract suite, as a stranger runs it."""
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", os.devnull, str(EXAMPLE)]
    ran = run(tmp_path, *words, path=EXAMPLE)
    assert ran.returncode == 0, ran.stdout
    assert "7 passed" in ran.stdout
