"""Options that keep failing: put last, and tried again with a few requests."""

from __future__ import annotations

from collections.abc import Sequence

from anymedia.choosing.experience import Experience
from anymedia.choosing.memory import Kind
from anymedia.choosing.option import Option, Ranked


def suspects_among(options: Sequence[Option], kind: Kind) -> list[tuple[Option, Experience]]:
    """Those that have failed too often in a row."""
    known = kind.of
    return [
        (option, found)
        for option in options
        if (found := known.get(option.name)) is not None and found.suspected
    ]


def put_last(
    ranked: list[Ranked], suspects: Sequence[tuple[Option, Experience]], kind: Kind, now: float
) -> list[Ranked]:
    """The suspects behind all others, or one of them in front if it is time to try it again."""
    if not suspects or len(suspects) == len(ranked):
        return ranked
    names = {option.name: experience for option, experience in suspects}
    rest = [one for one in ranked if one.option.name not in names]
    due = None
    behind = []
    for one in ranked:
        found = names.get(one.option.name)
        if found is None:
            continue
        failures = found.failures_in_a_row
        if due is None and found.probe_due(now, kind.calls):
            found.offer(now, kind.calls)
            due = Ranked(one.option, f"tried again after {failures} failures in a row")
        else:
            behind.append(Ranked(one.option, f"failed {failures} times in a row"))
    return [due, *rest, *behind] if due is not None else [*rest, *behind]
