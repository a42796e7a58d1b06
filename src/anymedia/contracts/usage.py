"""What was consumed, in the units that providers bill."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from pydantic import Field

from anymedia.contracts.base import Contract


class Usage(Contract):
    """What one answer consumed. `None` means that the provider did not say.

    `input_tokens` counts every token that went in, cached ones included; `output_tokens` counts
    every generated one, reasoning included. The other token fields are parts of those two.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    input_image_tokens: int | None = None
    input_audio_tokens: int | None = None
    output_image_tokens: int | None = None
    output_audio_tokens: int | None = None
    cached_image_tokens: int | None = None
    images: int | None = None
    input_images: int | None = None
    """Pictures that went in."""
    megapixels: Decimal | None = None
    seconds: Decimal | None = None
    """Seconds of media made, or of audio listened to."""
    characters: int | None = None
    credits: Decimal | None = None
    gpu_seconds: Decimal | None = None
    requests: int | None = None
    estimated: bool = False
    """True when the provider did not say and anymedia counted."""
    raw: dict[str, Any] = Field(default_factory=dict)
    """The provider's own words, untouched."""

    def quantities(self) -> dict[str, Decimal]:
        """Every stated amount by its unit's name."""
        return {
            name: Decimal(value)
            for name, value in self
            if name not in {"estimated", "raw"} and value is not None
        }
