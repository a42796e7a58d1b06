"""How each operation refuses, as OpenAPI has it: every status, in the language of its path."""

from __future__ import annotations

from typing import Any

from anymedia.gateway import examples
from anymedia.gateway.anthropic import described as anthropic
from anymedia.gateway.openai import described as openai
from anymedia.gateway.problems import MEDIA_TYPE
from anymedia.gateway.shared.described import JSON, Schema, ref

RANGED = frozenset(
    {
        "/api/artifacts/{artifact_id}",
        "/api/artifacts/{artifact_id}/preview",
        "/v1/videos/{id}/content",
        "/v1/files/{id}/content",
    }
)
"""Paths that hand out bytes, in parts if that is asked for."""
FOLLOWED = frozenset(
    {
        *("/api/jobs", "/api/artifacts", "/v1/videos", "/v1/files", "/v1/batches"),
        "/v1/messages/batches",
    }
)
"""Lists of which a page can be asked for by what it should follow."""
GENERATING = ("/api/generate", "/api/ai/", "/v1/")
NOT_REFUSED = frozenset({"/livez"})
"""Answered even when everything else is turned away."""

TITLES: dict[int, str] = {
    400: "The request makes no sense, or nobody can do what it asks",
    401: "A key is needed, or this one is not known",
    402: "It would cost more than it may, or a budget is used up",
    403: "This key may not do that, or this page may not ask",
    404: "It is not there, or not yours",
    410: "It was removed by a retention rule",
    416: "There is no such part",
    408: "The body took too long to arrive",
    409: "It contradicts what is already so",
    413: "The body is larger than what is read",
    415: "The body is of a type that this path does not take",
    429: "Too many: a limit of the key's or of the provider's",
    500: "The gateway has failed; its operator finds why under the request's id",
    502: "The provider failed, or answered what cannot be understood",
    503: "Nobody can take it at the moment, or too many requests are under way",
    504: "It took longer than it may",
    529: "The provider is overloaded",
}
WAITS = frozenset({429, 503, 529})


def header(name: str) -> Schema:
    """A header that several answers carry."""
    return {"$ref": f"#/components/headers/{name}"}


def refusals(operation: dict[str, Any], shared: dict[str, Any], path: str, method: str) -> None:
    """Every status that an operation can be refused with, in the language of its path."""
    family = family_of(path)
    answers = operation["responses"]
    for status in statuses(operation, path, method):
        if str(status) in answers:
            found = answers[str(status)]
            if path == "/api/generate" and "content" in found:
                continue
            if status >= 400 and "content" not in found:
                answers[str(status)] = {**refusal(status, family), **found}
            elif status >= 400:
                found["content"].setdefault(*kind_of(status, family))
            continue
        name = f"{family}{status}"
        shared.setdefault(name, refusal(status, family))
        answers[str(status)] = {"$ref": f"#/components/responses/{name}"}
    operation["responses"] = dict(sorted(answers.items()))


def statuses(operation: dict[str, Any], path: str, method: str) -> list[int]:
    """Which those are."""
    body, calls = "requestBody" in operation, path.startswith("/webhooks/")
    found = {403, 500, 503}  # 403 for pages of other origins too
    if operation["security"] or calls:
        found |= {401}
    if body or operation.get("parameters"):
        found |= {400}
    if "{" in path:
        found |= {404}
    if body:
        found |= {408, 413} if calls else {408, 413, 415}
    if method != "get":
        found |= {409}
    if method == "post" and path.startswith(GENERATING):
        found |= {402, 404, 409, 429, 502, 504}
    if path in {"/v1/messages", "/v1/messages/count_tokens"}:
        found |= {529}
    if path == "/api/batches" and method == "post":
        found |= {402, 404, 429}
    if path in {"/api/estimate", "/api/costs/replay"}:
        found |= {404}
    if path in FOLLOWED:
        found |= {404}  # what a page should follow
    if path in RANGED:
        found |= {410, 416}
    if path in NOT_REFUSED:
        found -= {503}
    return sorted(found)


def family_of(path: str) -> str:
    """Whose words a path refuses in."""
    if path == "/api/generate":
        return "Envelope"
    if not path.startswith("/v1/"):
        return "Problem"
    return "Anthropic" if path.startswith("/v1/messages") else "OpenAI"


def refusal(status: int, family: str) -> dict[str, Any]:
    """A response for a status."""
    kind, content = kind_of(status, family)
    headers = {"X-Request-Id": header("X-Request-Id")}
    if status in WAITS:
        headers["Retry-After"] = header("Retry-After")
    contents = {kind: content}
    if family == "Envelope":
        contents[JSON] = {"schema": ref("EnvelopeAnswer")}
    return {
        "description": TITLES.get(status, "It could not be done"),
        "headers": headers,
        "content": contents,
    }


def kind_of(status: int, family: str) -> tuple[str, dict[str, Any]]:
    """The media type and the schema of a refusal."""
    match family:
        case "OpenAI":
            return JSON, {"schema": ref("OpenAIError"), "example": openai.ERROR}
        case "Anthropic":
            return JSON, {"schema": ref("AnthropicError"), "example": anthropic.ERROR}
        case _:
            return MEDIA_TYPE, {
                "schema": ref("ProblemDetails"),
                "example": examples.problem(status, TITLES.get(status, "")),
            }
