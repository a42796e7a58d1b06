"""The threat model names tests that exist: a line without one would only be a promise."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
LINES = [
    line
    for line in (ROOT / "SECURITY.md").read_text().splitlines()
    if line.startswith("| ") and not line.startswith("| threat")
]
SHOWN = re.compile(r"`([\w/]+\.py)::(test_\w+)`")


def test_every_threat_has_a_test_beside_it() -> None:
    """At least one in each line of the table."""
    assert len(LINES) >= 20
    assert not [line for line in LINES if not SHOWN.search(line)]


def test_every_test_that_is_named_is_there() -> None:
    """By file and by name."""
    missing = [
        f"{file}::{name}"
        for line in LINES
        for file, name in SHOWN.findall(line)
        if not (ROOT / "tests" / file).is_file()
        or f"def {name}(" not in (ROOT / "tests" / file).read_text()
    ]
    assert not missing
