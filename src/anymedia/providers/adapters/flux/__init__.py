"""FLUX, by Black Forest Labs: prompts and pictures to pictures and clips, by queued task.

API: https://docs.bfl.ai (OpenAPI of 2026-05-01 and later revisions, read 2026-11-21)

A task is polled where the answer says, which may be another region's host; asking elsewhere can
give "Task not found". There is no cancelling, no listing and no idempotency key: a submission
whose answer was lost can only be learnt of by its webhook.

LoRA models (`...-finetuned`) are served by the US region: set `base_url: https://api.us1.bfl.ai`
for them, and `options={"finetune_id": ...}` with the request.
"""

from __future__ import annotations

from decimal import Decimal

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.flux import image, video
from anymedia.providers.adapters.flux.failures import explain
from anymedia.providers.adapters.flux.task import poll, read_callback
from anymedia.providers.spec import Account, Inputs, Job, Pace, Provider, Report, Webhook
from anymedia.wire.auth import HeaderKey
from anymedia.wire.exchange import Exchange
from anymedia.wire.http import get
from anymedia.wire.shape import Shape
from anymedia.wire.signature import PlainMac


class Credits(Shape):
    """What is left."""

    credits: Decimal


def check() -> Exchange[Account]:
    """The balance; one credit is a cent."""
    response = yield get("/v1/credits")
    return Account(balance=response.read(Credits).credits, unit="credits")


# The header is told by copies of the vendor's guide alone (2026-11): a call without it only makes
# us ask. The secret is the one that went with the request.
WEBHOOK = Webhook(signature=PlainMac(header="x-bfl-signature", prefix="sha256="), always=False)

FLUX = Provider(
    name="flux",
    title="FLUX (Black Forest Labs)",
    base_url="https://api.bfl.ai",
    auth=HeaderKey("x-key", "BFL_API_KEY"),
    hosts=("bfl.ai", ".bfl.ai"),
    operations=(
        Job(
            ImageRequest,
            image.submit,
            poll,
            recovery=Report(),
            pace=Pace(first_seconds=1.0, factor=1.3, longest_seconds=5.0),
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
    inputs=Inputs(schemes=("https",), inline_bytes=50 * 1024 * 1024, mask="white"),
    check=check,
    webhook=WEBHOOK,
    docs="https://docs.bfl.ai",
)
