"""What was found, as a document and as a table: medians over rounds, ratios, what was to be reached."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.gateway.candidates import NGINX, OURS, Candidate
from benchmarks.gateway.measuring import Figures


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table."""

    name: str
    words: str
    digits: int = 0
    more_is_better: bool = False


FIGURES = (
    Figure("requests_per_second", "requests/s, 32 at once", 0, more_is_better=True),
    Figure("cpu_microseconds_per_request", "CPU µs per request"),
    Figure("added_p50_ms", "added latency alone, p50 ms", 3),
    Figure("added_p99_ms", "added latency alone, p99 ms", 3),
    Figure("chunks_per_second", "streamed chunks/s", 0, more_is_better=True),
    Figure("cpu_microseconds_per_chunk", "CPU µs per chunk", 1),
    Figure("open_streams", "streams open at once", 0, more_is_better=True),
    Figure("open_megabytes", "MB with these open"),
    Figure("paced_chunks_per_second", "their chunks/s (5 each)", 0, more_is_better=True),
    Figure("cpu_microseconds_per_paced_chunk", "CPU µs per such chunk", 1),
    Figure("ready_seconds", "seconds to ready", 2),
    Figure("ready_megabytes", "MB when ready"),
    Figure("failed_requests", "failed requests"),
    Figure("failed_streams", "failed streams"),
)


@dataclass(frozen=True, slots=True)
class Goal:
    """What the gateway is to reach: a figure of its own, or as a multiple of somebody else's."""

    words: str
    figure: str
    bound: float
    than: str | None = None
    at_most: bool = False


GOALS = (
    Goal("requests/s, as a multiple of LiteLLM", "requests_per_second", 100, than="litellm"),
    Goal("requests/s, as a multiple of Portkey", "requests_per_second", 9, than="portkey"),
    Goal("requests/s, as a multiple of TensorZero", "requests_per_second", 1.5, than="tensorzero"),
    Goal("added latency p50, ms", "added_p50_ms", 0.35, at_most=True),
    Goal("added latency p99, ms", "added_p99_ms", 1.5, at_most=True),
    Goal("streamed chunks/s", "chunks_per_second", 25_000),
    Goal("MB with 1,000 open streams", "open_megabytes", 200, at_most=True),
    Goal("seconds to ready", "ready_seconds", 1.5, at_most=True),
    Goal("MB when ready", "ready_megabytes", 120, at_most=True),
)


BUSY = "The machine was busy with other things: only CPU, memory and their ratios say anything."
IDLE_SHARE = 0.5
"""Of the cores; a load above that before we began is somebody else's."""


def is_busy(machine: Mapping[str, Any]) -> bool:
    """Whether others were at work on the machine."""
    return bool(machine["load_at_start"] > IDLE_SHARE * (machine["cores"] or 1))


def document(
    candidates: Sequence[Candidate],
    rounds: Mapping[str, Sequence[Figures]],
    failures: Mapping[str, str],
    about: Mapping[str, Any],
) -> dict[str, Any]:
    """Everything, for machines."""
    found: dict[str, dict[str, Any]] = {
        one.name: {
            "title": one.title,
            "version": one.version,
            "embedded": one.embedded,
            "median": medians(rounds[one.name]),
            "rounds": list(rounds[one.name]),
        }
        for one in candidates
        if rounds.get(one.name)
    }
    ours = found.get(OURS.name, {}).get("median", {})
    return {
        **about,
        "candidates": found,
        "failures": dict(failures),
        "anymedia_as_multiple_of": {
            name: {
                figure.name: round(ours[figure.name] / one["median"][figure.name], 3)
                for figure in FIGURES
                # Below nothing is noise, and a multiple of that means nothing.
                if (one["median"].get(figure.name) or 0) > 0 and (ours.get(figure.name) or -1) >= 0
            }
            for name, one in found.items()
            if name != OURS.name
        },
        "goals": goals({name: one["median"] for name, one in found.items()}, about),
    }


def medians(rounds: Sequence[Figures]) -> Figures:
    """Of each figure, over all rounds."""
    found: Figures = {}
    for name in dict.fromkeys(name for one in rounds for name in one):
        values = [value for one in rounds if (value := one.get(name)) is not None]
        found[name] = round(median(values), 4) if values else None
    return found


def goals(found: Mapping[str, Figures], about: Mapping[str, Any]) -> list[dict[str, Any]]:
    """What was to be reached, and what was, as far as it can be told."""
    told = []
    for goal in GOALS:
        if OURS.name not in found or (goal.than is not None and goal.than not in found):
            continue
        if goal.figure == "open_megabytes" and about.get("streams") != 1000:
            continue
        value = found[OURS.name].get(goal.figure)
        other = found[goal.than].get(goal.figure) if goal.than is not None else 1.0
        if value is None or not other:
            continue
        value /= other
        reached = value <= goal.bound if goal.at_most else value >= goal.bound
        told.append(
            {
                "goal": goal.words,
                "bound": f"{'<=' if goal.at_most else '>='} {goal.bound:g}",
                "found": round(value, 3),
                "reached": reached,
            }
        )
    return told


def shown(multiple: float | None) -> str:
    """A ratio, as far as there is one."""
    return "-" if multiple is None else f"{multiple:,.3g}"


def show(found: Mapping[str, Any], console: Console) -> None:
    """The table, for people."""
    table = Table("median of rounds", title="On one core each, in front of the same provider")
    by_name = found["candidates"]
    for one in by_name.values():
        table.add_column("\n".join((one["title"], one["version"])).strip(), justify="right")
    for figure in FIGURES:
        cells = (one["median"].get(figure.name) for one in by_name.values())
        table.add_row(
            figure.words, *("-" if one is None else f"{one:,.{figure.digits}f}" for one in cells)
        )
    console.print(table)
    if is_busy(found["machine"]):
        console.print(BUSY, highlight=False)
    others = [name for name in by_name if name not in {OURS.name, NGINX.name}]
    multiples = found["anymedia_as_multiple_of"]
    if OURS.name in by_name and others:
        ratios = Table("anymedia is", *(by_name[name]["title"] for name in others))
        for name, words in (
            ("requests_per_second", "times the requests/s of"),
            ("cpu_microseconds_per_request", "times the CPU per request of"),
            ("chunks_per_second", "times the chunks/s of"),
            ("open_megabytes", "times the memory of"),
        ):
            ratios.add_row(words, *(shown(multiples[one].get(name)) for one in others))
        console.print(ratios)
    for goal in found["goals"]:
        word = "reached" if goal["reached"] else "MISSED "
        console.print(
            f"{word}  {goal['goal']}: {goal['found']:,} ({goal['bound']})", highlight=False
        )
    for name, reason in found["failures"].items():
        console.print(f"not measured: {name}: {reason}", highlight=False, markup=False)
