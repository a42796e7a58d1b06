"""The result as a picture: how dear a request was over time, and what was going on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from benchmarks.routing.measures import Line
from benchmarks.routing.providers import Setting

WIDTH, HEIGHT = 1400, 720
LEFT, RIGHT, TOP, BOTTOM = 90, 250, 80, 70
COLOURS = ("#1b6ca8", "#2e2e2e", "#d1495b", "#e8a33d", "#7a9e7e")
BAND = ("#f2efe8", "#e6e0d2")


def draw(path: Path, setting: Setting, lines: Sequence[Line], title: str) -> None:
    """Write it to a file."""
    size = 2  # drawn twice as large, so that lines are smooth
    image = Image.new("RGB", (WIDTH * size, HEIGHT * size), "white")
    pen = ImageDraw.Draw(image)
    large, small = (ImageFont.load_default(size=points * size) for points in (24, 17))
    most = min(max(value for one in lines for _, value in one.points), 9.0)
    length = setting.workload.seconds

    def x(seconds: float) -> float:
        return size * (LEFT + seconds / length * (WIDTH - LEFT - RIGHT))

    def y(loss: float) -> float:
        inside = HEIGHT - TOP - BOTTOM
        return size * (HEIGHT - BOTTOM - min(loss, most) / most * inside)

    for number, period in enumerate(setting.periods):
        box = (x(period.begins), y(most), x(min(period.ends, length)), y(0))
        pen.rectangle(box, fill=BAND[number % 2])
        middle = (box[0] + box[2]) / 2
        pen.text((middle, y(most) + 14 * size), period.name, "#444444", small, anchor="mm")
    for trouble in setting.troubles:
        ends = x(min(trouble.ends, length))
        pen.line((x(trouble.begins), y(0) - 2, ends, y(0) - 2), "#b03030", 5 * size)
    for mark in range(int(most) + 1):
        pen.line((x(0), y(mark), x(length), y(mark)), "#cccccc", 1)
        pen.text((x(0) - 10 * size, y(mark)), str(mark), "#444444", small, anchor="rm")
    unit, step = (60.0, 10) if length < 7200 else (3600.0, 1)
    for mark in range(0, int(length / unit) + 1, step):
        words = f"{mark} {'min' if unit == 60.0 else 'h'}"
        pen.text((x(mark * unit), y(0) + 18 * size), words, "#444444", small, anchor="mm")
    taken: list[float] = []
    for colour, one in reversed(list(zip(COLOURS, lines, strict=False))):
        dots = [(x(seconds), y(loss)) for seconds, loss in one.points]
        pen.line(dots, colour, 2 * size, joint="curve")
    for colour, one in sorted(
        zip(COLOURS, lines, strict=False), key=lambda pair: -last_mean(pair[1])
    ):
        height = y(last_mean(one))
        while any(abs(height - other) < 22 * size for other in taken):
            height += 2 * size
        taken.append(height)
        pen.text((x(length) + 12 * size, height), one.policy, colour, small, anchor="lm")
    pen.text((size * LEFT, 20 * size), title, "#111111", large)
    under = "Mean loss of a request: price and time, each in medians; red: while the trouble lasts"
    pen.text((size * LEFT, 50 * size), under, "#444444", small)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.resize((WIDTH, HEIGHT), Image.Resampling.LANCZOS).save(path, optimize=True)


def last_mean(line: Line) -> float:
    """Where a line ends, about."""
    ends = [loss for _, loss in line.points[-8:]]
    return sum(ends) / len(ends)
