"""echo: every medium, real files, no key and no network, for trying things out and for tests.

It is talked to exactly as a paid provider is; only the far end, `anymedia.echo`, answers in this
process. The same prompt and seed always give the same file. What a provider can do to its callers
(failures, delays, refusals, lost answers, late charges), echo does when `options` ask for it; the
table stands in `anymedia/echo/__init__.py`.
"""

from __future__ import annotations

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.echo import media, text, work
from anymedia.providers.adapters.echo.failures import check, explain
from anymedia.providers.spec import Call, Inputs, Job, Pace, Provider, Repeat, Stream
from anymedia.wire.auth import NoAuth

PACE = Pace(first_seconds=0.2, factor=1.5, longest_seconds=2.0)

ECHO = Provider(
    name="echo",
    title="Echo",
    base_url="echo://local",
    auth=NoAuth(),
    operations=(
        Call(TextRequest, text.answer),
        Stream(TextRequest, text.start, text.Decoder),
        Call(ImageRequest, media.images, recovery=Repeat()),
        Job(VideoRequest, work.submit, work.poll, work.cancel, recovery=Repeat(), pace=PACE),
        Job(AudioRequest, work.submit, work.poll, work.cancel, recovery=Repeat(), pace=PACE),
        Call(SpeechRequest, media.speech, recovery=Repeat()),
        Call(TranscriptionRequest, media.transcript),
        Call(EmbeddingRequest, media.vectors),
    ),
    explain=explain,
    inputs=Inputs(schemes=(), inline_bytes=100 * 1024 * 1024),
    check=check,
    in_process="anymedia.echo.server",
)
