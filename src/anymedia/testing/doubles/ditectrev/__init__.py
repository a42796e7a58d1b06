"""Ditectrev's double: a chat as Mistral has it, and the service that knows the subscriptions.

No public API is known. What the exam platform asks is Mistral's chat, so that is what stands here;
the subscription is told as our adapter describes it. Both have keys of their own.
"""

from __future__ import annotations

import secrets
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.doubles.mistral import Failure, MistralDouble

MODEL = "mistral-medium"
"""What the platform asks for."""


class DitectrevDouble(MistralDouble):
    """Both services on loopback; `subscription` may be changed at any time."""

    def __init__(
        self,
        *,
        key: str = "ditectrev-double-key",
        kind: str | None = "ditectrev",
        status: str = "active",
    ) -> None:
        super().__init__(
            key=key,
            besides=[
                Route("/chat/completions", self._served(self._chat), methods=["POST"]),
                Route("/me/subscription", self._subscription, methods=["GET"]),
            ],
        )
        self.subscription_key = "subscription-double-key"
        self.kind = kind
        """The type of the subscription; `None` when there is none."""
        self.status = status
        self.unpaid = False
        """Whether the chat itself wants payment, though the subscription was fine."""
        # The subscription pays: answers are counted, and cost nothing.
        known = next(iter(self.models.values()))
        self.models[MODEL] = known.model_copy(update={"id": MODEL, "prices": ()})

    @property
    def secrets(self) -> dict[str, str]:
        """What has to be configured besides the key and the address."""
        return {
            "subscription_url": f"{self.base_url}/me/subscription",
            "subscription_key": self.subscription_key,
        }

    def _chat(self, body: dict[str, Any]) -> Response:
        if self.unpaid:
            raise Failure(402, {"message": "Payment Required"})
        return super()._chat(body)

    async def _subscription(self, request: Request) -> Response:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not secrets.compare_digest(given.encode(), self.subscription_key.encode()):
            return JSONResponse({"error": "who are you?"}, 401)
        if self.kind is None:
            return JSONResponse({"error": "no subscription"}, 404)
        return JSONResponse({"type": self.kind, "status": self.status})
