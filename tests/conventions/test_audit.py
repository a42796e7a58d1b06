"""What is checked of dependencies is really found out."""

from __future__ import annotations

import importlib.util
import json
import sys
from importlib.metadata import PathDistribution
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


def script() -> ModuleType:
    """The script that continuous integration runs."""
    spec = importlib.util.spec_from_file_location("audit", ROOT / ".ci" / "audit.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["audit"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


AUDIT = script()
HASH = f"    --hash=sha256:{'0' * 64}\n"
GOOD = f"acme==1.2 \\\n{HASH}bolt==2 ; sys_platform == 'win32' \\\n{HASH}"


def test_everything_in_the_lock_file_is_pinned_and_hashed() -> None:
    """And nothing in it says from where it comes."""
    assert AUDIT.of_lock((ROOT / "requirements.lock").read_text()) == []


@pytest.mark.parametrize(
    "bad",
    [
        GOOD + "cargo==3\n",
        GOOD + "cargo==3 \\\n    --hash=md5:00\n",
        GOOD + "cargo>=3\n",
        GOOD + f"cargo @ https://cargo.example/cargo.whl \\\n{HASH}",
        GOOD + f"--extra-index-url https://cargo.example\ncargo==3 \\\n{HASH}",
        "",
    ],
)
def test_what_is_not_pinned_or_hashed_is_found(bad: str) -> None:
    """Anybody could put something else in its place."""
    assert AUDIT.of_lock(GOOD) == []
    assert AUDIT.of_lock(bad)


def test_everything_installed_is_as_locked_and_under_a_licence_that_is_allowed() -> None:
    """By what the packages themselves say, or by the licence that comes with them."""
    pins = list(AUDIT.locked((ROOT / "requirements.lock").read_text()))
    assert AUDIT.of_packages(pins) == []


@pytest.mark.parametrize(
    ("metadata", "is_allowed"),
    [
        ("License-Expression: MIT", True),
        ("License-Expression: Apache-2.0 OR BSD-3-Clause", True),
        ("Classifier: License :: OSI Approved :: Apache Software License", True),
        ("License: BSD", True),
        ("License-Expression: AGPL-3.0-only", False),
        ("License-Expression: MIT AND GPL-2.0-only", False),
        ("Classifier: License :: OSI Approved :: GNU General Public License v3 (GPLv3)", False),
        ("License: Business Source License 1.1", False),
        ("Summary: says nothing", False),
    ],
)
def test_a_licence_that_is_not_allowed_is_found(
    tmp_path: Path, metadata: str, *, is_allowed: bool
) -> None:
    """Also one of several, and none at all."""
    folder = tmp_path / "acme-1.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.4\nName: acme\nVersion: 1\n{metadata}\n")
    found = AUDIT.licences(PathDistribution(folder))
    assert (bool(found) and set(found) <= AUDIT.ALLOWED) is is_allowed


def test_what_was_not_looked_up_is_not_taken_for_good() -> None:
    """A database that knows nothing of a package finds nothing wrong with it either."""
    skipped = {"dependencies": [{"name": "acme", "skip_reason": "not found"}], "fixes": []}
    assert AUDIT.judged(json.dumps(skipped), "").open
    assert AUDIT.judged("", "ConnectionError: no route to host").open


def test_a_known_vulnerability_is_an_objection() -> None:
    """With the version that mends it."""
    bad = {"id": "PYSEC-1", "fix_versions": ["1.3"]}
    said = {"dependencies": [{"name": "acme", "version": "1.2", "vulns": [bad]}]}
    (objection,) = AUDIT.judged(json.dumps(said), "").wrong
    assert "PYSEC-1" in objection
    assert "1.3" in objection
    clean = {"dependencies": [{"name": "acme", "version": "1.2", "vulns": []}]}
    assert AUDIT.judged(json.dumps(clean), "") == AUDIT.Findings()
