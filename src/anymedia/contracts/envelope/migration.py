"""Moves an envelope between its versions, in any direction, over as many hops as it takes.

The hops are pure functions on plain dicts, one for each neighbouring pair, request and response
apart; the way over several hops is searched. A document is checked against the contract of its
own version first, so hops meet valid documents only.

Forward nothing is lost, and going back again gives the same document, to the letter. Backward
an older version cannot say everything. What it has no words for is dropped, which is this:

    to 1.1   of an error: `retryable`, `provider`, `details`, `timestamp`, `retry_after`
    to 1.0   that, and `metadata` and `retry_config`

They are not hidden in fields that the old version does have: its programs would send them to
providers as parameters, or show them. What is left comes forward again unchanged.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, TypeAlias, cast, get_args

from anymedia.contracts.base import Contract
from anymedia.contracts.envelope import v1_0, v1_1, v2_0
from anymedia.contracts.envelope.failure import RETRYABLE, understood, written
from anymedia.contracts.envelope.route import divided, joined
from anymedia.contracts.envelope.values import CURRENT, Kind, Version
from anymedia.contracts.errors import InvalidRequest
from anymedia.contracts.mistakes import printable, valid

Document: TypeAlias = dict[str, Any]
Hop: TypeAlias = Callable[[Document], Document]

CONTRACTS: dict[tuple[Version, Kind], type[Contract]] = {
    ("1.0", "request"): v1_0.UnifiedRequest,
    ("1.0", "response"): v1_0.UnifiedResponse,
    ("1.1", "request"): v1_1.UnifiedRequest,
    ("1.1", "response"): v1_1.UnifiedResponse,
    ("2.0", "request"): v2_0.UnifiedRequest,
    ("2.0", "response"): v2_0.UnifiedResponse,
}

FIELDS: dict[Kind, frozenset[str]] = {
    kind: frozenset(
        name for version in get_args(Version) for name in CONTRACTS[version, kind].model_fields
    )
    for kind in get_args(Kind)
}
"""What a request or a response can have, in whichever version."""

# --- the hops -------------------------------------------------------------------------------


def with_metadata_and_retries(request: Document) -> Document:
    """1.1 adds both."""
    return {**request, "metadata": {}, "retry_config": None}


def with_metadata(response: Document) -> Document:
    """1.1 adds it."""
    return {**response, "metadata": {}}


def without_metadata(document: Document) -> Document:
    """1.0 has neither metadata nor a retry configuration."""
    return without(document, "metadata", "retry_config")


def with_names_apart(document: Document) -> Document:
    """2.0 has a field for the provider and one for the model."""
    if "model" not in document:
        return document
    provider, model = divided(document["model"])
    return {**document, "provider": provider, "model": model}


def with_names_joined(document: Document) -> Document:
    """Before 2.0 both are one string."""
    if not document.keys() & {"provider", "model"}:
        return document
    route = joined(document.get("provider"), document.get("model"))
    return {**without(document, "provider"), "model": route}


def with_error_object(response: Document) -> Document:
    """2.0 has an object for the error, and names apart."""
    text = response.get("error")
    if text is None:
        return with_names_apart(response)
    code, message = understood(text)
    error = {"code": code, "message": message, "retryable": code in RETRYABLE}
    return with_names_apart({**response, "error": error})


def with_error_text(response: Document) -> Document:
    """Before 2.0 an error is a string, and names are joined."""
    error = response.get("error")
    if error is None:
        return with_names_joined(response)
    return with_names_joined({**response, "error": written(error["code"], error["message"])})


def without(document: Document, *names: str) -> Document:
    """The document without some of its fields."""
    return {name: value for name, value in document.items() if name not in names}


HOPS: dict[Kind, dict[tuple[Version, Version], Hop]] = {
    "request": {
        ("1.0", "1.1"): with_metadata_and_retries,
        ("1.1", "2.0"): with_names_apart,
        ("2.0", "1.1"): with_names_joined,
        ("1.1", "1.0"): without_metadata,
    },
    "response": {
        ("1.0", "1.1"): with_metadata,
        ("1.1", "2.0"): with_error_object,
        ("2.0", "1.1"): with_error_text,
        ("1.1", "1.0"): without_metadata,
    },
}

# --- the way --------------------------------------------------------------------------------


def migrate(
    document: Any, kind: Kind | None = None, to_version: Version | str = CURRENT
) -> Document:
    """The document in another version; its kind is seen from its fields unless it is given.

    `InvalidRequest` when it is not what its `schema_version` says, or there is no such version.
    """
    if not isinstance(document, dict):
        raise InvalidRequest(
            f"an envelope is a JSON object, and this is {json_type(document)}. "
            f"See `schemas/envelope-{CURRENT}.request.json`."
        )
    start = version_of(document)
    goal = known(to_version, "the version to migrate to")
    kind = kind or kind_of(document)
    check(document, start, kind)
    moved: Document = document
    for hop_to, hop in way(kind, start, goal):
        moved = {**hop(moved), "schema_version": hop_to}
    order = list(CONTRACTS[goal, kind].model_fields)
    return {name: moved[name] for name in sorted(moved, key=order.index)}


def way(kind: Kind, start: Version, goal: Version) -> list[tuple[Version, Hop]]:
    """The shortest series of hops, each with the version it arrives at."""
    hops = HOPS[kind]
    ways: dict[Version, list[tuple[Version, Hop]]] = {start: []}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        if here == goal:
            return ways[here]
        for (source, target), hop in hops.items():
            if source == here and target not in ways:
                ways[target] = [*ways[here], (target, hop)]
                waiting.append(target)
    raise AssertionError(f"no hops lead from {start} to {goal} for a {kind}")


def check(document: Document, version: Version, kind: Kind) -> None:
    """Refuse what is not a document of that version."""
    valid(
        CONTRACTS[version, kind],
        document,
        f"the {version} {kind}",
        hint=lambda name: elsewhere(name, version, kind),
        next_step=f"Its form is in `schemas/envelope-{version}.{kind}.json`.",
    )


def elsewhere(name: str, version: Version, kind: Kind) -> str | None:
    """Which other version has a field that this one has not."""
    having = [
        other
        for other in get_args(Version)
        if other != version and name in CONTRACTS[other, kind].model_fields
    ]
    if not having:
        return None
    joint = " (before 2.0, `model` is `provider/model`)" if name == "provider" else ""
    return f"version {having[0]} has it{joint}"


def version_of(document: Document) -> Version:
    """The version that a document says it is."""
    if "schema_version" not in document:
        raise InvalidRequest(
            f"`schema_version` is missing. Say which version it is: {supported()}."
        )
    return known(document["schema_version"], "`schema_version`")


def known(version: Any, what: str) -> Version:
    """The version, if there is such a one."""
    if isinstance(version, str) and version in get_args(Version):
        return cast("Version", version)
    shown = f"`{printable(version)}`" if isinstance(version, str) else json_type(version)
    raise InvalidRequest(f"{what} is {shown}, and only {supported()} are supported.")


def supported() -> str:
    """All versions, for people."""
    return ", ".join(f'"{version}"' for version in get_args(Version))


def kind_of(document: Document) -> Kind:
    """Whether it is a request or a response, by the fields that only one of them has."""
    asks = document.keys() & (FIELDS["request"] - FIELDS["response"])
    answers = document.keys() & (FIELDS["response"] - FIELDS["request"])
    if bool(asks) == bool(answers):
        found = "has fields of both" if asks else "has no field of either"
        raise InvalidRequest(
            f"it {found}, a request and a response. A request has `media_type`, a response has "
            f"`status`."
        )
    return "request" if asks else "response"


def json_type(value: Any) -> str:
    """What a JSON value is, without saying what is in it."""
    match value:
        case None:
            return "null"
        case bool():
            return "a boolean"
        case int() | float():
            return "a number"
        case str():
            return "a string"
        case list() | tuple():
            return "an array"
        case _:
            return "an object"


# --- for those who talk with callers --------------------------------------------------------


def read_request(document: Any) -> tuple[v2_0.UnifiedRequest, Version]:
    """What a caller sent, as the current version, and the version to answer in.

    A caller who names no version means the current one.
    """
    if isinstance(document, dict) and "schema_version" not in document:
        document = {"schema_version": CURRENT, **document}
    current = migrate(document, "request")
    return v2_0.UnifiedRequest.model_validate(current), version_of(document)


def write_response(response: v2_0.UnifiedResponse, version: Version) -> Document:
    """A response as JSON, in the version that the caller asked in."""
    return migrate(response.model_dump(mode="json"), "response", version)
