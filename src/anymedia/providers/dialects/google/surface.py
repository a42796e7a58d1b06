"""A surface: one of the two places where Google serves the same models."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

LABEL = re.compile(r"[a-z0-9_-]{1,63}")
"""What a label's value may be (PyPI google-genai 3.4.0)."""
MARK = "anymedia"
"""The label that holds our name of an attempt."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surface:
    """Where a surface's methods are, and what it keeps for us."""

    name: str
    """Under which its opaque pieces are kept in `provider_state`."""
    models: str
    """The path before a model's name."""
    interactions: str
    """The path of interactions."""
    labels: bool = False
    """Whether `generateContent` and `predictLongRunning` take labels."""
    webhooks: bool = False
    """Whether interactions can be told to report."""
    stored: bool = True
    """Whether large results lie at the provider unless a bucket is named; else they come inline."""

    def method(self, model: str | None, name: str) -> str:
        """The path of a model's method."""
        bare = (model or "").removeprefix("models/")
        return f"{self.models}{quote(bare, safe='')}:{name}"

    def labelled(self, marker: str) -> dict[str, Any]:
        """Our name of the attempt, where the surface keeps it."""
        return {"labels": mark(marker)} if self.labels and mark(marker) else {}


def mark(marker: str) -> dict[str, str]:
    """Our name of the attempt as a label; none where it is not fit to be one."""
    word = marker.lower()
    return {MARK: word} if LABEL.fullmatch(word) else {}
