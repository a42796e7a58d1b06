"""Where jobs and artifacts are kept, unless somebody says otherwise."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from anymedia.configuration.said import Said, Tree


def usual_data_dir(environment: Mapping[str, str], platform: str = sys.platform) -> Path:
    """The place that the operating system has for such things."""
    home = Path(environment.get("HOME") or Path.home())
    if platform == "darwin":
        return home / "Library" / "Application Support" / "anymedia"
    shared = Path(environment.get("XDG_DATA_HOME") or "")
    # "All paths set in these environment variables must be absolute" (XDG Base Directory 0.8).
    return (shared if shared.is_absolute() else home / ".local" / "share") / "anymedia"


def anchor(tree: Tree, base: Path, environment: Mapping[str, str]) -> None:
    """Make a relative `data_dir` mean a place below `base`, and `~` the home directory."""
    said = tree.get("data_dir")
    if not isinstance(said, Said) or not isinstance(said.value, str) or not said.value:
        return
    home, rest = environment.get("HOME"), said.value.removeprefix("~/")
    path = Path(home) / rest if home and rest != said.value else Path(said.value).expanduser()
    tree["data_dir"] = Said(str(base / path), said.origin)
