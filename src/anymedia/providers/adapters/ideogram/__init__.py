"""Ideogram: prompts and pictures to pictures, and other vendors' clips, by generation.

API: https://developer.ideogram.ai (v2, read 2026-11-21)

Everything is asked for as a job, also where the vendor could answer at once: a connection that
breaks then costs nothing. There is no cancelling, no listing and no idempotency key: a submission
whose answer was lost can only be learnt of by its webhook.
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.ideogram import image, video
from anymedia.providers.adapters.ideogram.failures import explain
from anymedia.providers.adapters.ideogram.generation import poll, read_callback
from anymedia.providers.spec import Account, Inputs, Job, Pace, Provider, Report, Webhook
from anymedia.wire.auth import HeaderKey
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import post
from anymedia.wire.shape import Shape
from anymedia.wire.signature import SignedHash


class Quote(Shape):
    """What a request would cost."""

    usd_micros: int


def check() -> Exchange[Account]:
    """Ask for a price: free, and wants the key."""
    response = yield post(
        "/v2/image/generate/ideogram-4", query={"dry_run": True}, json={"prompt": "a red kite"}
    )
    return Account(details={"quoted_usd_micros": response.read(Quote).usd_micros})


WEBHOOK = Webhook(
    signature=SignedHash(
        prefix="x-ideogram-webhook-", about="generation-id", repeated="generation_id"
    ),
    key_set="https://api.ideogram.ai/v1/.well-known/jwks.json",
    reliable=True,
)

IDEOGRAM = Provider(
    name="ideogram",
    title="Ideogram",
    base_url="https://api.ideogram.ai",
    auth=HeaderKey("Api-Key", "IDEOGRAM_API_KEY"),
    operations=(
        Job(
            ImageRequest,
            image.submit,
            poll,
            recovery=Report(),
            pace=Pace(first_seconds=2.0, factor=1.3, longest_seconds=8.0),
            read_callback=read_callback,
        ),
        Job(
            VideoRequest,
            video.submit,
            poll,
            recovery=Report(wait_seconds=3600.0),
            pace=Pace(first_seconds=5.0, factor=1.4, longest_seconds=20.0),
            read_callback=read_callback,
        ),
    ),
    explain=explain,
    inputs=Inputs(schemes=(), inline_bytes=25 * 1024 * 1024, mask="black"),
    check=check,
    webhook=WEBHOOK,
    docs="https://developer.ideogram.ai",
)
