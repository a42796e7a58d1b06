"""Whatever any provider sends, only our own errors come out.

The vocabulary is the adapters' own: every field name that their shapes read, and every word that
stands in their code, so that answers come close to real ones and then go wrong.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import json
import pkgutil
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings, strategies as st
from tests.support.recordings import streamed

from anymedia.contracts.audio import AudioRequest
from anymedia.contracts.embedding import EmbeddingRequest
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.media import MediaBytes, MediaUrl
from anymedia.contracts.request import Request
from anymedia.contracts.speech import SpeechRequest
from anymedia.contracts.text import TextRequest
from anymedia.contracts.transcription import TranscriptionRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers import adapters, dialects, registry
from anymedia.providers.catalog import catalogued
from anymedia.providers.spec import Brief, Call, Job, Provider, Stream, Submitted
from anymedia.wire.exchange import step
from anymedia.wire.http import Headers, HttpResponse
from anymedia.wire.shape import Shape

LINK = MediaUrl(url="https://example.com/fox.png")
SOUND = MediaBytes(data=b"RIFF", media_type="audio/wav")
REQUESTS: dict[str, tuple[dict[str, Any], ...]] = {
    "text": ({"prompt": "Hi"},),
    "image": ({"prompt": "Hi"}, {"prompt": "Hi", "images": (LINK,)}),
    "video": ({"prompt": "Hi"}, {"prompt": "Hi", "first_frame": LINK}),
    "audio": ({"prompt": "Hi"}, {"prompt": "Hi", "kind": "effect"}),
    "speech": ({"text": "Hi"},),
    "transcription": ({"audio": SOUND},),
    "embedding": ({"inputs": ("Hi",)},),
}
KINDS: dict[str, type[Request[Any]]] = {
    kind.medium: kind
    for kind in (
        TextRequest,
        ImageRequest,
        VideoRequest,
        AudioRequest,
        SpeechRequest,
        TranscriptionRequest,
        EmbeddingRequest,
    )
}
HANDLES = ("gen-1", "/a/requests/1", '{"id":"1"}', '{"path":"/tasks","id":"1"}', "", "{")
NUMBERS = ("NaN", "Infinity", "-1", "1e999", "0", "2026-11-21T10:00:00Z", "https://x.test/a")
FEW = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def modules(package: ModuleType) -> list[ModuleType]:
    """A package with everything in it."""
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [package, *(importlib.import_module(one.name) for one in found)]


@cache
def vocabulary(name: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Field names that a provider's shapes read, and words that stand in its code."""
    own = registry.BUILT_IN[name].partition(":")[0]
    read = [one for one in modules(importlib.import_module(own)) if one.__file__]
    read += [one for one in modules(dialects) if one.__file__]
    fields, words = set(), set(NUMBERS)
    for module in read:
        for one in vars(module).values():
            if isinstance(one, type) and issubclass(one, Shape):
                fields |= {field.encode_name for field in msgspec.structs.fields(one)}
        if module.__name__.startswith(own):
            tree = ast.parse(Path(str(module.__file__)).read_text("utf-8"))
            words |= {
                node.value
                for node in ast.walk(tree)
                if isinstance(node, ast.Constant)
                and isinstance(node.value, str)
                and 0 < len(node.value) <= 30
            }
    return tuple(sorted(fields)), tuple(sorted(words))


@cache
def values(name: str) -> st.SearchStrategy[Any]:
    """JSON in a provider's own words."""
    fields, words = vocabulary(name)
    return st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.sampled_from(words),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(fields or ("id",)), inner, max_size=6)
        ),
        max_leaves=20,
    )


def bodies(name: str) -> st.SearchStrategy[bytes]:
    """JSON, and what is none."""
    written = values(name).map(lambda value: json.dumps(value).encode())
    return written | st.binary(max_size=60) | st.just(b"<html>bad gateway</html>")


def answers(name: str) -> st.SearchStrategy[list[HttpResponse]]:
    """Some responses in a row, mostly good ones."""
    types = st.sampled_from(("application/json", "audio/mpeg", "text/html", "image/png"))
    return st.lists(
        st.builds(
            HttpResponse,
            st.sampled_from((200, 200, 200, 201, 202, 204, 400, 402, 404, 422, 429, 500, 503)),
            bodies(name),
            types.map(lambda kind: {"content-type": kind}),
        ),
        min_size=1,
        max_size=4,
    )


@cache
def wishes(name: str) -> tuple[tuple[Request[Any], Brief], ...]:
    """A request for every medium, model and way of asking that a provider has."""
    provider = registry.provider(name)
    listed = [one for one in catalogued(provider.catalog or name) if one.medium in provider.media]
    briefs = [(model.medium, model.id, Brief(model=model, marker="att_1")) for model in listed]
    briefs += [(medium, "m/n", Brief()) for medium in provider.media]
    return tuple(
        (KINDS[medium].model_validate({**fields, "model": model}), brief)
        for medium, model, brief in briefs
        for fields in REQUESTS[medium]
    )


def driven(provider: Provider, exchange: Any, responses: list[HttpResponse]) -> Any:
    """Give an exchange its answers until it ends or there are no more; what it returned."""
    try:
        request = next(exchange)
        for response in responses:
            request = step(exchange, request, response, provider.explain)
    except StopIteration as stop:
        return stop.value
    except GenerationError as error:
        error.problem()
    return None


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
@FEW
@given(data=st.data())
def test_no_answer_crashes_an_exchange(name: str, data: st.DataObject) -> None:
    """Calls, submissions, polls, cancels, uploads, lookups and the check."""
    provider = registry.provider(name)
    request, brief = data.draw(st.sampled_from(wishes(name)))
    responses = data.draw(answers(name))
    for operation in provider.operations:
        if operation.medium != request.medium:
            continue
        if isinstance(operation, Call):
            driven(provider, operation.exchange(request, brief), responses)
        if isinstance(operation, Job):
            taken = driven(provider, operation.submit(request, brief), responses)
            handles = [taken.handle] if isinstance(taken, Submitted) else list(HANDLES)
            for handle in handles:
                state = driven(provider, operation.poll(handle), responses)
                assert state is None or state.status in {
                    "queued",
                    "running",
                    "succeeded",
                    "failed",
                    "cancelled",
                }
                if operation.cancel is not None:
                    driven(provider, operation.cancel(handle), responses)
    if provider.check is not None:
        driven(provider, provider.check(), responses)
    if provider.inputs.upload is not None:
        driven(provider, provider.inputs.upload(SOUND), responses)


@pytest.mark.parametrize("name", sorted(registry.BUILT_IN))
@FEW
@given(data=st.data())
def test_no_failure_goes_unexplained_and_no_callback_crashes(
    name: str, data: st.DataObject
) -> None:
    """`explain` never raises; a callback is understood or refused."""
    provider = registry.provider(name)
    body, status = data.draw(bodies(name)), data.draw(st.integers(400, 599))
    error = provider.explain(HttpResponse(status, body))
    assert error.problem().http_status == status
    assert error.message
    for operation in provider.operations:
        if isinstance(operation, Job) and operation.read_callback is not None:
            with contextlib.suppress(GenerationError):
                assert operation.read_callback(body, Headers()).handle is not None


STREAMING = sorted(
    name for name in registry.BUILT_IN if registry.provider(name).operation("text", Stream)
)


@pytest.mark.parametrize("name", STREAMING)
@FEW
@given(data=st.data())
def test_no_stream_crashes_the_decoder(name: str, data: st.DataObject) -> None:
    """Whether its events make sense, or it is cut, or is no stream at all."""
    provider = registry.provider(name)
    stream = provider.operation("text", Stream)
    assert isinstance(stream, Stream)
    events = data.draw(st.lists(values(name), max_size=6))
    tail = data.draw(st.binary(max_size=20))
    _, words = vocabulary(name)
    called = data.draw(st.sampled_from(words)).replace("\n", " ")
    content = b"".join(
        b"event: " + called.encode() + b"\ndata: " + json.dumps(event).encode() + b"\n\n"
        for event in events
    )
    request = TextRequest(model="m/n", prompt="Hi")
    decoder = stream.decoder(request, Brief(), HttpResponse(200))
    with contextlib.suppress(GenerationError):
        streamed(decoder, content + tail, data.draw(st.sampled_from((1, 7, 4096))))


def test_the_packages_are_looked_through() -> None:
    """A vocabulary of nothing would fuzz nothing."""
    assert len(modules(adapters)) > 50
    fields, words = vocabulary("openai")
    assert {"choices", "usage"} <= set(fields)
    assert len(words) > 10
