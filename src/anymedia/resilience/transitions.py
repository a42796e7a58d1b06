"""What has a circuit, what can happen to it, and what follows."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple, TypeAlias

from anymedia.contracts.resilience import CircuitState


class CircuitKey(NamedTuple):
    """What has a circuit of its own. A tuple, because it is looked up with every request."""

    provider: str
    credential: str = ""
    """A name for the credential, never the secret itself."""
    operation: str = ""
    """Such as `video` or `text`."""


Event: TypeAlias = Literal[
    "tripped", "pause-over", "urged", "succeeded", "failed", "undecided", "told-open", "told-closed"
]
"""What can happen to a circuit.

`urged`: somebody needs an answer before the pause is over. `undecided`: such an early try said
nothing. `told-...`: another process has opened or closed it.
"""

Why: TypeAlias = Literal[
    "failures in a row",
    "failure rate",
    "slow calls",
    "failed jobs",
    "pause over",
    "nobody else to ask",
    "probe failed",
    "probe was slow",
    "probe said nothing",
    "probes succeeded",
    "told by another process",
]
"""The reason of a transition, for people."""

NEXT: Final[Mapping[tuple[CircuitState, Event], CircuitState]] = MappingProxyType(
    {
        ("closed", "tripped"): "open",
        ("closed", "told-open"): "open",
        ("open", "pause-over"): "half_open",
        ("open", "urged"): "half_open",
        ("open", "told-closed"): "closed",
        ("half_open", "succeeded"): "closed",
        ("half_open", "failed"): "open",
        ("half_open", "undecided"): "open",
        ("half_open", "told-open"): "open",
        ("half_open", "told-closed"): "closed",
    }
)
