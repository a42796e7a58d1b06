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
    """Make relative paths mean places below `base`, and `~` the home directory."""
    home = environment.get("HOME")
    listed = tree.get("catalog")
    if isinstance(listed, Said) and isinstance(listed.value, list | tuple):
        paths = [
            placed(one, base, home) if one and isinstance(one, str) else one for one in listed.value
        ]
        tree["catalog"] = Said(paths, listed.origin)
    for name in ("data_dir", "artifacts_url"):
        said = tree.get(name)
        if not isinstance(said, Said) or not isinstance(said.value, str) or not said.value:
            continue
        if name == "data_dir" or "://" not in said.value:
            tree[name] = Said(placed(said.value, base, home), said.origin)


def placed(said: str, base: Path, home: str | None) -> str:
    """A path as somebody wrote it, from the root."""
    rest = said.removeprefix("~/")
    path = Path(home) / rest if home and rest != said else Path(said).expanduser()
    return str(base / path)
