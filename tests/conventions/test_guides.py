"""The code on the pages works."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

GUIDES = sorted((Path(__file__).parents[2] / "docs" / "guides").glob("*.md"))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.stem)
def test_the_code_of_a_guide_runs_from_top_to_bottom(
    guide: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every Python block of the page, in one namespace, as a reader would type it."""
    monkeypatch.delenv("ACME_API_KEY", raising=False)
    blocks = re.findall(r"```python\n(.*?)```", guide.read_text("utf-8"), re.DOTALL)
    assert blocks, f"{guide.name} has no code"
    namespace: dict[str, object] = {"DATA_DIR": tmp_path, "__name__": "guide"}
    for block in blocks:
        exec(compile(block, str(guide), "exec"), namespace)  # our own page
