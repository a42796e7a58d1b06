"""What a fresh process costs: importing the library, and the first answer."""

from __future__ import annotations

from pathlib import Path

from anymedia.bench.processes import fresh

NOTHING = "pass"
ANSWER = (
    "import tempfile, anymedia\n"
    "with tempfile.TemporaryDirectory() as d, "
    "anymedia.Client({'providers': {}}, data_dir=d) as c: c.text('hi')"
)


def measured(home: Path, times: int) -> dict[str, float | None]:
    """Seconds and megabytes over those of an empty Python; the best of several."""
    bare, size = fresh(NOTHING, home, times=times)
    found: dict[str, float | None] = {}
    for name, code in (("import", "import anymedia"), ("first_answer", ANSWER)):
        seconds, held = fresh(code, home, times=times)
        found[f"{name}_seconds"] = seconds - bare
        found[f"{name}_megabytes"] = None if held is None or size is None else held - size
    return found
