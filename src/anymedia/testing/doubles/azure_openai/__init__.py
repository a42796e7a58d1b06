"""Azure OpenAI's double: OpenAI's below a resource's address, on both of its surfaces.

Deployments stand for models and may have names of their own. A prompt with the word `forbidden` is
caught by the content filter before any model sees it. Each deployment answers so many requests a
minute, where the double is told how many. Entra ID hands out tokens below `/{tenant}`; they end.
"""

from __future__ import annotations

import secrets
import time
from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.providers.adapters.azure_openai.auth import SCOPE
from anymedia.testing.doubles.azure_openai.filtered import filtered
from anymedia.testing.doubles.openai import Endpoint, OpenAIDouble, endpoints
from anymedia.testing.doubles.openai.asked import Asked, living
from anymedia.testing.doubles.openai.failures import Failure

DEPLOYED = ("/chat/completions", "/embeddings", "/images/", "/audio/")
VERSIONS = ("v1", "preview", "latest")
WINDOW_SECONDS = 60.0
TOKEN_SECONDS = 3599.0


class Deployed(Asked):
    """A request whose path may name the deployment; what the body says of the model is ignored."""

    def _read(self) -> dict[str, Any]:
        named = self.path.get("deployment")
        return super()._read() | ({} if named is None else {"model": named})


class AzureOpenAIDouble(OpenAIDouble):
    """A resource on loopback, and its tenant.

    `deployments` are models by the names that they are deployed under; without it every model of
    the catalogue is deployed under its own name. `per_minute` limits each of them.
    """

    asked_as = Deployed

    def __init__(
        self,
        *,
        key: str = "azure-double-key",
        deployments: Mapping[str, str] | None = None,
        per_minute: int | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        models = living("azure-openai")
        if deployments is not None:
            models = {name: models[model] for name, model in deployments.items()}
        self.per_minute = per_minute
        self.principal = {"client_id": "double-client", "client_secret": "double-client-secret"}
        self.tenant = "double-tenant"
        self._clock = clock
        self._tokens: dict[str, float] = {}
        self._used: Counter[tuple[str, int]] = Counter()
        super().__init__(key=key, models=models)

    def _routes(self) -> list[Route]:
        table = {where: self._guarded(where, endpoint) for where, endpoint in endpoints().items()}
        deployed = {
            where: endpoint
            for where, endpoint in table.items()
            if where.split()[1].startswith(DEPLOYED)
        }
        beside = {where: one for where, one in table.items() if where not in deployed}
        return [
            *self._below("/openai/v1", table),
            *self._below("/openai/deployments/{deployment}", deployed),
            *self._below("/openai", beside),
            Route("/{tenant}/oauth2/v2.0/token", self._grant, methods=["POST"]),
        ]

    # --- who asks, and where --------------------------------------------------------------------

    def _admit(self, request: Request) -> None:
        version = request.query_params.get("api-version", "")
        below = request.url.path.removeprefix("/openai/")
        newer = below.startswith("v1/")
        if not (version in {"", *VERSIONS} if newer else version[:4].isdigit()):
            raise Failure(404, "Resource not found", code="404")
        key = request.headers.get("api-key")
        if key is not None and secrets.compare_digest(key.encode(), self.key.encode()):
            return
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer" and self._tokens.get(token, 0.0) > self._clock():
            return
        raise Failure(
            401,
            "Access denied due to invalid subscription key or wrong API endpoint. Make sure to "
            "provide a valid key for an active subscription.",
            code="401",
        )

    async def _grant(self, request: Request) -> Response:
        """A token for a service principal."""
        fields = dict(parse_qsl((await request.body()).decode()))
        wrong = request.path_params["tenant"] != self.tenant or any(
            fields.get(name) != value for name, value in self.principal.items()
        )
        if wrong or fields.get("grant_type") != "client_credentials":
            told = {"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client"}
            return JSONResponse(told, 401)
        if fields.get("scope") != SCOPE:
            told = {"error": "invalid_scope", "error_description": "AADSTS70011: Invalid scope"}
            return JSONResponse(told, 400)
        token = f"ey-double-{len(self._tokens) + 1}"
        self._tokens[token] = self._clock() + TOKEN_SECONDS
        return JSONResponse(
            {"token_type": "Bearer", "expires_in": int(TOKEN_SECONDS), "access_token": token}
        )

    # --- what is answered -----------------------------------------------------------------------

    def _guarded(self, where: str, endpoint: Endpoint) -> Endpoint:
        """An endpoint behind the deployment's limit and the content filter."""
        if where.startswith("GET "):
            return endpoint

        def answer(asked: Asked) -> Response:
            name = str(asked.fields.get("model"))
            if name not in self.models:
                raise Failure(
                    404,
                    "The API deployment for this resource does not exist. If you created the "
                    "deployment within the last 5 minutes, please wait a moment and try again.",
                    code="DeploymentNotFound",
                )
            self._take(name)
            return filtered(endpoint, asked)

        return answer

    def _take(self, deployment: str) -> None:
        if self.per_minute is None:
            return
        window = int(self._clock() // WINDOW_SECONDS)
        if self._used[deployment, window] >= self.per_minute:
            raise Failure(
                429,
                "Requests to the deployment have exceeded the call rate limit of your current "
                "pricing tier.",
                code="429",
            )
        self._used[deployment, window] += 1

    def _failed(self, failure: Failure) -> Response:
        error = failure.body["error"]
        told = {"code": error["code"], "message": error["message"]}
        told |= {name: error[name] for name in ("param", "type", "innererror") if error.get(name)}
        response = JSONResponse({"error": told}, failure.status)
        if failure.status == 429:
            left = WINDOW_SECONDS - self._clock() % WINDOW_SECONDS
            response.headers["retry-after"] = str(max(1, round(left)))
            response.headers["retry-after-ms"] = str(max(1, round(left * 1000)))
        return response

    def _headers(self, asked: Asked) -> dict[str, str]:
        headers = {"apim-request-id": f"azure-{asked.number}", "x-ms-region": "Sweden Central"}
        if self.per_minute is not None:
            try:
                name = str(asked.fields.get("model"))
            except Failure:
                return headers
            used = self._used[name, int(self._clock() // WINDOW_SECONDS)]
            headers["x-ratelimit-limit-requests"] = str(self.per_minute)
            headers["x-ratelimit-remaining-requests"] = str(max(0, self.per_minute - used))
        return headers
