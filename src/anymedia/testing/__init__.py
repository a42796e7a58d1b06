"""For tests of anymedia, of providers, and of programs that use either.

Needs no more than `pip install anymedia[testing]`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from anymedia.testing.double import Double as Double, Fault as Fault, serving as serving
    from anymedia.testing.doubles import double_of as double_of
    from anymedia.testing.mishaps import Mishaps as Mishaps
    from anymedia.testing.mock import MockProvider as MockProvider
    from anymedia.testing.replay import Recorded as Recorded, replaying as replaying
    from anymedia.testing.suite import (
        Case as Case,
        Outcome as Outcome,
        ProviderTestSuite as ProviderTestSuite,
    )

HOMES = {
    "Case": "suite:Case",
    "Double": "double:Double",
    "Fault": "double:Fault",
    "Mishaps": "mishaps:Mishaps",
    "MockProvider": "mock:MockProvider",
    "Outcome": "suite:Outcome",
    "ProviderTestSuite": "suite:ProviderTestSuite",
    "Recorded": "replay:Recorded",
    "double_of": "doubles:double_of",
    "replaying": "replay:replaying",
    "serving": "double:serving",
}
"""Where the public names live, each loaded when it is first used."""

__all__ = [*HOMES]  # noqa: PLE0604  all of them are strings


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name not in HOMES:
        raise AttributeError(f"module `anymedia.testing` has no attribute `{name}`")
    module, _, attribute = HOMES[name].partition(":")
    return getattr(import_module(f"anymedia.testing.{module}"), attribute)


def __dir__() -> list[str]:
    return sorted([*globals(), *HOMES])
