"""A market of doubles and two thousand wishes: who is asked for what, and what goes wrong there.

Everything follows from a wish's number, so that the processes that ask and the test that adds up
agree without talking to each other.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from anymedia.contracts.media import Medium
from anymedia.providers import registry
from anymedia.testing.double import Double
from anymedia.testing.doubles.anthropic import AnthropicDouble
from anymedia.testing.doubles.deepseek import DeepSeekDouble
from anymedia.testing.doubles.elevenlabs import ElevenLabsDouble
from anymedia.testing.doubles.fal import FalDouble
from anymedia.testing.doubles.flux import FluxDouble
from anymedia.testing.doubles.google import GoogleDouble
from anymedia.testing.doubles.ideogram import IdeogramDouble
from anymedia.testing.doubles.kling import KlingDouble
from anymedia.testing.doubles.luma import LumaDouble
from anymedia.testing.doubles.minimax import MiniMaxDouble
from anymedia.testing.doubles.mistral import MistralDouble
from anymedia.testing.doubles.openai import OpenAIDouble
from anymedia.testing.doubles.openrouter import OpenRouterDouble
from anymedia.testing.doubles.recraft import RecraftDouble
from anymedia.testing.doubles.replicate import ReplicateDouble
from anymedia.testing.doubles.runway import RunwayDouble
from anymedia.testing.doubles.seedance import SeedanceDouble
from anymedia.testing.doubles.stability import StabilityDouble
from anymedia.testing.doubles.wan import WanDouble
from anymedia.testing.mishaps import Mishaps
from anymedia.testing.suite import address
from tests.support.hurried import HurriedClock

WISHES = 2000
SEED = 2026
PACE, LAST_PACE = 10.0, 60.0
"""How much faster time goes here: while requests are made, a poll after ten seconds comes after
one; when only waiting is left, faster still."""
SATURDAY = datetime(2026, 11, 21, 12, tzinfo=UTC).timestamp()
"""When everything begins: on a day without peak hours."""
PLENTY = 10_000_000
FAULTS = "rate_limit=0.03,server=0.02,overloaded=0.02,garbage=0.01,lost=0.03,cut=0.02"


def hurried(real: float, here: float = SATURDAY, pace: float = PACE) -> HurriedClock:
    """Time that passes faster, from that Saturday on unless said."""
    return HurriedClock(real, here, pace)


@dataclass(frozen=True, slots=True)
class Stall:
    """Something that is sold, how often it is asked for, and the words that spoil it."""

    provider: str
    medium: Medium
    model: str
    share: int
    fields: Mapping[str, Any] = field(default_factory=dict)
    spoilt_by: tuple[str, ...] = ("forbidden",)
    stream: bool = False

    @property
    def label(self) -> str:
        """The model as a request names it."""
        return f"{self.provider}/{self.model}"


LATE = ("forbidden", "forbidden-late", "broken")
FIVE = {"duration_seconds": 5, "aspect_ratio": "16:9"}
STALLS = (
    Stall("openai", "text", "gpt-6-luna", 20),
    Stall("openai", "text", "gpt-6-luna", 14, stream=True),
    Stall("openai", "image", "gpt-image-2.5-flare", 2, {"resolution": "1024x1024"}),
    Stall("openai", "speech", "tts-1", 2, {"voice": "alloy"}),
    Stall("anthropic", "text", "claude-haiku-5-5", 17),
    Stall("anthropic", "text", "claude-haiku-5-5", 10, stream=True),
    Stall("deepseek", "text", "deepseek-flash", 17),
    Stall("mistral", "text", "mistral-small-latest", 14),
    Stall("google", "text", "gemini-3.8-flash", 14),
    Stall("google", "text", "gemini-3.8-flash", 7, stream=True),
    Stall("google", "image", "gemini-3.1-flash-image", 1, spoilt_by=("#",)),
    Stall("google", "video", "gemini-omni-1.1-flash", 2, {"duration_seconds": 6}, LATE[:1]),
    Stall("google", "audio", "lyria-3.5", 1),
    Stall("openrouter", "text", "openai/gpt-6-luna", 5, spoilt_by=("forbidden", "upstream")),
    Stall("openrouter", "text", "openai/gpt-6-luna", 5, stream=True),
    Stall("openrouter", "video", "google/veo-3.1", 1, {"duration_seconds": 4}, LATE),
    Stall("flux", "image", "flux-2-pro", 2, {"resolution": "1024x1024"}, LATE),
    Stall("fal", "image", "fal-ai/flux/schnell", 2, spoilt_by=("forbidden", "breaks", "odd")),
    Stall("fal", "video", "fal-ai/kling-video/v3/pro", 1, FIVE, ("forbidden", "breaks")),
    Stall("replicate", "image", "black-forest-labs/flux-schnell", 2, {}, ("forbidden", "memory")),
    Stall("replicate", "video", "prunaai/p-video", 1, FIVE, ("forbidden", "memory")),
    Stall("ideogram", "image", "ideogram-4-5", 1, {"options": {"quality": "low"}}),
    Stall("recraft", "image", "recraftv4_1", 2),
    Stall("stability", "image", "core", 2, spoilt_by=("forbidden", "doubtful")),
    Stall("stability", "audio", "stable-audio-2.5", 1, {"duration_seconds": 3}),
    Stall("kling", "video", "kling-v3", 2, FIVE, LATE),
    Stall("runway", "video", "gen4.5", 2, FIVE, LATE),
    Stall("minimax", "video", "MiniMax-H3", 2, {**FIVE, "resolution": "768P"}, (*LATE, "expires")),
    Stall("luma", "image", "uni-1", 1),
    Stall("luma", "video", "ray-3.2", 1, {**FIVE, "resolution": "720p"}),
    Stall("seedance", "video", "dreamina-seedance-2-0-260128", 1, FIVE, (*LATE, "expires")),
    Stall("wan", "video", "wan3.0-video", 2, {**FIVE, "resolution": "720P"}, LATE[::2]),
    Stall("wan", "image", "qwen-image-3.0", 1),
    Stall("elevenlabs", "speech", "eleven_flash_v2_5", 3, {"voice": "narrator"}),
)


@dataclass(frozen=True, slots=True)
class Wish:
    """One request of the two thousand."""

    number: int
    stall: Stall
    words: str
    cancelled: bool

    @property
    def tag(self) -> str:
        """By this the ledger and the invoices know it."""
        return f"#{self.number:04d}"

    @property
    def fields(self) -> dict[str, Any]:
        """The request, but for its words."""
        return {"model": self.stall.label, "tags": [self.tag], **self.stall.fields}


def wish(number: int) -> Wish:
    """What is wished for under a number."""
    chance = random.Random(f"{SEED}:{number}")
    (stall,) = chance.choices(STALLS, [one.share for one in STALLS])
    words = f"A fox in snow, #{number:04d}"
    if chance.random() < 0.06:
        words += f", {chance.choice(stall.spoilt_by)}"
    cancelled = stall.medium != "text" and chance.random() < 0.1
    return Wish(number, stall, words, cancelled)


def doubles(clock: HurriedClock) -> dict[str, Double]:
    """Everybody who sells here, with plenty of room and credit, and a share of faults each."""
    now = clock.time
    found: dict[str, Double] = {
        "openai": OpenAIDouble(),
        "anthropic": AnthropicDouble(),
        "deepseek": DeepSeekDouble(balance_usd=str(PLENTY), clock=now),
        "mistral": MistralDouble(),
        "google": GoogleDouble(clock=now),
        "openrouter": OpenRouterDouble(credits_left=str(PLENTY), clock=now),
        "flux": FluxDouble(credits_left=PLENTY, clock=now),
        "fal": FalDouble(clock=now),
        "replicate": ReplicateDouble(clock=now),
        "ideogram": IdeogramDouble(room=PLENTY, balance=PLENTY * 1000, clock=now),
        "recraft": RecraftDouble(units=PLENTY, clock=now),
        "stability": StabilityDouble(balance=PLENTY, clock=now),
        "kling": KlingDouble(units_left=PLENTY, clock=now),
        "runway": RunwayDouble(credits_left=PLENTY),
        "minimax": MiniMaxDouble(clock=now),
        "luma": LumaDouble(),
        "seedance": SeedanceDouble(clock=now),
        "wan": WanDouble(),
        "elevenlabs": ElevenLabsDouble(quota=PLENTY),
    }
    for place, double in enumerate(found.values()):
        double.record.mishaps = Mishaps.said(FAULTS, seed=SEED + place)
    return found


def configured(found: Mapping[str, Double]) -> dict[str, Any]:
    """A configuration that leads to the doubles while they are served."""
    providers: dict[str, Any] = {}
    for name, double in found.items():
        facts: dict[str, Any] = {"base_url": address(registry.provider(name), double)}
        facts["learn_limits"] = False  # what is told of limits is not the point
        if isinstance(key := getattr(double, "key", None), str):
            facts["api_key"] = key
        if given := getattr(double, "secrets", None):
            facts["secrets"] = dict(given)
        providers[name] = facts
    # Faults are the point: nobody is left alone because of them.
    circuits = {"failure_threshold": 1000, "failure_rate": 1.0, "minimum_calls": 100_000}
    circuits |= {"minimum_jobs": 100_000}
    return {
        "providers": providers,
        "circuit_breaker": circuits,
        "failover": {"on_full": "queue"},
        "retry_budget": {"ratio": 10},
    }
