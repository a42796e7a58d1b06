"""Ways in which a request can go, and ways in which it cannot."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from anymedia.contracts.cost import Cost
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.model import Model
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.engine.connection import Connection
from anymedia.engine.estimating import estimated
from anymedia.engine.legs import Leg
from anymedia.providers.spec import Operation


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A route that can serve the request, which is already in the form that it takes."""

    connection: Connection
    operation: Operation
    request: Request[Any]
    model: Model | None
    model_id: str
    notices: tuple[Notice, ...]
    leg: Leg
    why: str | None = None
    """Why it stands where it stands among the candidates, in words."""
    probe: bool = False
    """Asked although its circuit is open, because all others are left alone too."""

    @property
    def estimate(self) -> Cost:
        """What it can cost at most, as far as that can be known."""
        return estimated(self.request, self.model)

    @property
    def name(self) -> str:
        """Provider and model."""
        return f"{self.connection.name}/{self.model_id}"

    @property
    def label(self) -> str:
        """The same, with the credential and the region where there are several."""
        return f"{self.connection.label}/{self.model_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """A route that cannot, and why."""

    provider: str
    model: str
    error: GenerationError


@dataclass(frozen=True, slots=True)
class Asker:
    """On whose behalf a request is made, and what draws it to a provider."""

    caller: str | None = None
    home: str | None = None
    """The provider that made what the request goes on with."""


NOBODY = Asker()
