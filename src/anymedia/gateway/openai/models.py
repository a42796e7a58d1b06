"""The list of models, as OpenAI has it."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, time
from typing import Any

from anymedia.contracts.model import Model

OURS = "anymedia"


def listed(models: Iterable[tuple[str, Model]], aliases: Iterable[str]) -> dict[str, Any]:
    """All of them, aliases first."""
    names = [entry(alias, None) for alias in aliases]
    return {"object": "list", "data": names + [entry(name, model) for name, model in models]}


def entry(name: str, model: Model | None) -> dict[str, Any]:
    """One of them; beyond OpenAI's fields what it makes and can do."""
    told: dict[str, Any] = {
        "id": name,
        "object": "model",
        "created": released(model),
        "owned_by": model.provider if model else OURS,
    }
    if model is not None:
        told |= {"media": model.medium, "tasks": model.tasks, "features": model.features}
    return told


def released(model: Model | None) -> int:
    """When it came out; 0 where nobody knows."""
    if model is None or model.released_on is None:
        return 0
    return int(datetime.combine(model.released_on, time(), UTC).timestamp())
