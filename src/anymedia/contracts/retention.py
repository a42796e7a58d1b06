"""How long things are kept. Nothing is removed unless a rule says so."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BeforeValidator, Field, WithJsonSchema

from anymedia.contracts.base import Contract

AGE = re.compile(r"^(\d{1,9})\s*([smhdw])$")
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}
DAY_SECONDS = 86_400.0


def as_seconds(value: Any) -> Any:
    """An age as people write it, such as `30d`, in seconds; `None` for `never`."""
    if not isinstance(value, str):
        return value
    text = value.strip().lower()
    if text == "never":
        return None
    if (found := AGE.match(text)) is None:
        raise ValueError("expected an age such as `12h`, `30d` or `8w`, or `never`")
    return int(found[1]) * UNITS[found[2]]


Age: TypeAlias = Annotated[
    Annotated[float, Field(gt=0)] | None,
    BeforeValidator(as_seconds),
    WithJsonSchema({"type": ["string", "number", "null"]}),
]
"""`30d`, `12h`, `8w`, a number of seconds, or `never`."""


class RetentionSettings(Contract):
    """After which age bytes are removed. What is known of them (facts, costs) stays.

    Nothing is removed that a job still needs, whatever its age.
    """

    artifacts: dict[Literal["any", "image", "video", "audio", "speech"], Age] = Field(
        default_factory=dict
    )
    """What jobs have made, by medium, from its making on; `any` for media that are not named."""
    tags: dict[str, Age] = Field(default_factory=dict)
    """The same by a tag of the request; wins over the medium, and of several the longest wins."""
    previews: Age = None
    """Pictures made of artifacts; they go with what they are of in any case."""
    inputs: Age = None
    """Our copies of what requests came with, from the end of the last job that used them on; files
    of lines from when they came."""
    jobs: Age = None
    """Jobs that are over and whose artifacts are removed: the request, the attempts, the timeline.
    The ledger stays."""
    orphans: Age = DAY_SECONDS
    """Files in the store that no row knows, such as those of a process that was killed."""
