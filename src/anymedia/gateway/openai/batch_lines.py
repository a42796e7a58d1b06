"""Lines of a batch, from OpenAI's form to ours; each body is read as its own route reads it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from starlette.requests import Request as HttpRequest

from anymedia.batches.lines import LONGEST_ID, BadLine, Read, decoded, plain
from anymedia.contracts.errors import GenerationError
from anymedia.contracts.request import Request
from anymedia.gateway.openai import chat, embeddings, images
from anymedia.gateway.openai.asking import DIALECT
from anymedia.gateway.openai.failures import param_of
from anymedia.gateway.openai.routes import SAME_API
from anymedia.gateway.shared.document import DEEP
from anymedia.gateway.shared.reading import Reading, wrong
from anymedia.gateway.shared.strangers import passed_on
from anymedia.gateway.spec import Gateway, Refused

CHAT, EMBEDDINGS, IMAGES = "/v1/chat/completions", "/v1/embeddings", "/v1/images/generations"
PARTS = ("custom_id", "method", "url", "body")
AS: TypeAlias = dict[str, Any]
"""In which form the answer should come, and what was left behind on the way."""
WARNINGS, PACKED, LINKS = "warnings", "packed", "links"


def chatted(reading: Reading) -> tuple[Request[Any], AS]:
    """A conversation."""
    asked = chat.asked(reading)
    refuse_streams(asked.stream)
    return asked.request, {}


def embedded(reading: Reading) -> tuple[Request[Any], AS]:
    """Texts to vectors."""
    wanted, packed = embeddings.asked(reading)
    return wanted, {PACKED: True} if packed else {}


def drawn(reading: Reading) -> tuple[Request[Any], AS]:
    """Pictures."""
    asked = images.generation(reading)
    refuse_streams(asked.stream)
    return asked.request, {LINKS: True} if asked.links else {}


def refuse_streams(streamed: bool) -> None:
    """Nobody listens to a line."""
    if streamed:
        raise wrong("stream", "a line of a batch is answered whole; leave it out")


ENDPOINTS: dict[str, Callable[[Reading], tuple[Request[Any], AS]]] = {
    CHAT: chatted,
    EMBEDDINGS: embedded,
    IMAGES: drawn,
}


def reader(
    gateway: Gateway, request: HttpRequest, endpoint: str
) -> Callable[[bytes | Mapping[str, Any]], Awaitable[Read | None]]:
    """Reads the lines of a batch for one endpoint."""

    async def read(line: bytes | Mapping[str, Any]) -> Read | None:
        assert isinstance(line, bytes)
        document = understood(line)
        if document is None:
            return None
        custom_id = document.get("custom_id")
        if not isinstance(custom_id, str) or not 0 < len(custom_id) <= LONGEST_ID:
            raise lacking("custom_id", f"a text of 1 to {LONGEST_ID} letters", None)
        check(document, custom_id, endpoint)
        try:
            return Read(custom_id, await wanted(gateway, request, endpoint, document["body"]))
        except RecursionError:
            raise BadLine(DEEP, custom_id, param="body") from None
        except GenerationError as error:
            param = param_of(error)
            raise BadLine(
                plain(error),
                custom_id,
                param=f"body.{param}" if param else None,
                code=error.word if isinstance(error, Refused) else None,
            ) from None

    return read


def understood(line: bytes) -> dict[str, Any] | None:
    """A line's object."""
    try:
        return decoded(line)
    except BadLine as bad:
        raise BadLine(bad.message, code="invalid_json_line") from None


def check(document: dict[str, Any], custom_id: str, endpoint: str) -> None:
    """That the line is a question to the endpoint."""
    if strange := document.keys() - set(PARTS):
        raise BadLine(f"`{min(strange)[:60]}`: a line has {', '.join(PARTS)}", custom_id)
    for name, kind in (("method", str), ("url", str), ("body", dict)):
        if not isinstance(document.get(name), kind):
            expected = "an object" if kind is dict else "a text"
            raise lacking(name, expected, custom_id)
    if document["method"].upper() != "POST":
        raise BadLine("`method`: expected `POST`", custom_id, param="method", code="invalid_method")
    if document["url"] != endpoint:
        raise BadLine(
            f"`url`: expected `{endpoint}`, the `endpoint` of the batch",
            custom_id,
            param="url",
            code="url_mismatch",
        )


def lacking(name: str, expected: str, custom_id: str | None) -> BadLine:
    """A part that has to be there."""
    return BadLine(
        f"`{name}`: expected {expected}",
        custom_id,
        param=name,
        code="missing_required_parameter",
    )


async def wanted(
    gateway: Gateway, request: HttpRequest, endpoint: str, body: dict[str, Any]
) -> Request[Any]:
    """The request that a body stands for; how it is to be answered goes along in its metadata."""
    reading = Reading(body)
    asked, form = ENDPOINTS[endpoint](reading)
    asker = gateway.asker(request, asked)
    besides = SAME_API if endpoint == CHAT else None
    asked, notices = await passed_on(
        gateway.client, asked, reading, asker=asker, dialect=DIALECT, besides=besides
    )
    if notices:
        form[WARNINGS] = [one.model_dump(mode="json", exclude_none=True) for one in notices]
    if form:
        asked = asked.model_copy(update={"metadata": {**asked.metadata, DIALECT: form}})
    return asked
