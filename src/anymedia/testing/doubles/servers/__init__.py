"""Doubles of the servers that people run themselves and that speak OpenAI's language.

What they say in chats, transcripts and vectors is made as OpenAI's double makes it; doors, failures
and the rest are theirs. One model is loaded. Nothing costs anything, and nothing is moderated.
"""

from __future__ import annotations

import secrets
from decimal import Decimal
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.doubles.openai import Endpoint, OpenAIDouble, audio, chat, embeddings
from anymedia.testing.doubles.openai.asked import Asked
from anymedia.testing.doubles.openai.failures import Failure
from anymedia.testing.doubles.servers import media
from anymedia.testing.doubles.servers.loaded import Lenient, Loaded, loaded
from anymedia.testing.doubles.servers.videos import Videos

LOADED = "any"
"""The model that is loaded unless another is named; the contract suite asks for it."""


class ServerDouble(OpenAIDouble):
    """A server on loopback, below `/v1`; who wants no key takes every one."""

    refuses: ClassVar[str | None] = None
    asked_as: ClassVar[type[Asked]] = Loaded
    endpoints: ClassVar[dict[str, Endpoint]] = {
        "POST /chat/completions": chat.answer,
        "POST /embeddings": embeddings.answer,
    }

    def __init__(self, *, key: str | None = "server-double-key", model: str = LOADED) -> None:
        self.loading = False
        """Whether the model is still being loaded, in which time nothing is answered."""
        self.wanted = key
        super().__init__(key=key or "", models=loaded(model))
        if key is None:
            del self.key  # nobody has to be told of it

    def _routes(self) -> list[Route]:
        return self._below("/v1", {**self.endpoints, "GET /models": media.listed})

    def _admit(self, request: Request) -> None:
        if self.wanted is not None:
            given = request.headers.get("authorization", "").removeprefix("Bearer ")
            if not secrets.compare_digest(given.encode(), self.wanted.encode()):
                raise Failure(401, "Invalid API Key", kind="authentication_error")
        if self.loading:
            raise Failure(503, "Loading model", kind="unavailable_error")

    def _bill(self, identifier: str, amount: Decimal) -> None:
        """Nobody is billed."""

    def _headers(self, asked: Asked) -> dict[str, str]:
        return {}

    def _failed(self, failure: Failure) -> Response:
        error = failure.body["error"]
        return JSONResponse(
            self.said(failure.status, error["message"], error["type"]), failure.status
        )

    def said(self, status: int, message: str, kind: str) -> dict[str, Any]:
        """A failure in the server's words."""
        return {"error": {"code": status, "message": message, "type": kind}}


class OllamaDouble(ServerDouble):
    """Ollama, which wants no key on one's own machine."""

    endpoints: ClassVar[dict[str, Endpoint]] = {
        **ServerDouble.endpoints,
        "POST /images/generations": media.pictured,
    }

    def __init__(self, *, model: str = LOADED) -> None:
        super().__init__(key=None, model=model)

    def said(self, status: int, message: str, kind: str) -> dict[str, Any]:
        kind = "not_found_error" if status == 404 else kind
        return {"error": {"message": message, "type": kind, "param": None, "code": None}}


class VllmDouble(ServerDouble):
    """vLLM, started with a key."""

    endpoints: ClassVar[dict[str, Endpoint]] = {
        **ServerDouble.endpoints,
        "POST /audio/transcriptions": audio.transcribed,
    }
    kinds: ClassVar[dict[int, str]] = {400: "BadRequestError", 404: "NotFoundError"}

    def said(self, status: int, message: str, kind: str) -> dict[str, Any]:
        if status == 401:
            return {"error": "Unauthorized"}
        kind = self.kinds.get(status, "InternalServerError")
        return {"error": {"message": message, "type": kind, "param": None, "code": status}}


class VllmOmniDouble(VllmDouble):
    """vLLM-Omni, with clips as jobs; what is not text fails as FastAPI does."""

    endpoints: ClassVar[dict[str, Endpoint]] = {
        "POST /chat/completions": chat.answer,
        "POST /images/generations": media.pictured,
        "POST /audio/speech": media.spoken,
    }

    def __init__(
        self, *, key: str | None = "server-double-key", model: str = LOADED, slowness: int = 2
    ) -> None:
        self.videos = Videos(slowness)
        super().__init__(key=key, model=model)

    def _routes(self) -> list[Route]:
        table: dict[str, Endpoint] = {
            "POST /videos": self.videos.submit,
            "GET /videos": self.videos.listed,
            "GET /videos/{id}": self.videos.show,
            "GET /videos/{id}/content": self.videos.content,
            "DELETE /videos/{id}": self.videos.remove,
        }
        return [*super()._routes(), *self._below("/v1", table)]

    def said(self, status: int, message: str, kind: str) -> dict[str, Any]:
        if kind == media.FASTAPI:
            return {"detail": message}
        return super().said(status, message, kind)


class LlamaCppDouble(ServerDouble):
    """llama.cpp's server, which answers with what it has loaded, whatever is asked for."""

    asked_as: ClassVar[type[Asked]] = Lenient


class LocalAIDouble(ServerDouble):
    """LocalAI."""

    endpoints: ClassVar[dict[str, Endpoint]] = {
        **ServerDouble.endpoints,
        "POST /images/generations": media.pictured,
        "POST /audio/speech": media.spoken,
        "POST /audio/transcriptions": audio.transcribed,
    }

    def said(self, status: int, message: str, kind: str) -> dict[str, Any]:
        return {"error": {"code": status, "message": message, "type": ""}}
