"""Luma's two services, which share a name and nothing else: other hosts, other keys, other models.

`luma` is the current one (uni-1 pictures, ray-3.2 clips), `luma-dream-machine` the older one
(photon, ray-2), which still answers and gets no new models.

API: https://docs.agents.lumalabs.ai and https://docs.lumalabs.ai (read 2026-11-21)
"""

from __future__ import annotations

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.luma import agents, dream_machine
from anymedia.providers.adapters.luma.failures import explain
from anymedia.providers.adapters.luma.files import check, upload
from anymedia.providers.spec import Inputs, Job, Lookup, Pace, Provider
from anymedia.wire.auth import BearerToken

LUMA = Provider(
    name="luma",
    title="Luma",
    base_url="https://agents.lumalabs.ai/v1",
    auth=BearerToken("LUMA_AGENTS_API_KEY"),
    operations=(
        # No list, no webhook, no idempotency key: what is lost stays lost.
        Job(VideoRequest, agents.submit_video, agents.poll, pace=Pace(first_seconds=4.0)),
        Job(ImageRequest, agents.submit_image, agents.poll, pace=Pace(first_seconds=3.0)),
    ),
    explain=explain,
    inputs=Inputs(
        schemes=("https", "luma"),
        inline_bytes=8 * 1024 * 1024,
        upload=upload,
        upload_bytes=5 * 1024 * 1024 * 1024,
    ),
    check=check,
    docs="https://docs.agents.lumalabs.ai",
)

LUMA_DREAM_MACHINE = Provider(
    name="luma-dream-machine",
    title="Luma Dream Machine",
    base_url="https://api.lumalabs.ai/dream-machine/v1",
    auth=BearerToken("LUMAAI_API_KEY", "LUMA_API_KEY"),
    operations=(
        Job(
            VideoRequest,
            dream_machine.submit_video,
            dream_machine.poll,
            recovery=Lookup(dream_machine.find, proves_absence=False),
            pace=Pace(first_seconds=3.0),
            read_callback=dream_machine.read_callback,
        ),
        Job(
            ImageRequest,
            dream_machine.submit_image,
            dream_machine.poll,
            recovery=Lookup(dream_machine.find, proves_absence=False),
            pace=Pace(first_seconds=1.0, longest_seconds=8.0),
            read_callback=dream_machine.read_callback,
        ),
    ),
    explain=explain,
    # Pictures go in by public URL only.
    inputs=Inputs(schemes=("https", "http"), inline_bytes=0),
    check=dream_machine.check,
    docs="https://docs.lumalabs.ai",
)
