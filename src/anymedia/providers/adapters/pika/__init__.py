"""Pika: clips from words and pictures, served through fal's queue, which is Pika's only public API.

https://pika.art/api leads developers to fal (read 2026-11-21); the endpoints are those of
https://fal.ai/models?keywords=pika. Key, states, errors and calls back are fal's.
"""

from __future__ import annotations

from anymedia.providers.adapters.fal import AUTH, INPUTS, LANGUAGE, check, storage, video
from anymedia.providers.adapters.fal.errors import explain
from anymedia.providers.adapters.fal.webhook import WEBHOOK
from anymedia.providers.spec import Provider

PIKA = Provider(
    name="pika",
    title="Pika",
    base_url="https://queue.fal.run",
    auth=AUTH,
    operations=(video(LANGUAGE),),
    explain=explain,
    hosts=(storage.HOST,),
    inputs=INPUTS,
    check=check,
    webhook=WEBHOOK,
    docs="https://fal.ai/models?keywords=pika",
)
