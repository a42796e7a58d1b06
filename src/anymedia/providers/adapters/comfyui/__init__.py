"""ComfyUI: pictures and clips by workflows, on a server of one's own.

API: server.py and execution.py of Comfy-Org/ComfyUI, 2025 and 2026 (read 2026-11-21)

What is made, and by which models, stands in the workflow: the graph as ComfyUI exports it for
its API. The caller or the configuration gives it in `options`, see `workflow`; our fields go
into the places that it names. Without one there is a plain graph for a checkpoint's pictures.
"""

from __future__ import annotations

from functools import partial

from anymedia.contracts.image import ImageRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.comfyui.failures import explain
from anymedia.providers.adapters.comfyui.files import BIGGEST_UPLOAD, SCHEME, upload
from anymedia.providers.adapters.comfyui.task import cancel, check, find, poll, submit
from anymedia.providers.spec import Inputs, Job, Lookup, Pace, Provider
from anymedia.wire.auth import BearerToken

COMFYUI = Provider(
    name="comfyui",
    title="ComfyUI",
    base_url="http://127.0.0.1:8188",
    # It knows no keys itself; a proxy before it may.
    auth=BearerToken(required=False),
    operations=(
        Job(
            ImageRequest,
            submit,
            partial(poll, "image"),
            cancel=cancel,
            recovery=Lookup(find),
            pace=Pace(first_seconds=0.5, factor=1.3, longest_seconds=5.0),
        ),
        Job(
            VideoRequest,
            submit,
            partial(poll, "video"),
            cancel=cancel,
            recovery=Lookup(find),
            pace=Pace(first_seconds=1.0, factor=1.3, longest_seconds=10.0),
        ),
    ),
    explain=explain,
    inputs=Inputs(schemes=(SCHEME,), inline_bytes=0, upload=upload, upload_bytes=BIGGEST_UPLOAD),
    check=check,
    docs="https://docs.comfy.org/development/comfyui-server/comms_routes",
)
