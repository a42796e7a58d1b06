"""ElevenLabs' double: speech with and without timings, effects, music, transcription, the plan.

It knows one voice besides those that are asked for, refuses unknown models and formats, counts
characters against a quota, and answers sound that lasts as long as it should. A text with the word
`forbidden` is against its policy.
"""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double
from anymedia.testing.form import form
from anymedia.testing.samples import mp3, pcm, wav
from anymedia.testing.tariff import owed

Handler = Callable[[Request], Awaitable[Response]]
CHARACTERS_PER_SECOND = 15
USD_PER_CREDIT = Decimal("0.0001")
"""Made up: what effects and music cost is not published."""
USUAL_VOICE = "eleven_multilingual_v2"
CODECS = ("mp3", "pcm", "wav", "opus", "ulaw", "alaw")


class Refused(Exception):
    """An answer that is a failure."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        detail = {"status": code, "code": code, "message": message, "type": "error"}
        self.response = JSONResponse({"detail": detail}, status)


class ElevenLabsDouble(Double):
    """ElevenLabs on loopback."""

    def __init__(self, *, key: str = "sk_double", quota: int = 100_000) -> None:
        self.key = key
        self.quota = quota
        self.spent = 0
        self.models = {
            (one.medium, one.id): one for one in catalogued("elevenlabs") if one.retires_on is None
        }
        self._numbers = itertools.count(1)
        handlers: dict[tuple[str, str], Handler] = {
            ("POST", "/v1/text-to-speech/{voice}"): self._speech,
            ("POST", "/v1/text-to-speech/{voice}/stream"): self._speech,
            ("POST", "/v1/text-to-speech/{voice}/with-timestamps"): self._timed,
            ("POST", "/v1/sound-generation"): self._effect,
            ("POST", "/v1/music"): self._music,
            ("POST", "/v1/speech-to-text"): self._transcript,
            ("GET", "/v1/user/subscription"): self._subscription,
            ("GET", "/v1/models"): self._models,
        }
        super().__init__(
            [
                Route(path, self._served(handler), methods=[method])
                for (method, path), handler in handlers.items()
            ]
        )

    def _served(self, handler: Handler) -> Handler:
        async def serve(request: Request) -> Response:
            try:
                self._admit(request)
                response = await handler(request)
            except Refused as refused:
                response = refused.response
            response.headers["request-id"] = f"req-{next(self._numbers)}"
            return response

        return serve

    def _admit(self, request: Request) -> None:
        if request.headers.get("xi-api-key") != self.key:
            raise Refused(401, "invalid_api_key", "Invalid API key")

    # --- sound --------------------------------------------------------------------------------

    async def _speech(self, request: Request) -> Response:
        body = await self._asked(request, "speech", "text")
        seconds = self._spoken(body)
        return self._sound(request, seconds, len(body["text"]))

    async def _timed(self, request: Request) -> Response:
        body = await self._asked(request, "speech", "text")
        text = body["text"]
        seconds = self._spoken(body)
        each = seconds / max(1, len(text))
        alignment = {
            "characters": list(text),
            "character_start_times_seconds": [round(each * n, 3) for n in range(len(text))],
            "character_end_times_seconds": [round(each * (n + 1), 3) for n in range(len(text))],
        }
        sound = self._encoded(request, seconds)[0]
        return JSONResponse(
            {
                "audio_base64": base64.b64encode(sound).decode(),
                "alignment": alignment,
                "normalized_alignment": alignment,
            },
            headers={"character-cost": str(len(text))},
        )

    async def _effect(self, request: Request) -> Response:
        body = await self._asked(request, "audio", "text")
        seconds = float(body.get("duration_seconds") or 2)
        if not 0.5 <= seconds <= 30:
            raise Refused(422, "invalid_parameters", "duration_seconds: from 0.5 to 30")
        self._spend(cost := round(seconds * 40))
        return self._sound(request, seconds, cost)

    async def _music(self, request: Request) -> Response:
        body = await self._asked(request, "audio", None)
        if not body.get("prompt") and not body.get("composition_plan"):
            raise Refused(422, "invalid_parameters", "prompt or composition_plan is required")
        seconds = float(body.get("music_length_ms") or 10_000) / 1000
        self._spend(cost := round(seconds * 20))
        response = self._sound(request, seconds, cost)
        response.headers["song-id"] = f"song-{next(self._numbers)}"
        return response

    def _sound(self, request: Request, seconds: float, cost: int) -> Response:
        content, media_type = self._encoded(request, seconds)
        return Response(content, media_type=media_type, headers={"character-cost": str(cost)})

    def _encoded(self, request: Request, seconds: float) -> tuple[bytes, str]:
        wanted = request.query_params.get("output_format") or "mp3_44100_128"
        codec, _, rest = wanted.partition("_")
        if codec not in CODECS:
            raise Refused(422, "invalid_parameters", f"output_format: {wanted}")
        if codec == "pcm":
            return pcm(seconds, rate=int(rest or 24_000)), "audio/pcm"
        if codec == "wav":
            return wav(seconds, rate=int(rest or 24_000)), "audio/wav"
        return mp3(seconds), "audio/mpeg"

    # --- the rest -----------------------------------------------------------------------------

    async def _transcript(self, request: Request) -> Response:
        parts = form(await request.body(), request.headers.get("content-type", ""))
        fields = {part.name: part.content for part in parts}
        model = fields.get("model_id", b"").decode()
        if ("transcription", model) not in self.models:
            raise Refused(400, "unsupported_model", f"There is no model {model}")
        if not fields.get("file"):
            raise Refused(422, "invalid_parameters", "file is required")
        said = "Good morning."
        words = [
            {"text": "Good", "type": "word", "start": 0.0, "end": 0.3, "speaker_id": "speaker_0"},
            {"text": " ", "type": "spacing", "start": 0.3, "end": 0.4, "speaker_id": "speaker_0"},
            {
                "text": "morning.",
                "type": "word",
                "start": 0.4,
                "end": 1.0,
                "speaker_id": "speaker_0",
            },
        ]
        return JSONResponse(
            {
                "language_code": "eng",
                "language_probability": 0.98,
                "text": said,
                "words": words,
                "audio_duration_secs": 1.0,
            }
        )

    async def _subscription(self, _: Request) -> Response:
        return JSONResponse(
            {
                "tier": "creator",
                "character_count": self.spent,
                "character_limit": self.quota,
                "status": "active",
            }
        )

    async def _models(self, _: Request) -> Response:
        return JSONResponse([{"model_id": name, "name": name} for _, name in sorted(self.models)])

    async def _asked(self, request: Request, medium: str, needs: str | None) -> dict[str, Any]:
        """The body, where its model and text are ones that are taken."""
        try:
            body = json.loads(await request.body())
        except ValueError:
            raise Refused(422, "invalid_parameters", "The body is not JSON") from None
        if needs and not body.get(needs):
            raise Refused(422, "invalid_parameters", f"{needs} is required")
        model = body.get("model_id")
        if model is not None and (medium, model) not in self.models:
            raise Refused(400, "unsupported_model", f"There is no model {model}")
        words = f"{body.get('text', '')} {body.get('prompt', '')}"
        if "forbidden" in words:
            raise Refused(400, "content_against_policy", "This is against our policy")
        if self.spent >= self.quota:
            raise Refused(401, "quota_exceeded", "You have no credits left")
        return dict(body)

    def _spoken(self, body: dict[str, Any]) -> float:
        """Bill a text by its characters; how many seconds it takes to say."""
        characters = len(body["text"])
        model = self.models["speech", str(body.get("model_id") or USUAL_VOICE)]
        self._spend(characters, owed(model, {}, characters=characters))
        return max(0.2, characters / CHARACTERS_PER_SECOND)

    def _spend(self, spent: int, usd: Decimal | None = None) -> None:
        """Count credits against the quota, and bill."""
        self.spent += spent
        amount = spent * USD_PER_CREDIT if usd is None else usd
        self.record.bill(f"gen-{next(self._numbers)}", amount)
