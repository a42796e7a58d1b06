"""Pictures of what was found, written as SVG: bars to compare, and lines over time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10
from typing import Any

from benchmarks.gateway.candidates import NGINX, OURS

FONT = "font-family='system-ui, -apple-system, Segoe UI, Roboto, sans-serif'"
INK, FAINT, GRID, PAPER = "#1f2328", "#59636e", "#d9dee3", "#ffffff"
COLOURS = {OURS.name: "#0b6bcb", NGINX.name: "#a9b4c0"}
OTHER = "#e0893a"
LINES = ("#0b6bcb", "#e0893a", "#3a8f5c", "#b23a48")
WIDTH, PAD = 1000, 28
LABELS, BAR, GAP = 240, 20, 10
WIDE = 30.0
"""Between the largest and the smallest from which on a scale is logarithmic."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One chart of bars."""

    figure: str
    title: str
    digits: int = 0


PANELS = (
    Panel("requests_per_second", "Requests per second, 32 at once: more is better"),
    Panel("added_p50_ms", "Latency added at one connection, median ms: less is better", 2),
    Panel("chunks_per_second", "Streamed chunks per second: more is better"),
    Panel("open_megabytes", "Memory with {streams:,} open streams, MB: less is better"),
)


def bars(found: Mapping[str, Any]) -> str:
    """Everybody beside everybody, in four charts."""
    parts: list[str] = []
    top = 92.0
    for panel in PANELS:
        rows = []
        for name, one in found["candidates"].items():
            value, begun = (one["median"].get(key) for key in (panel.figure, "open_streams"))
            if value is None:
                continue
            few = panel.figure == "open_megabytes" and begun < found["streams"]
            remark = f" ({begun:,.0f} began)" if few else ""
            words = f"{value:,.{panel.digits}f}{remark}"
            rows.append((name, f"{one['title']} {one['version']}".strip(), max(value, 0.0), words))
        drawn, height = chart(panel.title.format(streams=found["streams"]), rows, top)
        parts.append(drawn)
        top += height
    machine = found["machine"]
    under = (
        f"Each on one core of {machine['processor']}, load and provider on the others; "
        f"{found['rounds']} interleaved rounds of {found['seconds']:g} s, medians, {found['at'][:10]}"
    )
    head = text(PAD, 38, "A gateway in front of the same provider", 24, INK, bold=True)
    head += text(PAD, 64, under, 14, FAINT)
    return page(head + "".join(parts), top + 8)


def chart(
    heading: str, rows: Sequence[tuple[str, str, float, str]], top: float
) -> tuple[str, float]:
    """One chart of who, under which name, how much, and in words; and how high it is."""
    values = [value for _, _, value, _ in rows if value > 0]
    largest, smallest = max(values, default=1.0), min(values, default=1.0)
    logarithmic = largest / smallest > WIDE
    left, right = PAD + LABELS, WIDTH - PAD - 120
    low, high = (floor(log10(smallest * 0.7)), ceil(log10(largest))) if logarithmic else (0, 0)
    high = max(high, low + 1)

    def x(value: float) -> float:
        if logarithmic:
            part = (log10(max(value, 10.0**low)) - low) / (high - low)
        else:
            part = value / largest
        return left + part * (right - left)

    scale = " (logarithmic scale)" if logarithmic else ""
    parts = [text(PAD, top + 16, heading + scale, 16, INK, bold=True)]
    ends = top + 30 + len(rows) * (BAR + GAP)
    if logarithmic:
        for power in range(low, high + 1):
            place = x(10.0**power)
            parts.append(line(place, top + 28, place, ends - GAP + 4))
            parts.append(text(place, ends + 8, f"{10.0**power:,g}", 12, FAINT, anchor="middle"))
    for number, (name, title, value, words) in enumerate(rows):
        y = top + 32 + number * (BAR + GAP)
        colour = COLOURS.get(name, OTHER)
        parts.append(text(left - 10, y + 15, title, 14, INK, anchor="end"))
        parts.append(
            f"<rect x='{left}' y='{y}' width='{max(x(value) - left, 1):.1f}' height='{BAR}' "
            f"rx='2' fill='{colour}'/>"
        )
        parts.append(text(x(value) + 7, y + 15, words, 14, INK))
    return "".join(parts), ends - top + (38 if logarithmic else 24)


@dataclass(frozen=True, slots=True)
class Line:
    """One line over time: its name, and points of seconds and values."""

    name: str
    points: Sequence[tuple[float, float]]


def over_time(title: str, under: str, unit: str, lines: Sequence[Line]) -> str:
    """Lines over minutes, from nothing up."""
    height, left, right, top, bottom = 480, 84, 150, 112, 54
    longest = max((at for one in lines for at, _ in one.points), default=1.0) or 1.0
    largest = max((value for one in lines for _, value in one.points), default=1.0) * 1.1 or 1.0

    def x(seconds: float) -> float:
        return left + seconds / longest * (WIDTH - left - right)

    def y(value: float) -> float:
        return height - bottom - value / largest * (height - top - bottom)

    parts = [text(PAD, 38, title, 24, INK, bold=True), text(PAD, 64, under, 14, FAINT)]
    for mark in marks(largest):
        parts.append(line(left, y(mark), WIDTH - right, y(mark)))
        parts.append(text(left - 8, y(mark) + 5, f"{mark:,g}", 13, FAINT, anchor="end"))
    for mark in marks(longest / 60):
        words = f"{mark:g} min" if mark else "0"
        parts.append(text(x(mark * 60), height - bottom + 22, words, 13, FAINT, anchor="middle"))
    parts.append(text(left - 8, top - 10, unit, 13, FAINT, anchor="end"))
    taken: list[float] = []
    for colour, one in zip(LINES, lines, strict=False):
        dots = " ".join(f"{x(at):.1f},{y(value):.1f}" for at, value in one.points)
        parts.append(
            f"<polyline points='{dots}' fill='none' stroke='{colour}' stroke-width='2' "
            f"stroke-linejoin='round'/>"
        )
        place = y(one.points[-1][1]) + 5
        while any(abs(place - other) < 18 for other in taken):
            place += 3
        taken.append(place)
        parts.append(text(WIDTH - right + 10, place, one.name, 14, colour))
    return page("".join(parts), height)


def marks(largest: float) -> list[float]:
    """Round numbers from nothing to a value, about five."""
    raw = largest / 5
    power = 10.0 ** floor(log10(raw))
    step = next(one * power for one in (1, 2, 5, 10) if one * power >= raw)
    return [round(step * number, 10) for number in range(int(largest / step) + 1)]


def line(x1: float, y1: float, x2: float, y2: float) -> str:
    """A thin line of the grid."""
    return f"<line x1='{x1:.1f}' y1='{y1:.1f}' x2='{x2:.1f}' y2='{y2:.1f}' stroke='{GRID}'/>"


def text(
    x: float,
    y: float,
    words: str,
    size: int,
    colour: str,
    *,
    anchor: str = "start",
    bold: bool = False,
) -> str:
    """Words."""
    weight = " font-weight='600'" if bold else ""
    return (
        f"<text x='{x:.1f}' y='{y:.1f}' font-size='{size}' fill='{colour}' "
        f"text-anchor='{anchor}'{weight}>{escape(words)}</text>"
    )


def page(content: str, height: float) -> str:
    """All of it as one picture."""
    return (
        f"<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 {WIDTH} {height:.0f}' "
        f"width='{WIDTH}' height='{height:.0f}' {FONT} role='img'>"
        f"<rect width='100%' height='100%' fill='{PAPER}'/>{content}</svg>\n"
    )
