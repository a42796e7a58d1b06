"""The OpenAPI of everything that is served: complete, and nothing in it that is not so.

Our own surfaces are described where they stand; here they get what all have in common: how keys
are sent, how each refusal looks, what every answer carries. The dialects' routes are described by
their own folders.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from starlette.routing import Route

from anymedia.gateway import examples
from anymedia.gateway.anthropic import described as anthropic
from anymedia.gateway.openai import described as openai
from anymedia.gateway.ours.schemas import components
from anymedia.gateway.refusing import RANGED, header, refusals
from anymedia.gateway.shared.described import BYTES, IDEMPOTENCY, JSON, Described, Schema, ref

ABOUT = """\
Ours is below `/api`; `/v1` speaks OpenAI's language and `/v1/messages` Anthropic's, whoever answers.

A refusal is told in the language of its path: `application/problem+json` (RFC 9457) by ours, OpenAI's
and Anthropic's error objects by theirs. A method that a path does not take is answered 405 with \
`Allow`, a path that there is not 404. Every answer carries `X-Request-Id`: yours, if you have sent one.
What is refused for a while (429, 503) says with `Retry-After` when to come back.

Our own bodies are read generously where nothing can be mistaken: a number as text is a number, and \
`null` is as if it had not been said. A field that there is not is refused by its name.
"""
OPEN = frozenset({"/", "/health", "/api/health", "/livez", "/readyz"})
"""Paths that need no key."""
EVENT: Schema = {
    "type": "object",
    "properties": {name: {"type": "string"} for name in ("id", "event", "data")},
    "description": "One server-sent event; `data` is JSON, but for `[DONE]` at an end.",
}
PREFER: Schema = {
    "name": "Prefer",
    "in": "header",
    "schema": {"type": "string"},
    "description": "`respond-async` for a job at once, `wait=N` for N seconds of patience.",
}
RANGE: Schema = {
    "name": "Range",
    "in": "header",
    "schema": {"type": "string"},
    "description": "Which bytes, such as `bytes=0-1023`.",
}
LAST_EVENT: Schema = {
    "name": "Last-Event-ID",
    "in": "header",
    "schema": {"type": "string"},
    "description": "The last event that was heard: those after it are told.",
}
ONCE = ("/api/generate", "/api/ai/", "/api/batches")
LOCATED: Mapping[tuple[str, str], tuple[str, ...]] = {
    ("post", "/api/generate"): ("202",),
    **{("post", f"/api/ai/{one}"): ("202",) for one in ("image", "video", "audio", "speech")},
    ("post", "/api/batches"): ("202",),
    ("post", "/api/jobs/{job_id}/retry"): ("202",),
    ("post", "/api/keys"): ("201",),
}
"""Answers that say where what they have made is found."""
HEADERS: Mapping[str, Schema] = {
    "X-Request-Id": {
        "description": "The request's id, in our log too.",
        "schema": {"type": "string"},
    },
    "Retry-After": {
        "description": "Seconds until it is worth another try.",
        "schema": {"type": "integer", "minimum": 0},
    },
    "Location": {"description": "Where it is looked after.", "schema": {"type": "string"}},
    "Link": {"description": '`rel="next"`: the page after this.', "schema": {"type": "string"}},
}


def whole(said: dict[str, Any], plain: Iterable[Route]) -> dict[str, Any]:
    """The description of our own surfaces, made the description of all."""
    said["info"]["description"] = ABOUT
    parts = said.setdefault("components", {})
    schemas = parts.setdefault("schemas", {})
    schemas |= components() | openai.schemas() | anthropic.schemas()
    schemas["Any"] = {"type": "object", "additionalProperties": True}
    parts["headers"] = {name: {**header} for name, header in HEADERS.items()}
    parts["responses"] = {}
    parts["securitySchemes"] = {
        "key": {
            "type": "http",
            "scheme": "bearer",
            "description": "A virtual key or the admin key; none on a gateway without keys.",
        },
        "apiKey": {
            "type": "apiKey",
            "in": "header",
            "name": "X-Api-Key",
            "description": "The same, as Anthropic's clients send it.",
        },
    }
    for path, operations in said["paths"].items():
        for method, operation in operations.items():
            ours(operation, path, method)
    for route in plain:
        for method in sorted((route.methods or set()) - {"HEAD"}):
            theirs(said["paths"], route, method)
    for path, operations in said["paths"].items():
        for method, operation in operations.items():
            refusals(operation, parts["responses"], path, method)
    return said


# --- ours -----------------------------------------------------------------------------------


def ours(operation: dict[str, Any], path: str, method: str) -> None:
    """One of our operations, completed."""
    answers = operation["responses"]
    answers.pop("422", None)  # ours are told as problems
    answers.pop("default", None)  # each status by itself below
    done = [status for status in answers if status.startswith("2")]
    if len(done) > 1 and answers.get("200", {}).get("description") == "Successful Response":
        del answers["200"]
    if path not in OPEN and not path.startswith("/webhooks/"):
        operation["security"] = [{"key": []}, {"apiKey": []}]
    else:
        operation["security"] = []
    for answer in answers.values():
        streamed(answer.get("content", {}))
        answer.setdefault("headers", {})["X-Request-Id"] = header("X-Request-Id")
    for status in LOCATED.get((method, path), ()):
        answers[status]["headers"]["Location"] = header("Location")
    if path == "/api/jobs":
        answers["200"]["headers"]["Link"] = header("Link")
    further = [
        *([PREFER] if path.startswith(("/api/generate", "/api/ai/")) else ()),
        *([IDEMPOTENCY] if method == "post" and path.startswith(ONCE) else ()),
        *([RANGE] if path in RANGED else ()),
        *([LAST_EVENT] if path.endswith("/events") else ()),
    ]
    if further:
        operation.setdefault("parameters", []).extend(further)
    for parameter in operation.get("parameters", ()):
        example = examples.PARAMETERS.get(parameter["name"])
        if example is not None and parameter["in"] == "path":
            parameter.setdefault("example", example)
    if (body := operation.get("requestBody")) is not None:
        found = examples.BODIES.get((method.upper(), path), {})
        for kind, example in found.items():
            body["content"][kind].setdefault("example", example)


def streamed(content: dict[str, Any]) -> None:
    """Events are described one by one."""
    if (events := content.get("text/event-stream")) is not None:
        events["schema"] = EVENT


# --- theirs ---------------------------------------------------------------------------------


def described(method: str, path: str) -> Described | None:
    """What its own folder says of a dialect's route."""
    return anthropic.DESCRIBED.get((method, path)) or openai.DESCRIBED.get((method, path))


def theirs(paths: dict[str, Any], route: Route, method: str) -> None:
    """A dialect's route."""
    path = route.path_format
    whose = "Anthropic" if path.startswith("/v1/messages") else "OpenAI"
    name = path.strip("/").replace("/", "_").replace("{", "").replace("}", "")
    one = described(method, path) or undescribed(whose, method)
    content = {kind: {"schema": schema} for kind, schema in one.answers.items()}
    streamed(content)
    operation: dict[str, Any] = {
        "tags": [f"{whose}'s language"],
        "summary": one.summary,
        "operationId": f"{method.lower()}_{name}",
        "parameters": [
            *(
                {
                    "name": one,
                    "in": "path",
                    "required": True,
                    "schema": {"type": "string"},
                    "example": examples.PARAMETERS.get(f"{path}:{one}", "..."),
                }
                for one in route.param_convertors
            ),
            *one.parameters,
            *([RANGE] if path in RANGED else ()),
        ],
        "responses": {
            str(one.status): {
                "description": "Done",
                "headers": {"X-Request-Id": header("X-Request-Id")},
                "content": content,
            }
        },
        "security": [{"key": []}, {"apiKey": []}],
    }
    if path in RANGED:
        operation["responses"] |= {
            "206": {
                "description": "The part asked for, or several",
                "content": {**content, "multipart/byteranges": {"schema": BYTES}},
            },
            "304": {"description": "The caller has it already"},
        }
    if one.asks:
        body = {
            kind: {"schema": schema}
            | ({"example": one.examples[kind]} if kind in one.examples else {})
            for kind, schema in one.asks.items()
        }
        operation["requestBody"] = {"required": True, "content": body}
    paths.setdefault(path, {})[method.lower()] = operation


def undescribed(whose: str, method: str) -> Described:
    """A route whose folder says nothing of it."""
    return Described(
        summary=f"As {whose} describes it",
        asks={JSON: ref("Any")} if method in {"POST", "PUT", "PATCH"} else {},
        answers={"*/*": {}},
    )
