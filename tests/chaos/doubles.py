"""The doubles of the five: they count, charge, fail as fates say, and call back where asked to."""

from __future__ import annotations

import asyncio
import hashlib
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from urllib.request import Request as UrlRequest, urlopen

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.double import Double, cut
from tests.chaos.fates import Fate, told_in
from tests.chaos.works import PRICES, SUBMIT_SECONDS

FAULTY = JSONResponse({"error": {"message": "scripted failure"}}, 500)
PAGE = Response(b"<!doctype html><html><body>Back soon</body></html>", media_type="text/html")
REPORTS = 100
"""So often a call is tried, while nobody listens."""


@dataclass
class Taken:
    """Work that was taken on."""

    name: str
    label: str
    fate: Fate
    since: float
    stopped: bool = False
    polls: int = 0
    downloads: int = 0
    state: str = "working"

    @property
    def over(self) -> bool:
        """Whether its time is up."""
        return time.monotonic() - self.since >= self.fate.work_seconds


@dataclass
class Posts:
    """Submissions as they came, taken on or not."""

    by_label: Counter[str] = field(default_factory=Counter)
    by_number: Counter[int] = field(default_factory=Counter)
    keys: dict[str, set[str | None]] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)


def content(name: str) -> bytes:
    """What a piece of work comes to: 32 kB that nobody else has."""
    return b"".join(hashlib.sha256(f"{name}:{n}".encode()).digest() for n in range(1024))


class WorkDouble(Double):
    """One of the five."""

    def __init__(self, ability: str) -> None:
        super().__init__(
            [
                Route("/work", self._submit, methods=["POST"]),
                Route("/picture", self._picture, methods=["POST"]),
                Route("/work", self._find),
                Route("/work/{name}", self._stop, methods=["DELETE"]),
                Route("/work/{name}", self._show),
                Route("/result/{name}", self._result),
            ]
        )
        self.ability = ability
        self.taken: dict[str, Taken] = {}
        self.posts = Posts()
        self.reports: Counter[str] = Counter()
        """Calls that were heard, by the work they were about."""

    # --- submissions ----------------------------------------------------------------------

    async def _submit(self, request: Request) -> Response:
        return await self._asked(request, picture=False)

    async def _picture(self, request: Request) -> Response:
        return await self._asked(request, picture=True)

    async def _asked(self, request: Request, *, picture: bool) -> Response:
        body = await request.json()
        label, found = body["label"], told_in(body["prompt"])
        turn = self.posts.by_number[found.number]
        self.posts.by_label[label] += 1
        self.posts.by_number[found.number] += 1
        key = request.headers.get("idempotency-key")
        self.posts.keys.setdefault(label, set()).add(key)
        mishap = found.mishaps[turn] if turn < len(found.mishaps) else None
        self.posts.happened[mishap or "well"] += 1
        match mishap:
            case "busy":
                return JSONResponse({"error": "busy"}, 429, {"retry-after": "1"})
            case "refused":
                return JSONResponse({"error": {"code": "refused", "message": "not this"}}, 400)
            case "down":
                return FAULTY
        work = self._take(label, found, key, body)
        await asyncio.sleep(found.answer_seconds)
        answer: Response = JSONResponse({"id": work.name})
        if picture:
            answer = Response(content(work.name), media_type="application/octet-stream")
        match mishap:
            case "lost":
                return FAULTY
            case "cut":
                return cut(streamed(answer), 5)
            case "stalled":
                await asyncio.sleep(SUBMIT_SECONDS + 0.5)
        return answer

    def _take(self, label: str, found: Fate, key: str | None, body: dict[str, Any]) -> Taken:
        """Take it on; who repeats it under its key gets what there is."""
        honours = self.ability in {"repeat", "at-once"}
        for work in self.taken.values():
            if honours and key is not None and work.label == key:
                return work
        work = Taken(f"{self.ability}-{len(self.taken) + 1}", label, found, time.monotonic())
        self.taken[work.name] = work
        self.record.bill(label, PRICES[self.ability], found.prompt)
        if self.ability == "at-once":
            work.state = "done"
        elif body.get("report_to"):
            threading.Thread(
                target=self._report, args=(body["report_to"], work), daemon=True
            ).start()
        return work

    def _report(self, url: str, work: Taken) -> None:
        """Call twice: when it was taken on, and when it is over; until somebody listens."""
        for wait in (work.fate.answer_seconds / 2, work.fate.work_seconds):
            time.sleep(wait)
            for _ in range(REPORTS):
                body = msgspec.json.encode({"id": work.name})
                try:
                    with urlopen(
                        UrlRequest(url, body, {"Content-Type": "application/json"}), timeout=5
                    ):
                        self.reports[work.name] += 1
                        break
                except OSError:
                    time.sleep(0.3)

    # --- afterwards -----------------------------------------------------------------------

    async def _find(self, request: Request) -> Response:
        label = request.query_params["label"]
        found = [{"id": work.name} for work in self.taken.values() if work.label == label]
        return JSONResponse({"work": found})

    async def _show(self, request: Request) -> Response:
        work = self.taken.get(request.path_params["name"])
        if work is None:
            return JSONResponse({"error": "no such work"}, 404)
        work.polls += 1
        if work.polls <= work.fate.deaf_polls:
            return FAULTY
        if work.state == "working" and work.over:
            work.state = "done" if work.fate.end == "made" else "failed"
            if work.fate.end == "fails":
                self.record.give_back(work.label)
        charged = work.fate.end == "fails-charged"
        url = f"{self.base_url}/result/{work.name}"
        return JSONResponse({"id": work.name, "state": work.state, "url": url, "charged": charged})

    async def _stop(self, request: Request) -> Response:
        work = self.taken[request.path_params["name"]]
        if work.state != "working" or work.over:
            return JSONResponse({"error": "too late"}, 409)
        work.state = "stopped"
        self.record.give_back(work.label)
        return JSONResponse({})

    async def _result(self, request: Request) -> Response:
        work = self.taken[request.path_params["name"]]
        work.downloads += 1
        whole = Response(content(work.name), media_type="application/octet-stream")
        if work.downloads > len(work.fate.spoilt):
            return whole
        match work.fate.spoilt[work.downloads - 1]:
            case "cut":
                return cut(streamed(whole), 9000)
            case "down":
                return FAULTY
            case _:
                return PAGE


def streamed(response: Response) -> Response:
    """The same as it would go out, piece by piece."""
    from starlette.responses import StreamingResponse

    return StreamingResponse(
        iter([bytes(response.body)]), response.status_code, dict(response.headers)
    )
