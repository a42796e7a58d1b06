"""A line for every request and job, that says who, where, what and how much, and nothing else."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.trace import SpanKind

from anymedia.contracts.configuration import ProviderSettings, Settings
from anymedia.contracts.gateway import GatewaySettings
from anymedia.gateway.app import Gateway, Opening, application
from anymedia.telemetry.lines import ACCESS, LogFormat, configure
from anymedia.testing.double import serving as serving_double
from anymedia.testing.doubles.openai import OpenAIDouble
from tests.gateway.serving import ADMIN, Running, serving, settings
from tests.support.face import served
from tests.telemetry.traced import Traced

CANARY = "canary-51c7"
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="


class Log(io.StringIO):
    """What was logged. A line may come a moment after the answer that it is about."""

    def __init__(self) -> None:
        super().__init__()
        self._written = threading.Condition()

    def write(self, text: str) -> int:
        """Keep it, and tell who waits for it."""
        with self._written:
            self._written.notify_all()
            return super().write(text)

    def lines(self, message: str = "request", **facts: str) -> list[dict[str, Any]]:
        """The lines about requests, or about something else, that have these facts."""
        found = [json.loads(line) for line in self.getvalue().splitlines()]
        return [
            one
            for one in found
            if one["message"] == message and all(one.get(k) == v for k, v in facts.items())
        ]

    def line(self, message: str = "request", **facts: str) -> dict[str, Any]:
        """The one line that has these facts, as soon as it is there."""
        with self._written:
            assert self._written.wait_for(lambda: self.lines(message, **facts), 20)
        (found,) = self.lines(message, **facts)
        return found


@contextmanager
def logged(form: LogFormat = "json") -> Iterator[Log]:
    """Everything that is logged while the block runs, as an operator would have it."""
    root, access = logging.getLogger(), logging.getLogger(ACCESS)
    handlers, levels = list(root.handlers), (root.level, access.level)
    stream = Log()
    configure(form, stream)
    try:
        yield stream
    finally:
        root.handlers[:] = handlers
        root.setLevel(levels[0])
        access.setLevel(levels[1])


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Running, Log]]:
    """A gateway with keys whose log is in JSON."""
    said = settings(admin=True, log_format="json", wait_seconds=20)
    with logged() as stream, serving(tmp_path_factory.mktemp("told"), said) as running:
        yield running, stream


def test_a_chat_has_a_line_with_everything_that_is_known(
    told: tuple[Running, Log],
) -> None:
    """Whose key it was, by its first letters; the route and not the path; the money in full."""
    running, stream = told
    _, key = running.key()
    with running.caller(key, **{"X-Request-Id": "mine-1"}) as caller:
        body = {"model": "echo/hello", "messages": [{"role": "user", "content": "hi"}]}
        assert caller.post("/v1/chat/completions", json=body).status_code == 200
    line = stream.line(request_id="mine-1")
    assert line.keys() >= {"at", "level", "ms", "input_tokens", "output_tokens", "cost_usd"}
    assert {name: line[name] for name in ("key", "method", "route", "status", "attempts")} == {
        "key": key[:9],
        "method": "POST",
        "route": "/v1/chat/completions",
        "status": 200,
        "attempts": 1,
    }
    assert (line["medium"], line["provider"], line["model"]) == ("text", "echo", "hello-1")
    tried = stream.line("attempt", request_id="mine-1")
    assert (tried["state"], tried["provider"], tried["attempt"]) == ("succeeded", "echo", 1)


def test_a_jobs_end_is_told_with_its_attempts(told: tuple[Running, Log]) -> None:
    """The request's line names the job, the job's lines say what became of it."""
    running, stream = told
    with running.caller(ADMIN, **{"X-Request-Id": "mine-2"}) as caller:
        made = caller.post("/api/ai/image", json={"prompt": "a fox", "quality": "draft"})
    assert made.status_code == 200, made.text
    line = stream.line(request_id="mine-2")
    assert (line["key"], line["job_id"]) == ("admin", made.json()["job_id"])
    tried = stream.line("attempt", job_id=line["job_id"])
    assert (tried["state"], tried["provider"], tried["cost_usd"]) == ("succeeded", "echo", "0")
    ended = stream.line("job", job_id=line["job_id"])
    assert (ended["status"], ended["medium"]) == ("succeeded", "image")


def test_what_is_refused_has_a_line_too(told: tuple[Running, Log]) -> None:
    """Whose key nobody knows is not quoted."""
    running, stream = told
    with running.caller(f"am_{CANARY}", **{"X-Request-Id": "mine-3"}) as stranger:
        assert stranger.get("/api/jobs").status_code == 401
    line = stream.line(request_id="mine-3")
    assert line["status"] == 401
    assert "key" not in line


def test_nothing_that_callers_send_or_get_is_in_the_log(tmp_path: Path) -> None:
    """Prompts, media, keys, paths, query strings, headers: in success and in failure."""
    with logged() as stream:
        said = settings(admin=True, log_format="json", wait_seconds=20)
        with serving(tmp_path, said) as running:
            _, key = running.key()
            send_canaries(running, key)
        found = stream.lines()
    assert len(found) == 1 + CANARIES
    assert {one.get("key") for one in found} == {"admin", key[:9], None}
    said_in_all = stream.getvalue()
    for secret in (CANARY, PIXEL[:24], key, key[10:], ADMIN):
        assert secret not in said_in_all


CANARIES = 11


def send_canaries(running: Running, key: str) -> None:
    """So many requests with something in them that must not be found again."""
    picture = f"data:image/png;base64,{PIXEL}"
    with running.caller(key, **{"User-Agent": CANARY, "X-Whatever": CANARY}) as caller:
        chat = {"model": "echo/hello", "messages": [{"role": "user", "content": CANARY}]}
        caller.post("/v1/chat/completions", json=chat)
        caller.post("/v1/chat/completions", json={**chat, "model": f"gpt-{CANARY}"})
        caller.post("/v1/chat/completions", content=f'{{"model": "{CANARY}')
        caller.post("/v1/messages", json={**chat, "max_tokens": 5, CANARY: CANARY})
        caller.post("/api/ai/text", json={"prompt": CANARY, "metadata": {"mine": CANARY}})
        caller.post("/api/ai/image", json={"prompt": CANARY, "images": [picture]})
        caller.post("/api/ai/video", json={"prompt": CANARY, "nonsense": CANARY})
        caller.get(f"/api/jobs/{CANARY}?owner={CANARY}")
        caller.get(f"/{CANARY}")
        caller.patch(f"/v1/{CANARY}", json={CANARY: CANARY})
    with running.caller(f"sk-{CANARY}") as stranger:
        stranger.post("/v1/chat/completions", json=chat)


@pytest.mark.parametrize("streamed", [False, True])
def test_what_is_passed_on_as_it_came_has_the_same_lines(tmp_path: Path, *, streamed: bool) -> None:
    """The short way is told like the long one, and its answer stays as unknown to the log."""
    double = OpenAIDouble()
    with logged() as stream, serving_double(double):
        openai = {"name": "openai", "api_key": double.key, "base_url": f"{double.base_url}/v1"}
        said = Settings(
            providers=(ProviderSettings.model_validate(openai),),
            gateway=GatewaySettings(log_format="json"),
        )
        body = {
            "model": "openai/gpt-4.1",
            "stream": streamed,
            "messages": [{"role": "user", "content": CANARY}],
        }
        with serving(tmp_path, said) as running, running.caller() as caller:
            assert caller.post("/v1/chat/completions", json=body).status_code == 200
            assert caller.post("/v1/chat/completions", json=body).status_code == 200
    assert len(stream.lines()) == len(stream.lines("attempt")) == 2
    for line in stream.lines():
        assert (line["provider"], line["medium"], line["attempts"]) == ("openai", "text", 1)
        assert line["output_tokens"] > 0
        assert float(line["cost_usd"]) > 0
    for line in stream.lines("attempt"):
        assert (line["provider"], line["state"], line["attempt"]) == ("openai", "succeeded", 1)
        assert float(line["cost_usd"]) > 0
    assert CANARY not in stream.getvalue()


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_caller_cannot_write_lines_of_the_log(tmp_path: Path, form: LogFormat) -> None:
    """Not by an id, not by a model's name, not by a provider's."""
    nasty = 'x"}\n{"message": "forged"}\r\x1b[2J'
    said = settings(log_format=form)
    with logged(form) as stream, serving(tmp_path, said) as running:
        with running.caller() as caller:
            caller.get("/livez", headers={"X-Request-Id": 'x" forged="1'})
            for body in ({"model": nasty}, {"provider": nasty}, {"tags": [nasty]}):
                caller.post("/api/ai/text", json={"prompt": "hi", **body})
            caller.get("/api/jobs/%0aforged%0d")
        found = stream.getvalue().splitlines()
    assert len(found) >= 5
    assert "forged" not in "".join(found)
    if form == "json":
        assert all(json.loads(line)["message"] in {"request", "attempt"} for line in found)


def test_without_a_format_there_is_no_line(tmp_path: Path) -> None:
    """And nobody is asked to look: there is no observer."""
    with logged() as stream, serving(tmp_path, settings()) as running:
        assert running.gateway.observer is None
        with running.caller() as caller:
            assert caller.get("/livez").status_code == 200
    assert stream.getvalue() == ""


# --- traces ---------------------------------------------------------------------------------

TRACE = "0af7651916cd43dd8448eb211c80319c"


def test_a_request_goes_on_with_its_callers_trace(tmp_path: Path) -> None:
    """The request is a span below the caller's, the attempt one below the request's."""
    traced = Traced()
    gateway = Gateway(Opening(data_dir=str(tmp_path)), settings=settings(), spans=traced.spans)
    asked = {"traceparent": f"00-{TRACE}-b7ad6b7169203331-01", "X-Request-Id": "mine-1"}
    with served(application(gateway).door) as address:
        running = Running(gateway, address, None)  # type: ignore[arg-type]  # it needs no loop
        with running.caller(**asked) as caller:
            for stream in (False, True):
                body = {
                    "model": "echo/hello",
                    "stream": stream,
                    "messages": [{"role": "user", "content": CANARY}],
                }
                assert caller.post("/v1/chat/completions", json=body).status_code == 200
            assert caller.get(f"/api/jobs/{CANARY}").status_code == 404
    attempt, request, *_ = traced.finished
    assert attempt.name == "chat hello"
    assert (request.name, request.kind) == ("POST /v1/chat/completions", SpanKind.SERVER)
    assert request.parent is not None
    assert request.context is not None
    assert (f"{request.parent.trace_id:032x}", f"{request.parent.span_id:016x}") == (
        TRACE,
        "b7ad6b7169203331",
    )
    assert attempt.parent is not None
    assert attempt.parent.span_id == request.context.span_id
    facts = dict(request.attributes or {})
    assert facts["http.response.status_code"] == 200
    assert facts["anymedia.request.id"] == "mine-1"
    assert facts["gen_ai.usage.output_tokens"]
    names = [one.name for one in traced.finished]
    assert names.count("POST /v1/chat/completions") == names.count("chat hello") == 2
    assert CANARY not in "".join(one.to_json() for one in traced.finished)


def test_a_jobs_attempt_is_a_span_of_its_own(tmp_path: Path) -> None:
    """From when it was sent, whoever began it; named so that it is found by its job."""
    traced = Traced()
    gateway = Gateway(Opening(data_dir=str(tmp_path)), settings=settings(), spans=traced.spans)
    with served(application(gateway).door) as address:
        running = Running(gateway, address, None)  # type: ignore[arg-type]  # it needs no loop
        with running.caller() as caller:
            made = caller.post("/api/ai/image", json={"prompt": "a fox", "quality": "draft"})
    spans = {one.name: one for one in traced.finished}
    attempt = spans["generate_content picture"]
    assert attempt.parent is None
    assert (attempt.attributes or {})["anymedia.job.id"] == made.json()["job_id"]
    assert (spans["POST /api/ai/image"].attributes or {})["anymedia.job.id"] == made.json()[
        "job_id"
    ]
    assert attempt.start_time is not None
    assert attempt.end_time is not None
    assert attempt.start_time < attempt.end_time
