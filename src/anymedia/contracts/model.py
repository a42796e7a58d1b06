"""What is known about a model: a capability sheet, as data with a source and a date."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from pydantic import Field

from anymedia.contracts.base import Contract
from anymedia.contracts.media import Medium, Quality

Lifecycle: TypeAlias = Literal["live", "retiring", "retired"]


class Price(Contract):
    """What one unit costs, and when that holds."""

    unit: str
    """A field of `Usage`, such as `output_tokens`, `images`, `seconds`, `characters`, `credits`."""
    usd: Decimal = Field(ge=0)
    per: int = Field(default=1, ge=1)
    """How many units that buys; 1,000,000 for token prices."""
    when: dict[str, Any] = Field(default_factory=dict)
    """Conditions on the effective request, such as `{resolution = "1080p", audio = true}`; a
    list means any of these. All must hold; the price with the most conditions wins."""
    above_input_tokens: int | None = None
    """Applies to requests with more prompt tokens than this."""
    included: int = Field(default=0, ge=0)
    """So many units of a request cost nothing; only those beyond are charged."""
    at_least: Decimal = Field(default=Decimal(0), ge=0)
    """So many units are charged even where fewer were used."""
    source: str | None = None
    as_of: date | None = None


class Limits(Contract):
    """What a model takes and makes. Empty means not known, not unlimited."""

    prompt_characters: int | None = None
    context_tokens: int | None = None
    output_tokens: int | None = None
    aspect_ratios: tuple[str, ...] = ()
    resolutions: tuple[str, ...] = ()
    """Tiers such as `720p` and `2k`, or pixels such as `1280x720`."""
    durations_seconds: tuple[float, ...] = ()
    """The legal values, where they are a list."""
    min_duration_seconds: float | None = None
    max_duration_seconds: float | None = None
    fps: tuple[float, ...] = ()
    max_count: int | None = None
    max_images: int | None = None
    formats: tuple[str, ...] = ()
    voices: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    audio: Literal["always", "optional", "never"] | None = None
    """Whether generated video has sound."""


class Model(Contract):
    """One model at one provider."""

    id: str
    provider: str
    medium: Medium
    title: str | None = None
    tasks: tuple[str, ...]
    """What it can do, in the words of `Request.task`."""
    features: tuple[str, ...] = ()
    """For text: `tools`, `json_schema`, `images`, `files`, `audio`, `reasoning`, `streaming`.
    For media: the optional fields that are honoured, such as `seed` and `negative_prompt`."""
    limits: Limits = Field(default_factory=Limits)
    prices: tuple[Price, ...] = ()
    """Empty means that no price is known, not that it is free."""
    presets: dict[Quality, dict[str, Any]] = Field(default_factory=dict)
    """Values a preset stands for here; a preset that is missing cannot be met."""
    voices: dict[str, str] = Field(default_factory=dict)
    """Our voice names, such as `narrator`, in the provider's words."""
    priority: int = 100
    """Which of a provider's models is meant when none is named; lower is preferred."""
    typical_seconds: float | None = None
    """How long an answer usually takes."""
    released_on: date | None = None
    retires_on: date | None = None
    successor: str | None = None
    source: str
    as_of: date
    catalog: str | None = None
    """The file of yours that describes or changes it; only ours does unless said."""
    settings: dict[str, Any] = Field(default_factory=dict)
    """Facts that only the provider's adapter needs, such as `api = "responses"`."""

    def lifecycle(self, today: date, warn_days: int = 30) -> Lifecycle:
        """Whether it lives, goes soon, or is gone."""
        if self.retires_on is None or (self.retires_on - today).days > warn_days:
            return "live"
        return "retired" if self.retires_on <= today else "retiring"
