"""What the faces of the gateway need of it, and nothing more.

The dialects (`openai`, `anthropic`) translate and delegate; who asks, whose jobs are whose, and how
bytes are handed out is the application's affair.
"""

from __future__ import annotations

from typing import Any, Protocol, TypeVar

from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import Scope

from anymedia.client.aio import AsyncClient, AsyncJobsView
from anymedia.client.batches import AsyncBatchesView
from anymedia.clock import Clock
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.media import StoredArtifact
from anymedia.contracts.request import Request
from anymedia.engine.candidate import Asker

RequestT = TypeVar("RequestT", bound=Request[Any])


class Refused(InvalidRequest):
    """The gateway says no before anything is asked: with a status, and the field it is about.

    401 and 403 for keys, 404 for what is not there, 413 and 415 for bodies, 400 for the rest.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int = 400,
        param: str | None = None,
        word: str | None = None,
        allow: tuple[str, ...] = (),
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.status = status
        self.param = param
        """The field of the caller's body, as a path such as `messages[0].content`."""
        self.word = word
        """A code of the caller's dialect, where it has one for this."""
        self.allow = allow
        """With 405: the methods that the path takes."""


class Gateway(Protocol):
    """What the routes of a dialect are given."""

    @property
    def client(self) -> AsyncClient:
        """Who answers."""
        ...

    @property
    def clock(self) -> Clock:
        """The same that the client has."""
        ...

    @property
    def limit_bytes(self) -> int:
        """The largest body that is read."""
        ...

    def asker(self, request: HttpRequest, wanted: Request[Any] | None = None) -> Asker:
        """On whose behalf a request is made.

        Raises `Refused` where its key may not ask for `wanted`: its medium, its model.
        """
        ...

    def caller(self, scope: Scope) -> Asker:
        """The same before a request is put together: whoever asks may ask for something."""
        ...

    def jobs(self, request: HttpRequest) -> AsyncJobsView:
        """The jobs of whoever asks, and nobody else's."""
        ...

    def batches(self, request: HttpRequest) -> AsyncBatchesView:
        """The batches of whoever asks, and nobody else's."""
        ...

    async def permitted(self, wanted: RequestT, asker: Asker) -> RequestT:
        """A request as its caller may make it. Raises `Refused`. For what the client does not check."""
        ...

    def address(self, request: HttpRequest) -> str:
        """Where whoever asks has found the gateway, without a slash at the end."""
        ...

    def artifact(self, request: HttpRequest, artifact: StoredArtifact) -> Response:
        """An artifact's bytes: streamed, with `Range` and its media type."""
        ...

    def link(self, request: HttpRequest, artifact: StoredArtifact) -> str:
        """An absolute URL where whoever asks can fetch an artifact."""
        ...
