"""ComfyUI's double: a queue, a history, an input folder and files to fetch.

It has no worker of its own: every look at the queue or the history is a step further. A graph
waits for `slowness` looks, runs for as many, and has ended after that; one at a time, as there is
one worker. A text with the word `forbidden` breaks its node, one with `enormous` runs out of
memory.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from anymedia.testing.double import Double
from anymedia.testing.form import form
from anymedia.testing.samples import mp4, png

FORBIDDEN, ENORMOUS = "forbidden", "enormous"
CHECKPOINTS = ("sd_xl_base_1.0.safetensors", "dreamshaper_8.safetensors")
KNOWN = frozenset(
    [
        *("CheckpointLoaderSimple", "CLIPTextEncode", "EmptyLatentImage", "KSampler", "VAEDecode"),
        *("SaveImage", "PreviewImage", "LoadImage", "VAEEncode", "WanImageToVideo", "CreateVideo"),
        "SaveVideo",
    ]
)
SAVING = {"SaveImage": "png", "SaveVideo": "mp4"}
CANONICAL = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
BEGAN = 1_763_700_000_000


@dataclass(slots=True)
class Work:
    """One queued graph."""

    number: int
    id: str
    graph: dict[str, Any]
    extra: dict[str, Any]
    looks: int = 0
    messages: list[list[Any]] = field(default_factory=list)

    def row(self) -> list[Any]:
        """As the queue lists it."""
        return [self.number, self.id, self.graph, self.extra, saving(self.graph)]


def node(class_type: str, title: str = "", **inputs: Any) -> dict[str, Any]:
    """One node of a graph."""
    return {"class_type": class_type, "inputs": inputs, "_meta": {"title": title}}


PICTURE = {
    "1": node("CLIPTextEncode", "prompt", text=""),
    "2": node("KSampler", "seed", seed=1, positive=["1", 0]),
    "3": node("SaveImage", images=["2", 0], filename_prefix="pictures"),
}
"""A graph for a picture from words."""
CLIP = {
    "1": node("CLIPTextEncode", "prompt", text=""),
    "2": node("WanImageToVideo", length=81, positive=["1", 0]),
    "3": node("KSampler", "seed", seed=1, latent_image=["2", 2]),
    "4": node("CreateVideo", images=["3", 0], fps=16),
    "5": node("SaveVideo", video=["4", 0], filename_prefix="clips"),
}
"""A graph for a clip from words."""


class ComfyUIDouble(Double):
    """A server of one's own; `key` stands for a proxy before it that wants one."""

    refuses: ClassVar[str | None] = None
    options: ClassVar[Mapping[str, Any]] = {"workflows": {"image": PICTURE, "video": CLIP}}

    def __init__(self, *, slowness: int = 1, key: str | None = None) -> None:
        self.slowness = slowness
        self.key = key
        self.pending: list[Work] = []
        self.running: Work | None = None
        self.history: dict[str, dict[str, Any]] = {}
        self.inputs: dict[str, bytes] = {}
        self.made: dict[str, bytes] = {}
        self._numbers = itertools.count()
        self._files = itertools.count(1)
        routes = [
            ("/prompt", "POST", self._queue_graph),
            ("/history/{id}", "GET", self._past),
            ("/queue", "GET", self._show_queue),
            ("/queue", "POST", self._change_queue),
            ("/interrupt", "POST", self._interrupt),
            ("/upload/image", "POST", self._upload),
            ("/view", "GET", self._view),
            ("/system_stats", "GET", self._stats),
            ("/models/checkpoints", "GET", self._checkpoints),
        ]
        super().__init__(
            [
                Route(prefix + path, self._guarded(serve), methods=[method])
                for prefix in ("", "/api")
                for path, method, serve in routes
            ]
        )

    def _guarded(self, serve: Any) -> Any:
        async def guarded(request: Request) -> Response:
            if self.key and request.headers.get("authorization") != f"Bearer {self.key}":
                return Response("Unauthorized", 401)
            response: Response = await serve(request)
            return response

        return guarded

    def restart(self) -> None:
        """Queue and history are gone; the files stay."""
        self.pending.clear()
        self.running = None
        self.history.clear()

    # --- work ---------------------------------------------------------------------------------

    def step(self) -> None:
        """One look further."""
        if self.running is None and self.pending:
            if self.pending[0].looks >= self.slowness:
                self.running = self.pending.pop(0)
                self.running.looks = 0
                self.running.messages.append(event("execution_start", self.running.id, BEGAN))
            else:
                self.pending[0].looks += 1
        elif self.running is not None:
            self.running.looks += 1
            if self.running.looks > self.slowness:
                self._end(self.running)

    def _end(self, work: Work) -> None:
        """It has been made, or it broke."""
        self.running = None
        said = " ".join(
            value
            for node in work.graph.values()
            for value in node["inputs"].values()
            if isinstance(value, str)
        )
        if FORBIDDEN in said:
            self._broken(work, "The prompt was rejected by the content policy")
        elif ENORMOUS in said:
            self._broken(work, "CUDA out of memory. Tried to allocate 9 TiB")
        else:
            work.messages.append(event("execution_success", work.id, BEGAN + 2500))
            self._keep(
                work, "success", {node: self._files_of(work, node) for node in saving(work.graph)}
            )

    def _broken(self, work: Work, words: str) -> None:
        node = next(iter(work.graph))
        more = {
            "node_id": node,
            "node_type": work.graph[node]["class_type"],
            "exception_message": words,
            "exception_type": "RuntimeError",
            "traceback": [],
        }
        work.messages.append(event("execution_error", work.id, BEGAN + 900, **more))
        self._keep(work, "error", {})

    def _keep(self, work: Work, status: str, outputs: dict[str, Any]) -> None:
        self.history[work.id] = {
            "prompt": work.row(),
            "outputs": outputs,
            "status": {
                "status_str": status,
                "completed": status == "success",
                "messages": work.messages,
            },
            "meta": {},
        }

    def _files_of(self, work: Work, identifier: str) -> dict[str, Any]:
        """What a saving node made; clips are reported as pictures that move."""
        node = work.graph[identifier]
        ending = SAVING[node["class_type"]]
        number = max(
            (int(one["inputs"].get("batch_size", 1)) for one in work.graph.values()), default=1
        )
        names = [
            f"{node['inputs'].get('filename_prefix', 'ComfyUI')}_{next(self._files):05}_.{ending}"
            for _ in range(number if ending == "png" else 1)
        ]
        self.made |= {name: mp4() if ending == "mp4" else png(64, 64) for name in names}
        files = [{"filename": name, "subfolder": "", "type": "output"} for name in names]
        return {"images": files} | ({"animated": [True]} if ending == "mp4" else {})

    # --- routes -------------------------------------------------------------------------------

    async def _queue_graph(self, request: Request) -> Response:
        body = await request.json()
        graph = body.get("prompt")
        if not graph:
            return refused("no_prompt", "No prompt provided")
        identifier = body.get("prompt_id", "")
        if not CANONICAL.fullmatch(str(identifier)):
            return refused("invalid_prompt_id", "prompt_id is not a canonical UUID")
        for node in graph.values():
            if node["class_type"] not in KNOWN:
                return refused("missing_node_type", f"Node '{node['class_type']}' not found.")
        if not saving(graph):
            return refused("prompt_no_outputs", "Prompt has no outputs")
        faults = {
            name: not_installed(node)
            for name, node in graph.items()
            if node["inputs"].get("ckpt_name", CHECKPOINTS[0]) not in CHECKPOINTS
        }
        faults |= {
            name: not_installed(node, "image")
            for name, node in graph.items()
            if node["class_type"] == "LoadImage" and node["inputs"].get("image") not in self.inputs
        }
        if faults:
            return refused(
                "prompt_outputs_failed_validation", "Prompt outputs failed validation", faults
            )
        extra = dict(body.get("extra_data", {})) | {"client_id": body.get("client_id")}
        work = Work(next(self._numbers), identifier, graph, extra)
        self.pending.append(work)
        return JSONResponse({"prompt_id": identifier, "number": work.number, "node_errors": {}})

    async def _past(self, request: Request) -> Response:
        self.step()
        identifier = request.path_params["id"]
        found = self.history.get(identifier)
        return JSONResponse({identifier: found} if found else {})

    async def _show_queue(self, _: Request) -> Response:
        running = [self.running.row()] if self.running else []
        return JSONResponse(
            {"queue_running": running, "queue_pending": [work.row() for work in self.pending]}
        )

    async def _change_queue(self, request: Request) -> Response:
        body = await request.json()
        gone = body.get("delete", [])
        self.pending = [
            work for work in self.pending if work.id not in gone and not body.get("clear")
        ]
        return Response()

    async def _interrupt(self, request: Request) -> Response:
        wanted = (await request.json()).get("prompt_id")
        work = self.running
        if work is not None and wanted in {None, work.id}:
            self.running = None
            work.messages.append(event("execution_interrupted", work.id, BEGAN + 700))
            self._keep(work, "error", {})
        return Response()

    async def _upload(self, request: Request) -> Response:
        try:
            parts = form(await request.body(), request.headers.get("content-type", ""))
        except ValueError:
            return Response(status_code=400)
        file = next((part for part in parts if part.name == "image"), None)
        if file is None or not file.filename:
            return Response(status_code=400)
        self.inputs[file.filename] = file.content
        return JSONResponse({"name": file.filename, "subfolder": "", "type": "input"})

    async def _view(self, request: Request) -> Response:
        name = request.query_params.get("filename", "")
        if name not in self.made:
            return Response(status_code=404)
        kind = "video/mp4" if name.endswith("mp4") else "image/png"
        return Response(self.made[name], media_type=kind)

    async def _stats(self, _: Request) -> Response:
        return JSONResponse({"system": {"comfyui_version": "0.9.1"}, "devices": []})

    async def _checkpoints(self, _: Request) -> Response:
        return JSONResponse(list(CHECKPOINTS))


def saving(graph: dict[str, Any]) -> list[str]:
    """The nodes whose outputs are kept."""
    return [name for name, node in graph.items() if node["class_type"] in SAVING]


def event(kind: str, identifier: str, at: int, **more: Any) -> list[Any]:
    """Something that happened, as the history lists it."""
    return [kind, {"prompt_id": identifier, "timestamp": at, **more}]


def not_installed(node: dict[str, Any], name: str = "ckpt_name") -> dict[str, Any]:
    """A file that a node names and that is not there."""
    fault = {
        "type": "value_not_in_list" if name == "ckpt_name" else "custom_validation_failed",
        "message": "Value not in list",
        "details": f"{name}: {node['inputs'].get(name)!r} not in {list(CHECKPOINTS)}",
        "extra_info": {"input_name": name},
    }
    return {"errors": [fault], "dependent_outputs": [], "class_type": node["class_type"]}


def refused(kind: str, message: str, faults: dict[str, Any] | None = None) -> Response:
    """A graph that is not taken."""
    error = {"type": kind, "message": message, "details": "", "extra_info": {}}
    return JSONResponse({"error": error, "node_errors": faults or {}}, 400)
