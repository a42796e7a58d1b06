"""Which sub-provider serves a model, and what the model is called there.

Media have no common form behind the router: each sub-provider keeps its own below its name. Which
one is meant stands in the model's sheet (`settings.via` and `settings.provider_id`), or after a
colon (`black-forest-labs/FLUX.1-dev:fal-ai`); else the hub is asked.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from anymedia.contracts.errors import ModelUnavailable
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape

HUB = "/api/models/"
"""At the hub; the token says where that is."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9_][A-Za-z0-9._-]*)*(:[a-f0-9]{8,64})?")


@dataclass(frozen=True, slots=True)
class Backend:
    """A sub-provider, and its own name for the model."""

    name: str
    model: str


class Mapped(Shape):
    """One sub-provider that has the model."""

    status: str | None = None
    providerId: str | None = None  # noqa: N815  # as it is on the wire
    task: str | None = None


class Mapping(Shape):
    """What the hub knows of a model."""

    inferenceProviderMapping: dict[str, Mapped | None] | None = None  # noqa: N815  # as on the wire


def found(
    model: str | None, brief: Brief, tasks: Iterable[str], spoken: Iterable[str]
) -> Exchange[Backend]:
    """Who serves it; of several the first whose form we speak."""
    name, _, pinned = (model or "").partition(":")
    settings = brief.model.settings if brief.model else {}
    via, given = settings.get("via"), settings.get("provider_id")
    if isinstance(via, str) and isinstance(given, str) and pinned in {"", via}:
        return Backend(via, given)
    if not NAME.fullmatch(name):
        raise ModelUnavailable("the model's name is not one that the hub can have", accepted="no")
    response = yield get(HUB + name, query={"expand[]": "inferenceProviderMapping"})
    mapped = response.read(Mapping).inferenceProviderMapping or {}
    wanted, known = frozenset(tasks), tuple(spoken)
    for who in (pinned,) if pinned else known:
        one = mapped.get(who)
        alive = one is not None and one.status in {"live", None} and one.task in wanted
        if one is not None and alive and who in known and NAME.fullmatch(one.providerId or ""):
            return Backend(who, one.providerId or "")
    raise ModelUnavailable(
        f"no sub-provider that we speak with ({', '.join(known)}) serves this model for "
        f"{', '.join(sorted(wanted))}",
        accepted="no",
    )
