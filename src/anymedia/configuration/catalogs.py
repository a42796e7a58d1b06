"""The files of `catalog`: models and prices of the user's, read with the settings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.model import Model
from anymedia.providers import registry
from anymedia.providers.catalog import catalogued
from anymedia.providers.catalog.own import described, overlaid

Wrong = Callable[[tuple[str, ...], str], None]


def sheets_in(document: Mapping[str, Any], wrong: Wrong) -> tuple[Model, ...]:
    """What the files say, the later ones over the earlier."""
    files = document.get("catalog")
    found: tuple[Model, ...] = ()

    def so_far(provider: str) -> tuple[Model, ...] | None:
        listed = ours(provider, document.get("providers"))
        own = tuple(one for one in found if one.provider == provider)
        return None if listed is None else overlaid(listed, own)

    for index, file in enumerate(files if isinstance(files, list | tuple) else ()):
        if not isinstance(file, str):
            continue
        path = ("catalog", str(index))

        def tell(at: str, why: str, path: tuple[str, ...] = path, file: str = file) -> None:
            wrong(path, f"{file}: {at}: {why}" if at else f"{file}: {why}")

        try:
            text = Path(file).read_text("utf-8-sig")
            changed = datetime.fromtimestamp(Path(file).stat().st_mtime, UTC).date()
        except OSError as error:
            tell("", f"cannot be read: {error.strerror}")
            continue
        except UnicodeDecodeError:
            tell("", "expected UTF-8 text")
            continue
        for model in described(text, file, changed, so_far, tell):
            rest = [
                one
                for one in found
                if (one.provider, one.id, one.medium) != (model.provider, model.id, model.medium)
            ]
            found = (*rest, model)
    return found


def ours(provider: str, configured: Any) -> tuple[Model, ...] | None:
    """The models that we list for a provider; `None` if there is no such provider."""
    settings = configured.get(provider) if isinstance(configured, dict) else None
    dialect = settings.get("dialect") if isinstance(settings, dict) else None
    dialect = str(dialect or provider)
    if dialect not in registry.names():
        return None
    try:
        spoken = registry.speaking(dialect, provider)
    except InvalidConfiguration:
        return ()
    own_address = isinstance(settings, dict) and settings.keys() & {"base_url", "regions"}
    if spoken.base_url and not own_address:
        # Another account of the same service has the same models.
        spoken = registry.provider(dialect)
    listed = spoken.models or catalogued(spoken.catalog or spoken.name)
    return tuple(one.model_copy(update={"provider": provider}) for one in listed)
