"""A preset means the same everywhere: one check for what every model of every double delivers.

The same request goes to each model that has a preset. What comes back is probed, and meets the one
definition of that preset; where a model cannot do as asked, a notice of the result says so. Where
no notice could, the model must not have the preset.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, get_args

import pytest

from anymedia.client.aio import AsyncClient
from anymedia.client.verbs import request_for
from anymedia.contracts.errors import GenerationError, UnsupportedOption
from anymedia.contracts.media import MediaBytes, Medium, Quality
from anymedia.contracts.model import Model
from anymedia.contracts.preset import PRESETS
from anymedia.engine.fitting import fit
from anymedia.providers.catalog import catalogued
from anymedia.testing.double import Double, serving
from anymedia.testing.doubles import DOUBLES, double
from anymedia.testing.doubles.bedrock import BedrockDouble
from anymedia.testing.samples import png
from tests.money.market import configured, hurried
from tests.money.presets import Asked, falls_short
from tests.support.hurried import HurriedClock

# What the tests look at is made once: in one process.
pytestmark = pytest.mark.xdist_group("presets")
TODAY = date(2026, 11, 21)
AT_ONCE = 32
PACE = 4.0
WORDS = "A lighthouse in fog at first light"
SECONDS = 5.0
RATIO = "16:9"
OWN_WORKFLOW = frozenset({"comfyui"})
"""Makes what the workflow says that its user has drawn."""
STILL = MediaBytes(data=png(1280, 720), media_type="image/png")


@dataclass(frozen=True, slots=True)
class Case:
    """One preset of one model."""

    provider: str
    medium: Medium
    model: str
    quality: Quality
    tasks: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.medium} {self.quality}: {self.provider}/{self.model}"

    @property
    def asked(self) -> Asked:
        """What is asked for beside the preset."""
        match self.medium:
            case "video":
                return Asked(ratio=RATIO, seconds=SECONDS)
            case "image":
                return Asked(ratio=RATIO)
            case "audio":
                return Asked(seconds=SECONDS)
            case _:
                return Asked()

    @property
    def fields(self) -> dict[str, Any]:
        """The request, but for its words."""
        fields: dict[str, Any] = {
            "provider": self.provider,
            "model": self.model,
            "quality": self.quality,
        }
        if self.asked.ratio:
            fields["aspect_ratio"] = self.asked.ratio
        if self.asked.seconds:
            fields["duration_seconds"] = self.asked.seconds
        if self.medium == "video" and "text_to_video" not in self.tasks:
            fields["first_frame"] = STILL
        if self.medium == "image" and "text_to_image" not in self.tasks:
            fields["images"] = [STILL]
        if self.medium == "audio" and "music" not in self.tasks:
            fields["kind"] = "effect"
        if self.medium == "speech":
            fields["voice"] = "narrator"
        return fields


def cases() -> list[Case]:
    """Every preset of every living model that has a double."""
    return [
        Case(name, model.medium, model.id, quality, model.tasks)
        for name in DOUBLES
        if name not in OWN_WORKFLOW
        for model in catalogued(name)
        if model.lifecycle(TODAY) != "retired" and can_be_asked(model)
        for quality in get_args(Quality)
        if quality in model.presets
    ]


def can_be_asked(model: Model) -> bool:
    """Whether a few words, or words and a picture, are enough."""
    enough = {"text_to_video", "image_to_video", "text_to_image", "edit", "variation"}
    return bool(enough & set(model.tasks)) or model.medium in {"audio", "speech"}


CASES = cases()


async def delivered(
    directory: Path, found: dict[str, Double], clock: HurriedClock
) -> dict[Case, Any]:
    """What comes of every case: a result, or why there is none."""
    room = asyncio.Semaphore(AT_ONCE)

    async def made(client: AsyncClient, case: Case) -> tuple[Case, Any]:
        fields = {**case.fields, "options": dict(found[case.provider].options)}
        async with room:
            try:
                return case, await getattr(client, case.medium)(WORDS, **fields)
            except GenerationError as error:
                return case, error

    async with AsyncClient(configured(found), data_dir=directory, clock=clock, seed=7) as client:
        return dict(await asyncio.gather(*(made(client, case) for case in CASES)))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[Case, Any]]:
    """Everything, asked for once."""
    began = time.time()
    clock = hurried(began, pace=PACE)
    found = {name: double(name) for name in sorted({case.provider for case in CASES})}
    found["bedrock"] = BedrockDouble(now=clock.now)
    with ExitStack() as stack:
        for one in found.values():
            hurry(one)
            stack.enter_context(serving(one))
        directory = tmp_path_factory.mktemp("presets")
        made = asyncio.run(delivered(directory, found, clock))
        counted = Counter((case.medium, case.quality) for case in CASES)
        said = ", ".join(f"{medium} {one} {n}" for (medium, one), n in sorted(counted.items()))
        print(f"\n{len(CASES)} presets of models ({said}) in {time.time() - began:.0f} s")
        yield made


def hurry(one: Double) -> None:
    """Let a double be done at the first poll, and have room and money for everybody."""
    for name in ("slowness", "polls_queued", "polls_running", "polls_starting"):
        if hasattr(one, name):
            setattr(one, name, 0)
    for name in ("credits", "balance", "units", "most", "room", "at_once", "quota"):
        if hasattr(one, name):
            setattr(one, name, type(getattr(one, name))(10**9))


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_preset_means_the_same_everywhere(case: Case, results: dict[Case, Any]) -> None:
    """Whoever makes it: the one definition is met, and what was asked for besides, or told."""
    result = results[case]
    assert not isinstance(result, Exception), f"{type(result).__name__}: {result}"
    (artifact, *_) = result.artifacts
    wrong = list(falls_short(case.medium, case.quality, case.asked, artifact, result.warnings))
    notices = [f"{one.code} {one.option}: {one.message}" for one in result.warnings]
    assert not wrong, f"{case}: {'; '.join(wrong)} (notices: {notices or 'none'})"


def test_who_cannot_meet_a_preset_is_no_candidate() -> None:
    """Refused before anything is sent, and told which presets there are."""
    missing = [
        (model, quality)
        for name in DOUBLES
        for model in catalogued(name)
        if model.medium in {"video", "image"} and model.lifecycle(TODAY) != "retired"
        for quality in get_args(Quality)
        if quality not in model.presets and can_be_asked(model)
    ]
    assert {(model.provider, quality) for model, quality in missing} >= {
        ("stability", "cinematic"),  # makes a megapixel at most
        ("luma", "cinematic"),
    }
    for model, quality in missing:
        case = Case(model.provider, model.medium, model.id, quality, model.tasks)
        fields = {name: case.fields[name] for name in case.fields if name != "provider"}
        request = request_for(model.medium, WORDS, fields)
        with pytest.raises(UnsupportedOption, match=f"has no preset `{quality}`|cannot do"):
            fit(request, model, TODAY)


def test_every_preset_of_every_medium_is_tried() -> None:
    """The definition has no preset that nobody has, and at least three makers each of most."""
    tried = Counter((case.medium, case.quality) for case in CASES)
    assert set(tried) <= set(PRESETS)
    assert all(tried["video", quality] >= 9 for quality in ("draft", "standard", "high"))
    assert all(tried["image", quality] >= 9 for quality in get_args(Quality))
