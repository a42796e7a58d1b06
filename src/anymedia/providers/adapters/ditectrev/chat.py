"""A chat in OpenAI's form, after a look at the subscription."""

from __future__ import annotations

from anymedia.contracts.text import TextAnswer, TextRequest
from anymedia.providers.adapters.ditectrev.errors import CHAT_ERRORS
from anymedia.providers.adapters.ditectrev.subscription import subscribed
from anymedia.providers.dialects.openai import chat
from anymedia.providers.dialects.openai.fields import SERVER_FIELDS
from anymedia.providers.dialects.openai.quirks import Quirks
from anymedia.providers.spec import Brief
from anymedia.wire.exchange import Exchange

QUIRKS = Quirks(errors=CHAT_ERRORS, fields=SERVER_FIELDS, state="ditectrev")


def exchange(request: TextRequest, _: Brief) -> Exchange[TextAnswer]:
    """Ask, if the subscription allows it."""
    yield from subscribed()
    return (yield from chat.exchange(request, QUIRKS))
