"""`anymedia estimate`: who could do it, for how much, and what would become of the request."""

# ruff: noqa: B008  options are frozen, so one instance can be the default of all

from __future__ import annotations

from typing import TYPE_CHECKING

from anymedia.cli.options import (
    Asking,
    AudioOptions,
    ImageOptions,
    Prompt,
    Run,
    Setup,
    SpeechOptions,
    TextOptions,
    VideoOptions,
)
from anymedia.cli.words import money, safe, seconds, table

if TYPE_CHECKING:
    from anymedia.cli.session import Session
    from anymedia.contracts.estimate import Estimate


async def text(
    prompt: Prompt,
    /,
    *,
    of: TextOptions = TextOptions(),
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """What text would cost."""
    return await ask(prompt, of, setup, session)


async def image(
    prompt: Prompt = "",
    /,
    *,
    of: ImageOptions = ImageOptions(),
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """What pictures would cost."""
    return await ask(prompt, of, setup, session)


async def video(
    prompt: Prompt = "",
    /,
    *,
    of: VideoOptions = VideoOptions(),
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """What clips would cost."""
    return await ask(prompt, of, setup, session)


async def audio(
    prompt: Prompt,
    /,
    *,
    of: AudioOptions = AudioOptions(),
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """What music or an effect would cost."""
    return await ask(prompt, of, setup, session)


async def speech(
    prompt: Prompt,
    /,
    *,
    of: SpeechOptions = SpeechOptions(),
    setup: Setup = Setup(),
    session: Run,
) -> int:
    """What speech would cost."""
    return await ask(prompt, of, setup, session)


async def ask(prompt: str, of: Asking, setup: Setup, session: Session) -> int:
    """Every candidate, the preferred one first; 2 when there is none that fits."""
    words = session.prompt(prompt)
    async with session.client(setup) as client:
        estimate = getattr(client, f"estimate_{of.medium}")
        estimates: tuple[Estimate, ...] = await estimate(words or None, **of.fields())
    if setup.json:
        session.json([one.model_dump(mode="json") for one in estimates])
    else:
        session.print(table(("CANDIDATE", "COST", "TAKES", "REMARKS"), map(row, estimates)))
    return 0 if any(one.fits for one in estimates) else 2


def row(estimate: Estimate) -> tuple[str, str, str, str]:
    """One candidate as a line."""
    name = f"{estimate.provider}/{estimate.model}" if estimate.model else estimate.provider
    if not estimate.fits:
        why = estimate.problem.message if estimate.problem else "does not fit"
        return name, "-", "-", " ".join(safe(why).split())
    expected = estimate.expected_seconds
    takes = "-" if expected is None else f"about {seconds(expected)}"
    if estimate.expected_seconds_source == "history" and estimate.p90_seconds is not None:
        takes = (
            f"{seconds(estimate.expected_seconds or 0)}, 9 in 10 {seconds(estimate.p90_seconds)}"
        )
    remarks = [estimate.passed_over or estimate.why or ""]
    remarks += [one.message for one in (*estimate.adaptations, *estimate.warnings)]
    return name, money(estimate.cost), takes, "; ".join(filter(None, remarks))
