"""The double's files: taken in by resumable uploads, handed out for two days."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from anymedia.testing.doubles.google.failures import Failure

KEEPS_SECONDS = 48 * 3600


class Files:
    """Every file by its name."""

    def __init__(self, clock: Callable[[], float], base_url: Callable[[], str]) -> None:
        self._clock = clock
        self._base_url = base_url
        self.all: dict[str, dict[str, Any]] = {}

    def keep(self, content: bytes, media_type: str, state: str) -> dict[str, Any]:
        """Take a file in."""
        name = f"double{len(self.all) + 1}"
        self.all[name] = {
            "content": content,
            "ends": self._clock() + KEEPS_SECONDS,
            "shown": {
                "name": f"files/{name}",
                "uri": f"{self._base_url()}/v1beta/files/{name}",
                "mimeType": media_type,
                "sizeBytes": str(len(content)),
                "state": state,
            },
        }
        return self.all[name]

    def stored(self, content: bytes) -> str:
        """Keep a clip that was made; where it lies."""
        kept = self.keep(content, "video/mp4", "ACTIVE")
        return f"{kept['shown']['uri']}:download?alt=media"

    def known(self, name: str) -> dict[str, Any]:
        """A file that has not ended."""
        file = self.all.get(name)
        if file is None or file["ends"] <= self._clock():
            raise Failure(
                403, f"You do not have permission to access the File {name} or it may not exist."
            )
        return file

    async def start(self, request: Request) -> Response:
        """Begin an upload: the answer names the address."""
        declared = request.headers.get("x-goog-upload-header-content-type", "")
        name = self.keep(b"", declared, "PROCESSING")["shown"]["name"].partition("/")[2]
        query = f"upload_id={name}&upload_protocol=resumable"
        address = f"{self._base_url()}{request.url.path}?{query}"
        headers = {"X-Goog-Upload-URL": address, "X-Goog-Upload-Status": "active"}
        return Response(b"", headers=headers)

    async def fill(self, request: Request) -> Response:
        """Take bytes in; only clips have to be read before they can be used."""
        file = self.all.get(request.query_params.get("upload_id", ""))
        if file is None:
            return Response(status_code=404)
        file["content"] += await request.body()
        if "finalize" not in request.headers.get("x-goog-upload-command", ""):
            return Response(headers={"X-Goog-Upload-Status": "active"})
        shown = file["shown"]
        shown["sizeBytes"] = str(len(file["content"]))
        if not shown["mimeType"].startswith("video/"):
            shown["state"] = "ACTIVE"
        return JSONResponse({"file": shown}, headers={"X-Goog-Upload-Status": "final"})

    async def shown(self, request: Request) -> Response:
        """About a file; a clip has been read by the next look."""
        shown = self.known(request.path_params["name"])["shown"]
        answer = JSONResponse(shown)
        shown["state"] = "ACTIVE"
        return answer

    async def elsewhere(self, request: Request) -> Response:
        """A file's content lies at another path, as the real service says by a redirect."""
        self.known(request.path_params["name"])
        return RedirectResponse(f"{self._base_url()}/download{request.url.path}?alt=media", 302)

    async def content(self, request: Request) -> Response:
        """A file's bytes."""
        file = self.known(request.path_params["name"])
        return Response(file["content"], media_type=file["shown"]["mimeType"])
