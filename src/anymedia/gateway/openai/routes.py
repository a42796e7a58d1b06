"""The routes: read, ask, answer."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace
from typing import TypeVar

from starlette.requests import Request as HttpRequest
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from anymedia.contracts.image import ImageResult
from anymedia.contracts.notice import Notice
from anymedia.contracts.request import Request
from anymedia.contracts.result import Result
from anymedia.contracts.speech import SpeechRequest
from anymedia.engine.candidate import Asker
from anymedia.engine.course import Course
from anymedia.gateway.anthropic import models as anthropic_models
from anymedia.gateway.openai import (
    chat,
    completion,
    embeddings,
    images,
    models,
    speech,
    transcription,
)
from anymedia.gateway.openai.asking import DIALECT, form_reading, keyed
from anymedia.gateway.openai.chat import Asked
from anymedia.gateway.openai.completion import Head, answered_by
from anymedia.gateway.openai.failures import MANNER
from anymedia.gateway.openai.responses_route import Responses
from anymedia.gateway.openai.videos_route import Videos
from anymedia.gateway.shared.body import document, form, written
from anymedia.gateway.shared.document import as_json, decoded
from anymedia.gateway.shared.listing import meant, usable
from anymedia.gateway.shared.manner import Serve, route
from anymedia.gateway.shared.presence import attended
from anymedia.gateway.shared.reading import Reading
from anymedia.gateway.shared.relaying import ShortWay, tried
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.shared.streamed import Streamed
from anymedia.gateway.spec import Gateway

ResultT = TypeVar("ResultT", bound=Result)
SAME_API = {"api": "chat"}
"""What came in the words of chat goes out in the words of chat."""


def openai_routes(gateway: Gateway) -> list[Route]:
    """Everything below `/v1` that OpenAI's clients ask for."""
    face, clips, responses = OpenAIFace(gateway), Videos(gateway), Responses(gateway)
    short_way = ShortWay(gateway, DIALECT, MANNER, face.go_on)
    table: tuple[tuple[str, str, Serve], ...] = (
        ("POST", "/v1/responses", responses.create),
        ("GET", "/v1/responses/{id}", responses.forgotten),
        ("DELETE", "/v1/responses/{id}", responses.forgotten),
        ("POST", "/v1/embeddings", face.embed),
        ("POST", "/v1/images/generations", face.draw),
        ("POST", "/v1/images/edits", face.edit),
        ("POST", "/v1/audio/speech", face.speak),
        ("POST", "/v1/audio/transcriptions", face.transcribe),
        ("POST", "/v1/audio/translations", face.translate),
        ("POST", "/v1/videos", clips.film),
        ("GET", "/v1/videos", clips.films),
        ("POST", "/v1/videos/edits", clips.edit_film),
        ("POST", "/v1/videos/extensions", clips.extend_film),
        ("POST", "/v1/videos/characters", clips.keep_character),
        ("GET", "/v1/videos/characters/{id}", clips.keep_character),
        ("POST", "/v1/videos/{id}/remix", clips.remix),
        ("GET", "/v1/videos/{id}", clips.look),
        ("DELETE", "/v1/videos/{id}", clips.delete),
        ("GET", "/v1/videos/{id}/content", clips.watch),
        ("GET", "/v1/models", face.models),
        ("GET", "/v1/models/{id:path}", face.model),
    )
    return [
        route("/v1/chat/completions", MANNER, face.chat, short_way=short_way),
        *(route(path, MANNER, serve, method) for method, path, serve in table),
    ]


class OpenAIFace:
    """What each route does."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway

    # --- text -----------------------------------------------------------------------------

    async def chat(self, request: HttpRequest) -> Response:
        """`POST /v1/chat/completions`, where it cannot be passed on as it is."""
        client, course = self._gateway.client, tried(request)
        asked, asker, head = await self._chat(
            request, await written(request, self._gateway.limit_bytes)
        )
        if asked.stream:
            pieces = completion.chunks(
                client.stream(asked.request, asker=asker, speaker=head.speaker),
                head,
                asked.request.model or "",
                with_usage=asked.with_usage,
            )
            return Streamed(request, pieces, MANNER, self._gateway.clock)
        with attended(request.receive):
            result = (
                await client.run(asked.request, asker=asker)
                if course is None
                else await client.relays.go_on(asked.request, course)
            )
        return as_json(completion.completion(result, head))

    async def _chat(self, request: HttpRequest, body: bytes) -> tuple[Asked, Asker, Head]:
        """What a body asks for, with what only its dialect knows aboard."""
        reading = Reading(decoded(body))
        asked = chat.asked(reading)
        asker = self._gateway.asker(request, asked.request)
        wanted, notices = await passed_on(
            self._gateway.client,
            asked.request,
            reading,
            asker=asker,
            dialect=DIALECT,
            besides=SAME_API,
        )
        head = Head(f"chatcmpl-{secrets.token_hex(12)}", self._now(), notices)
        return replace(asked, request=wanted), asker, head

    async def go_on(
        self, request: HttpRequest, body: bytes, course: Course
    ) -> AsyncGenerator[bytes, None]:
        """By the long way, what could not be had by the short one."""
        asked, _, head = await self._chat(request, body)
        relays = self._gateway.client.relays
        events = relays.go_on_streaming(asked.request, course, head.speaker)
        name = asked.request.model or ""
        pieces = completion.chunks(events, head, name, with_usage=asked.with_usage)
        async with aclosing(pieces):
            async for piece in pieces:
                yield piece

    async def embed(self, request: HttpRequest) -> Response:
        """`POST /v1/embeddings`."""
        reading = Reading(await document(request, self._gateway.limit_bytes))
        wanted, packed = embeddings.asked(reading)
        result, _ = await self._result(request, wanted, reading)
        return as_json(embeddings.answer(result, packed=packed))

    # --- images ---------------------------------------------------------------------------

    async def draw(self, request: HttpRequest) -> Response:
        """`POST /v1/images/generations`."""
        reading = Reading(await document(request, self._gateway.limit_bytes))
        return await self._pictures(request, images.generation(reading), reading)

    async def edit(self, request: HttpRequest) -> Response:
        """`POST /v1/images/edits`."""
        given = await form(request, self._gateway.limit_bytes)
        reading = form_reading(given)
        return await self._pictures(request, images.edit(reading, given), reading)

    async def _pictures(
        self, request: HttpRequest, asked: images.Asked, reading: Reading
    ) -> Response:
        if asked.stream:
            pieces = self._drawn(request, asked, reading)
            return Streamed(request, pieces, MANNER, self._gateway.clock)
        result, notices = await self._result(request, asked.request, reading)
        if asked.links:
            links = [self._gateway.link(request, one) for one in result.artifacts]
            pictures = [images.behind(link) for link in links]
        else:
            pictures = [images.inside(data) for data in await read_all(result)]
        return as_json(images.answer(result, pictures, self._now(), notices))

    async def _drawn(
        self, request: HttpRequest, asked: images.Asked, reading: Reading
    ) -> AsyncGenerator[bytes, None]:
        result, _ = await self._asked(request, asked.request, reading)
        for event in images.events(result, await read_all(result), asked.kind, self._now()):
            yield event

    # --- sound ----------------------------------------------------------------------------

    async def speak(self, request: HttpRequest) -> Response:
        """`POST /v1/audio/speech`."""
        reading = Reading(await document(request, self._gateway.limit_bytes))
        asked = speech.asked(reading)
        if asked.as_events:
            pieces = self._spoken(request, asked.request, reading)
            return Streamed(request, pieces, MANNER, self._gateway.clock)
        result, _ = await self._result(request, asked.request, reading)
        response = self._gateway.artifact(request, result.artifacts[0])
        response.headers["anymedia-model"] = answered_by(result)
        return response

    async def _spoken(
        self, request: HttpRequest, wanted: SpeechRequest, reading: Reading
    ) -> AsyncGenerator[bytes, None]:
        result, _ = await self._asked(request, wanted, reading)
        for sound in cut(await asyncio.to_thread(result.artifacts[0].read), speech.PIECE):
            yield speech.delta(sound)
        yield speech.done(result)

    async def transcribe(self, request: HttpRequest) -> Response:
        """`POST /v1/audio/transcriptions`."""
        given = await form(request, self._gateway.limit_bytes)
        reading = form_reading(given)
        asked = transcription.asked(reading, given)
        if asked.stream:
            pieces = self._heard(request, asked, reading)
            return Streamed(request, pieces, MANNER, self._gateway.clock)
        result, _ = await self._result(request, asked.request, reading)
        told = transcription.answer(result, asked.format)
        return PlainTextResponse(told) if isinstance(told, str) else as_json(told)

    async def translate(self, request: HttpRequest) -> Response:
        """`POST /v1/audio/translations`."""
        given = await form(request, self._gateway.limit_bytes)
        reading = form_reading(given)
        asked = transcription.translation(reading, given)
        result, _ = await self._result(request, asked.request, reading)
        told = transcription.answer(result, asked.format, "translate")
        return PlainTextResponse(told) if isinstance(told, str) else as_json(told)

    async def _heard(
        self, request: HttpRequest, asked: transcription.Asked, reading: Reading
    ) -> AsyncGenerator[bytes, None]:
        result, _ = await self._asked(request, asked.request, reading)
        yield transcription.events(result)

    # --- models ---------------------------------------------------------------------------

    async def models(self, request: HttpRequest) -> Response:
        """`GET /v1/models`, in the words of whoever asks."""
        self._gateway.asker(request)
        client = self._gateway.client
        dialect = anthropic_models if "anthropic-version" in request.headers else models
        return as_json(dialect.listed(usable(client), client.settings.aliases))

    async def model(self, request: HttpRequest) -> Response:
        """`GET /v1/models/{id}`."""
        self._gateway.asker(request)
        found = meant(self._gateway.client, request.path_params["id"])
        dialect = anthropic_models if "anthropic-version" in request.headers else models
        return as_json(dialect.entry(*found))

    # --- asking ---------------------------------------------------------------------------

    async def _result(
        self, request: HttpRequest, wanted: Request[ResultT], reading: Reading
    ) -> tuple[ResultT, tuple[Notice, ...]]:
        """The answer, as long as somebody is there to hear it."""
        with attended(request.receive):
            return await self._asked(request, wanted, reading)

    async def _asked(
        self, request: HttpRequest, wanted: Request[ResultT], reading: Reading
    ) -> tuple[ResultT, tuple[Notice, ...]]:
        client = self._gateway.client
        asker = self._gateway.asker(request, wanted)
        wanted, notices = await passed_on(client, wanted, reading, asker=asker, dialect=DIALECT)
        return await client.run(keyed(request, wanted), asker=asker), notices

    def _now(self) -> int:
        return int(self._gateway.clock.time())


async def read_all(result: ImageResult) -> list[bytes]:
    """The bytes of all pictures."""
    return [await asyncio.to_thread(one.read) for one in result.artifacts]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    """Bytes in pieces."""
    return (data[start : start + size] for start in range(0, len(data), size))
