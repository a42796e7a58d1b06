"""Stability AI: pictures and sound, answered at once.

API: https://platform.stability.ai/docs/api-reference (v2beta, read 2026-11-21)

Every request is a multipart form, even one without a file. What the vendor calls edit and control
tools are models here, told apart by `settings` in the catalogue. Its two slow tools (the creative
upscaler, replacing a background with new light) and the quick upscalers are no generation from a
request of ours and are left out.
"""

from __future__ import annotations

from decimal import Decimal

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.image import ImageRequest
from anymedia.providers.adapters.stability import audio, image
from anymedia.providers.adapters.stability.failures import explain
from anymedia.providers.spec import Account, Call, Inputs, Provider
from anymedia.wire.auth import BearerToken
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape


class Balance(Shape):
    """What is left."""

    credits: Decimal


def check() -> Exchange[Account]:
    """The balance; one credit is a cent."""
    response = yield get("/v1/user/balance")
    return Account(balance=response.read(Balance).credits, unit="credits")


STABILITY = Provider(
    name="stability",
    title="Stability AI",
    base_url="https://api.stability.ai",
    auth=BearerToken("STABILITY_API_KEY"),
    operations=(Call(ImageRequest, image.draw), Call(AudioRequest, audio.sound)),
    explain=explain,
    # A request of more than 10 MB is refused, and a mask goes beside the picture.
    inputs=Inputs(schemes=(), inline_bytes=9 * 1024 * 1024, mask="white"),
    check=check,
    docs="https://platform.stability.ai/docs/api-reference",
)
