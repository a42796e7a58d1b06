"""Who only writes down what is spoken does not take it for a translation."""

from __future__ import annotations

import pytest

from anymedia.contracts.errors import UnsupportedOption
from anymedia.contracts.media import MediaBytes
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.providers.registry import provider
from anymedia.providers.spec import Brief, Call
from anymedia.wire.exchange import replay

TALK = MediaBytes(data=b"RIFF", media_type="audio/wav")


@pytest.mark.parametrize("name", ["elevenlabs", "huggingface", "mistral", "openrouter"])
def test_a_translation_is_refused_before_it_is_sent(name: str) -> None:
    """Also of models that no sheet describes."""
    named = provider(name)
    (listening,) = [one for one in named.operations if one.request_type is TranscriptionRequest]
    assert isinstance(listening, Call)
    request = TranscriptionRequest(model="unlisted", audio=TALK, translate=True)
    with pytest.raises(UnsupportedOption, match="as it is spoken"):
        replay(listening.exchange(request, Brief()), explain=named.explain)
