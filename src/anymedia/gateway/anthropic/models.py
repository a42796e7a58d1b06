"""The list of models, as Anthropic has it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from anymedia.contracts.model import Model

UNKNOWN = "1970-01-01T00:00:00Z"


def listed(models: Iterable[tuple[str, Model]], aliases: Iterable[str]) -> dict[str, Any]:
    """All that write text, aliases first."""
    written = [(name, model) for name, model in models if model.medium == "text"]
    entries = [entry(alias, None) for alias in aliases]
    entries += [entry(name, model) for name, model in written]
    return {
        "data": entries,
        "has_more": False,
        "first_id": entries[0]["id"] if entries else None,
        "last_id": entries[-1]["id"] if entries else None,
    }


def entry(name: str, model: Model | None) -> dict[str, Any]:
    """One of them."""
    released = model.released_on if model else None
    retires = model.retires_on if model else None
    return {
        "type": "model",
        "id": name,
        "display_name": (model.title if model else None) or name,
        "created_at": f"{released}T00:00:00Z" if released else UNKNOWN,
        "lifecycle": "active" if retires is None else "deprecated",
        "retires_at": f"{retires}T00:00:00Z" if retires else None,
        "max_input_tokens": model.limits.context_tokens if model else None,
        "max_tokens": model.limits.output_tokens if model else None,
    }
