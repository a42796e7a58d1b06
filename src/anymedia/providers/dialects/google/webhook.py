"""What Google calls us with when an interaction ends: an id, and nothing that was made.

The form is Standard Webhooks'; the payload is not documented in full (2026-11), so the id is
looked for where those put it, and the interaction itself is asked. The signature of calls to an
address that went with the request is told by third parties alone (2026-11): one that is there has to
be right, and a call without one only makes us ask.
"""

from __future__ import annotations

from anymedia.contracts.errors import UnreadableResponse
from anymedia.providers.spec import Callback, Webhook
from anymedia.wire.http import Headers
from anymedia.wire.shape import Shape, read
from anymedia.wire.signature import StandardWebhooks

WEBHOOK = Webhook(signature=StandardWebhooks(), always=False)


class About(Shape):
    """What an event is about."""

    id: str | None = None
    name: str | None = None


class Event(Shape):
    """A call."""

    type: str | None = None
    data: About | None = None
    interaction: About | None = None


def read_callback(body: bytes, _: Headers) -> Callback:
    """Which interaction it is about."""
    event = read(body, Event)
    about = event.data or event.interaction or About()
    handle = about.id or (about.name or "").rpartition("/")[2]
    if not handle:
        raise UnreadableResponse("the call names no interaction")
    return Callback(handle=handle)
