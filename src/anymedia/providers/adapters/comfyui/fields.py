"""What a request says, put into a graph's places; what has none is refused or said aloud."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from typing import Any, TypeAlias

from anymedia.contracts.errors import InvalidRequest, UnsupportedOption
from anymedia.contracts.image import ImageRequest
from anymedia.contracts.notice import Notice, dropped, rounded
from anymedia.contracts.request import MediaRequest
from anymedia.contracts.video import VideoRequest
from anymedia.providers.adapters.comfyui.files import name_of
from anymedia.providers.adapters.comfyui.workflow import Graph
from anymedia.providers.inputs import AnyMedia

AnyRequest: TypeAlias = MediaRequest[Any]
STEP = 8
"""Sides are multiples of it: models work on pictures of an eighth of the size."""
FRAME_STEP = 8
"""Clips have one frame more than a multiple of it, which suits all the usual models."""
USUAL_FPS = 24.0
PIXELS = re.compile(r"^(\d{2,5})[xX*](\d{2,5})$")
SQUARES = {"512": 512, "1k": 1024, "1.5k": 1536, "2k": 2048, "4k": 4096}
LINES = {"2k": 1440, "4k": 2160}


def fill(graph: Graph, request: AnyRequest, model: str | None, seed: int) -> list[Notice]:
    """Everything that the request says, into the graph. What was dropped or rounded.

    A `seed` is put in even where none was asked for: an unchanged graph would be answered with
    the files that it made before.
    """
    notices: list[Notice] = []
    graph.put("seed", seed if request.seed is None else request.seed)
    if request.seed is not None and not graph.spots("seed"):
        notices.append(dropped("seed", "the workflow has no place for it", asked=request.seed))
    for place, value in meaning(request):
        if not graph.put(place, value):
            raise UnsupportedOption(
                f"the workflow has no place for `{place}`: call a node `{place}` in the editor, or "
                f"name its input in `options.places`, as `{place}: NODE.INPUT`"
            )
    size(graph, request, notices)
    if isinstance(request, VideoRequest):
        length(graph, request, notices)
    wishes: dict[str, Any] = {"negative_prompt": getattr(request, "negative_prompt", None)}
    for name in ("background", "format", "style", "audio"):
        wishes[name] = getattr(request, name, None)
    wishes["model"] = model
    for name, value in wishes.items():
        if value is not None and not graph.put(name, value):
            notices.append(dropped(name, "the workflow has no place for it", asked=value))
    return notices


def meaning(request: AnyRequest) -> Iterator[tuple[str, Any]]:
    """What cannot be left out, by the places that it goes to."""
    prompt = str(getattr(request, "prompt", ""))
    if prompt.strip():
        yield "prompt", prompt
    if request.count > 1:
        yield "count", request.count
    if isinstance(request, ImageRequest):
        yield from files("image", request.images)
        yield from files("mask", (request.mask,))
    if isinstance(request, VideoRequest):
        yield from files("first_frame", (request.first_frame,))
        yield from files("last_frame", (request.last_frame,))
        yield from files("reference", request.references)
        yield from files("video", (request.video,))


def files(place: str, media: tuple[AnyMedia | None, ...]) -> Iterator[tuple[str, str]]:
    """Each file in a place of its own: `image`, `image_2`, `image_3`."""
    for number, one in enumerate(media, 1):
        if one is not None:
            yield (place if number == 1 else f"{place}_{number}"), name_of(one)


# --- size -----------------------------------------------------------------------------------


def size(graph: Graph, request: AnyRequest, notices: list[Notice]) -> None:
    """Resolution and ratio: as words where the graph takes words, else as width and height."""
    said = {
        name: value
        for name in ("aspect_ratio", "resolution")
        if (value := getattr(request, name, None)) is not None
    }
    left = [name for name, value in said.items() if not graph.put(name, value)]
    if not left:
        return
    if not graph.spots("width") or not graph.spots("height"):
        notices += [
            dropped(name, "the workflow has no places for `width` and `height`", said[name])
            for name in left
        ]
        return
    now = graph.value("width"), graph.value("height")
    width, height = sides(
        said.get("aspect_ratio"),
        said.get("resolution"),
        area=area_of(now, video=isinstance(request, VideoRequest)),
        video=isinstance(request, VideoRequest),
    )
    graph.put("width", width)
    graph.put("height", height)
    if PIXELS.match(str(said.get("resolution"))) and said["resolution"] != f"{width}x{height}":
        why = f"sides are multiples of {STEP}"
        notices.append(rounded("resolution", said["resolution"], f"{width}x{height}", why))


def area_of(now: tuple[Any, Any], *, video: bool) -> int:
    """How many pixels the graph itself makes; the usual number, if it does not say."""
    width, height = now
    if isinstance(width, int) and isinstance(height, int) and width > 0 and height > 0:
        return width * height
    return 832 * 480 if video else 1024 * 1024


def sides(
    aspect_ratio: str | None, resolution: str | None, *, area: int, video: bool
) -> tuple[int, int]:
    """Width and height. Exact pixels win over a ratio."""
    if resolution is not None and (pixels := PIXELS.match(resolution)):
        return stepped(int(pixels[1])), stepped(int(pixels[2]))
    across, _, down = (aspect_ratio or ("16:9" if video else "1:1")).partition(":")
    ratio = max(int(across), 1) / max(int(down), 1)
    word = (resolution or "").lower()
    short = LINES.get(word) if video else None
    if lines := re.fullmatch(r"(\d{2,4})p", word):
        short = int(lines[1])
    if short is not None:
        long = short * max(ratio, 1 / ratio)
        both = (long, short) if ratio >= 1 else (short, long)
        return stepped(both[0]), stepped(both[1])
    if resolution is not None:
        if word not in SQUARES:
            raise InvalidRequest(
                f"`resolution` is {resolution!r}; expected pixels such as `1024x768` or one of "
                f"{', '.join(SQUARES)}, 480p, 720p, 1080p"
            )
        area = SQUARES[word] ** 2
    return stepped(math.sqrt(area * ratio)), stepped(math.sqrt(area / ratio))


def stepped(side: float) -> int:
    """A side as a multiple of the step."""
    return max(STEP, round(side / STEP) * STEP)


# --- length ---------------------------------------------------------------------------------


def length(graph: Graph, request: VideoRequest, notices: list[Notice]) -> None:
    """Frames a second and seconds; where the graph counts frames, as their number."""
    if request.fps is not None and not graph.put("fps", whole(request.fps)):
        notices.append(dropped("fps", "the workflow has no place for it", asked=request.fps))
    asked = request.duration_seconds
    if asked is None or graph.put("duration_seconds", whole(asked)):
        return
    if not graph.spots("frames"):
        why = "the workflow has no place for `duration_seconds` or `frames`"
        notices.append(dropped("duration_seconds", why, asked=asked))
        return
    now = graph.value("fps")
    fps = float(now) if isinstance(now, int | float) and now > 0 else USUAL_FPS
    frames = round(asked * fps / FRAME_STEP) * FRAME_STEP + 1
    graph.put("frames", frames)
    given = frames / fps
    if abs(given - asked) > 1.5 / fps:
        why = f"{frames} frames, {fps:g} a second"
        notices.append(rounded("duration_seconds", f"{asked:g}", f"{given:.3g}", why))


def whole(value: float) -> float | int:
    """Whole numbers without a point: nodes that want those refuse others."""
    return int(value) if float(value).is_integer() else value
