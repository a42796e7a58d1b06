"""Which providers should be asked something that costs nothing, to know how they do.

A decision and nothing else: who asks, and what, is the engine's business.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from anymedia.contracts.resilience import CircuitState, HealthSettings

NEAR_SECONDS = 5.0
"""An open circuit is looked at so long before it lets requests through again."""
AGAIN_SECONDS = 5.0
"""The same provider is not asked more often than this, whatever the settings."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What is known of one provider at this moment."""

    provider: str
    idle_seconds: float | None = None
    """Since something was last learnt of it, by traffic or a probe; `None` for never."""
    probed_seconds: float | None = None
    """Since it was last asked for this purpose; `None` for never."""
    circuit_state: CircuitState = "closed"
    retry_after: float | None = None


def due(watched: Iterable[Watched], settings: HealthSettings) -> tuple[str, ...]:
    """The providers to ask now, the ones that are needed soonest first.

    None unless `probe_seconds` is set. One with traffic needs no probe: its requests tell more.
    """
    every = settings.probe_seconds
    if every is None:
        return ()
    wanted = [(wait(one, every), one.provider) for one in watched]
    return tuple(provider for seconds, provider in sorted(wanted) if seconds <= 0)


def next_look(watched: Iterable[Watched], settings: HealthSettings) -> float | None:
    """Seconds until one of them is due, if nothing is learnt meanwhile; `None` for never."""
    every = settings.probe_seconds
    if every is None:
        return None
    return min((max(0.0, wait(one, every)) for one in watched), default=every)


def wait(one: Watched, every_seconds: float) -> float:
    """Seconds until this one is due; below 0 if it has been for so long."""
    since_probe = float("inf") if one.probed_seconds is None else one.probed_seconds
    pause = min(AGAIN_SECONDS, every_seconds) - since_probe
    if one.circuit_state == "open" and one.retry_after is not None:
        # Left alone on purpose: asked once, shortly before requests go there again.
        if since_probe <= NEAR_SECONDS:
            pause = max(pause, one.retry_after)
        return max(pause, one.retry_after - NEAR_SECONDS)
    since_news = float("inf") if one.idle_seconds is None else one.idle_seconds
    return max(pause, every_seconds - min(since_news, since_probe))
