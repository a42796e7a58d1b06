"""Workflows: which graph is meant, and where our fields go in it.

In `options`, of the request or of the provider's configuration:

    workflow: {"6": {"class_type": "CLIPTextEncode", "inputs": {...}}, ...}    # or its JSON text
    workflows: {portrait: {...}, image_to_video: {...}, video: {...}}          # by model, task, medium
    places: {prompt: "6.text", seed: ["3.seed", "Refiner.seed"], frames: "Latent.length"}
    inputs: {"3.steps": 30}

A node is named by its id or by its title in the editor. What `places` does not say is found by
title: a node called `prompt` is where the prompt goes. Other options go beside the graph as they
are, such as `extra_data` with the key for partners' nodes.
"""

from __future__ import annotations

import copy
from typing import Any, TypeAlias

import msgspec

from anymedia.contracts.errors import InvalidRequest, UnsupportedOption
from anymedia.contracts.request import MediaRequest

OURS = frozenset({"workflow", "workflows", "places", "inputs"})
"""Options that are read here; the rest goes to the server."""
Spot: TypeAlias = tuple[str, str]
"""A node's id and one of its inputs."""
TEXTS = ("text", "prompt", "value", "string")
FILES = ("image", "file", "video", "audio")
INPUTS: dict[str, tuple[str, ...]] = {
    "prompt": TEXTS,
    "negative_prompt": TEXTS,
    "model": ("ckpt_name", "unet_name", "model_name", "model"),
    "seed": ("seed", "noise_seed"),
    "count": ("batch_size", "amount"),
    "frames": ("length", "num_frames", "frames"),
    "fps": ("fps", "frame_rate"),
    "mask": ("image", "mask"),
    "video": ("file", "video"),
}
"""By place: which input of a node with that title is meant, the likeliest first."""


class Graph:
    """A copy of a workflow, to be filled in."""

    def __init__(self, nodes: dict[str, dict[str, Any]], places: dict[str, Any]) -> None:
        self.nodes = copy.deepcopy(nodes)
        self._places = places

    def spots(self, place: str) -> list[Spot]:
        """Where something goes; nowhere, if the graph has no such place."""
        named = self._places.get(place)
        if named is not None:
            paths = named if isinstance(named, list) else [named]
            return [self.spot(path, known=True) for path in paths]
        found = [
            (node, name)
            for node in self.titled(place)
            if (name := self.likeliest(node, place)) is not None
        ]
        return found or (self.seeds() if place == "seed" else [])

    def spot(self, path: Any, *, known: bool = False) -> Spot:
        """A node and its input, as `NODE.INPUT`; if `known`, the node must have it already."""
        node, _, name = str(path).rpartition(".")
        for found in (node, *self.titled(node)):
            if found in self.nodes and name:
                if known and name not in self.nodes[found]["inputs"]:
                    break
                return found, name
        raise InvalidRequest(
            f"`{path}` is no place in the workflow: expected `NODE.INPUT` with the id or title of "
            f"one of its nodes, and an input that it has"
        )

    def titled(self, title: str) -> list[str]:
        """Nodes that carry a title in the editor."""
        wanted = title.casefold()
        return [
            identifier
            for identifier, node in self.nodes.items()
            if isinstance(meta := node.get("_meta"), dict)
            and str(meta.get("title", "")).strip().casefold().replace(" ", "_") == wanted
        ]

    def likeliest(self, node: str, place: str) -> str | None:
        """Which of a node's inputs is meant: one that no other node feeds."""
        free = [name for name, value in self.nodes[node]["inputs"].items() if not linked(value)]
        likely = (*INPUTS.get(place, ()), place, "value", *FILES)
        known = next((name for name in likely if name in free), None)
        return known or (free[0] if len(free) == 1 else None)

    def seeds(self) -> list[Spot]:
        """Every seed that stands in the graph itself."""
        return [
            (identifier, name)
            for identifier, node in self.nodes.items()
            for name in INPUTS["seed"]
            if isinstance(node["inputs"].get(name), int)
        ]

    def value(self, place: str) -> Any:
        """What stands at a place now."""
        spots = self.spots(place)
        if not spots:
            return None
        node, name = spots[0]
        return self.nodes[node]["inputs"].get(name)

    def put(self, place: str, value: Any) -> bool:
        """Fill a place in; whether there is one."""
        spots = self.spots(place)
        for spot in spots:
            self.put_at(spot, value)
        return bool(spots)

    def put_at(self, spot: Spot, value: Any) -> None:
        """Fill one input in."""
        node, name = spot
        self.nodes[node]["inputs"][name] = value


def linked(value: Any) -> bool:
    """Whether another node feeds an input."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def graph_of(request: MediaRequest[Any]) -> Graph | None:
    """The caller's graph for a request, with its own `inputs` filled in; `None` without one."""
    options = request.options
    given: Any = options.get("workflow")
    if given is None:
        named = table(options.get("workflows"), "workflows")
        names = (request.model, request.task, request.medium)
        given = next((named[name] for name in names if name is not None and name in named), None)
    if given is None:
        return None
    graph = Graph(nodes_of(given), table(options.get("places"), "places"))
    for path, value in table(options.get("inputs"), "inputs").items():
        graph.put_at(graph.spot(path), value)
    return graph


def nodes_of(given: Any) -> dict[str, dict[str, Any]]:
    """A graph that can be queued; `InvalidRequest` says what it is instead."""
    if isinstance(given, str):
        try:
            given = msgspec.json.decode(given)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise InvalidRequest(
                "`workflow` is text that is not JSON. Give the graph itself, or the text of the "
                "file that it was exported to"
            ) from None
    if isinstance(given, dict) and isinstance(given.get("nodes"), list):
        raise InvalidRequest(
            "`workflow` is the editor's own form. Export it in ComfyUI with `Export (API)`"
        )
    if not isinstance(given, dict) or not given or not all(map(is_node, given.values())):
        raise InvalidRequest(
            "`workflow` is no graph: expected nodes by id, each with `class_type` and `inputs`"
        )
    return {str(identifier): one for identifier, one in given.items()}  # YAML reads 6 as a number


def is_node(value: Any) -> bool:
    """Whether it is one node of a graph."""
    return (
        isinstance(value, dict)
        and isinstance(value.get("class_type"), str)
        and isinstance(value.get("inputs"), dict)
    )


def table(value: Any, name: str) -> dict[str, Any]:
    """An option that holds values by name."""
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise InvalidRequest(f"`options.{name}` is a {type(value).__name__}; expected an object")
    return value


# --- the plain graph ------------------------------------------------------------------------


def plain(request: MediaRequest[Any]) -> Graph:
    """A checkpoint's pictures from words, as ComfyUI's own first example makes them."""
    if request.task != "text_to_image":
        raise UnsupportedOption(
            f"{request.task.replace('_', ' ')} needs a workflow: give ComfyUI's graph as "
            f"`options.workflow`, or in the configuration's `options.workflows`"
        )
    options = request.options
    graph = Graph(PLAIN, PLAIN_PLACES | table(options.get("places"), "places"))
    for path, value in table(options.get("inputs"), "inputs").items():
        graph.put_at(graph.spot(path), value)
    return graph


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    """One node of a graph."""
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title or class_type}}


PLAIN: dict[str, dict[str, Any]] = {
    "model": node("CheckpointLoaderSimple", "model", ckpt_name=""),
    "prompt": node("CLIPTextEncode", "prompt", text="", clip=["model", 1]),
    "negative": node("CLIPTextEncode", "negative_prompt", text="", clip=["model", 1]),
    "size": node("EmptyLatentImage", width=1024, height=1024, batch_size=1),
    "sampler": node(
        "KSampler",
        seed=0,
        steps=20,
        cfg=7.0,
        sampler_name="euler",
        scheduler="normal",
        denoise=1.0,
        model=["model", 0],
        positive=["prompt", 0],
        negative=["negative", 0],
        latent_image=["size", 0],
    ),
    "decoded": node("VAEDecode", samples=["sampler", 0], vae=["model", 2]),
    "saved": node("SaveImage", filename_prefix="anymedia", images=["decoded", 0]),
}
PLAIN_PLACES = {"width": "size.width", "height": "size.height", "count": "size.batch_size"}
