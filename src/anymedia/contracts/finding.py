"""What a look at an installation found."""

from __future__ import annotations

from typing import Literal, TypeAlias

from anymedia.contracts.base import Contract

Verdict: TypeAlias = Literal["ok", "warning", "problem"]
"""As it should be; works, but not for long or not well; does not work."""


class Finding(Contract):
    """One thing that was looked at, how it is, and what to do about it."""

    about: str
    """What it is about: `configuration`, `database`, `jobs` and the like."""
    verdict: Verdict
    message: str
    next_step: str | None = None
    """What to do, where there is something to do."""
