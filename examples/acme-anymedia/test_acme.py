"""Acme keeps the contract. Run with `pytest`; needs `anymedia[testing]`."""

from __future__ import annotations

import pytest
from acme_anymedia import ACME
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing import Case, Double, ProviderTestSuite


class AcmeDouble(Double):
    """Acme on loopback: a clip is done when it is asked for the second time."""

    def __init__(self) -> None:
        self.key = "acme-double"
        self.polls = 0
        super().__init__(
            [
                Route("/v2/account", self.account),
                Route("/v2/clips", self.queue, methods=["POST"]),
                Route("/v2/clips/{id}", self.show),
            ]
        )

    def _refused(self, request: Request) -> Response | None:
        if request.headers.get("authorization") != f"Bearer {self.key}":
            return JSONResponse({"error": {"message": "who are you?"}}, 401)
        return None

    async def account(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({})

    async def queue(self, request: Request) -> Response:
        if refused := self._refused(request):
            return refused
        body = await request.json()
        if self.refuses in body["text"]:
            return JSONResponse({"error": {"message": "this is not allowed"}}, 400)
        return JSONResponse({"id": "c_1", "state": "waiting"})

    async def show(self, request: Request) -> Response:
        self.polls += 1
        done = self.polls % 2 == 0
        clip = {"id": "c_1", "state": "done" if done else "waiting"}
        return JSONResponse(clip | ({"urls": [f"{self.base_url}/c_1.mp4"]} if done else {}))


SUITE = ProviderTestSuite(ACME, AcmeDouble)


@pytest.mark.parametrize("case", SUITE.cases(), ids=str)
def test_acme_keeps_the_contract(case: Case) -> None:
    """Every case that the operations call for."""
    SUITE.check(case)
