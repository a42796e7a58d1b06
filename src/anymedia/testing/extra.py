"""Says what to install, before an import fails in the middle of something."""

from __future__ import annotations

from importlib.util import find_spec

from anymedia.contracts.errors import InvalidConfiguration

MODULES = ("starlette", "uvicorn")


def needed(what: str) -> None:
    """`InvalidConfiguration` when the testing kit's own dependencies are missing."""
    missing = [module for module in MODULES if find_spec(module) is None]
    if missing:
        raise InvalidConfiguration(
            f"`{what}` needs {' and '.join(missing)}: `pip install 'anymedia[testing]'`"
        )
