"""The main job, for all five media, without a key and without a network: `make demo`.

Everything goes the way that paid providers go (router, submit guard, custody, ledger); only the
provider is `echo`, which renders in this process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anymedia.client import Client
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.result import MediaResult, Result

PROVIDER = "echo"
"""Named, so that the demo spends nothing even where keys are set."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One thing to make."""

    title: str
    make: Callable[[Client, Path], Result]
    filename: str


def text(client: Client, _: Path) -> Result:
    """Words."""
    return client.text("Write a haiku about a fox in the snow", provider=PROVIDER)


def image(client: Client, _: Path) -> Result:
    """A picture."""
    return client.image(
        "a fox in the snow under northern lights",
        provider=PROVIDER,
        quality="high",
        aspect_ratio="16:9",
        seed=7,
    )


def clip(client: Client, folder: Path) -> Result:
    """A clip that begins with the picture."""
    return client.video(
        "the fox looks up, snow begins to fall",
        provider=PROVIDER,
        image=folder / "picture.png",
        quality="standard",
        duration_seconds=4,
        seed=7,
    )


def music(client: Client, _: Path) -> Result:
    """Music."""
    return client.audio("lofi beat with rain", provider=PROVIDER, duration_seconds=12, seed=7)


def speech(client: Client, _: Path) -> Result:
    """A voice."""
    return client.speech(
        "Good morning. One request, any medium, and nothing is paid for twice.",
        provider=PROVIDER,
        voice="narrator",
    )


SCENES = (
    Scene("text", text, "haiku.txt"),
    Scene("image", image, "picture.png"),
    Scene("video", clip, "clip.mp4"),
    Scene("audio", music, "music.wav"),
    Scene("speech", speech, "speech.wav"),
)


def main() -> int:
    """Make everything, and say where it is, what it cost and how it came about."""
    folder = Path("demo")
    shutil.rmtree(folder / ".data", ignore_errors=True)
    folder.mkdir(exist_ok=True)
    with Client({}, data_dir=folder / ".data") as client:
        for scene in SCENES:
            try:
                show(scene, scene.make(client, folder), folder)
            except GenerationError as error:
                print(f"{scene.title}: {error.message}", file=sys.stderr)
                return 1
    print(f"\nEverything lies in {folder.resolve()}. Next: `.venv/bin/anymedia generate --help`")
    return 0


def show(scene: Scene, result: Any, folder: Path) -> None:
    """One result: its file, its facts, its cost, its attempts."""
    target = folder / scene.filename
    if isinstance(result, MediaResult):
        result.artifacts[0].save(target)
    else:
        target.write_text(result.text + "\n", "utf-8")
    print(f"\n{scene.title:7} {target}  {facts(result)}")
    print(f"        {result.provider}/{result.model}, {price(result)}")
    for attempt in result.attempts:
        print(
            f"        attempt {attempt.number}: {attempt.provider}/{attempt.model} {attempt.state}"
        )
    for warning in result.warnings:
        print(f"        note: {warning.message}")
    if not isinstance(result, MediaResult):
        print("\n".join(f"        | {line}" for line in result.text.splitlines()))


def facts(result: Any) -> str:
    """What was measured in the file itself."""
    if not isinstance(result, MediaResult):
        return f"{result.usage.output_tokens} tokens"
    artifact = result.artifacts[0]
    told = [f"{artifact.size_bytes / 1024:,.0f} kB"]
    if artifact.width:
        told.append(f"{artifact.width}x{artifact.height}")
    if artifact.seconds:
        told.append(f"{artifact.seconds:g} s")
    if artifact.fps:
        told.append(f"{artifact.fps:g} fps")
    if artifact.codec:
        told.append(
            artifact.codec + (" with sound" if artifact.width and artifact.has_audio else "")
        )
    return ", ".join(told)


def price(result: Result) -> str:
    """What it cost."""
    amount = result.cost.amount
    elapsed = f"{result.elapsed_seconds:.1f} s" if result.elapsed_seconds is not None else ""
    known = "cost not known" if amount is None else f"{amount.normalize():f} USD"
    return f"{known} ({result.cost.basis}), {elapsed}"


if __name__ == "__main__":
    sys.exit(main())
