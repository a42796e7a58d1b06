"""Envelopes move between their versions by laws, and whatever is none of them is refused."""

from __future__ import annotations

import copy
import json
from datetime import datetime
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st
from pydantic import ValidationError
from tests.contracts.documents import documents, json_values, requests, responses

from anymedia.contracts.envelope import (
    CURRENT,
    UnifiedError,
    UnifiedRequest,
    UnifiedResponse,
    migrate,
    read_request,
    write_response,
)
from anymedia.contracts.envelope.migration import CONTRACTS, HOPS, way
from anymedia.contracts.envelope.values import Kind, Version
from anymedia.contracts.errors import GenerationError, InvalidRequest

VERSIONS: tuple[Version, ...] = get_args(Version)
OLD: tuple[Version, ...] = VERSIONS[:-1]
BOTH: tuple[Kind, ...] = get_args(Kind)


def read(document: dict[str, Any], kind: Kind) -> Any:
    """The document as the contract of its version."""
    return CONTRACTS[document["schema_version"], kind].model_validate(document)


# --- what a migration does, by example --------------------------------------------------------


def test_a_request_of_1_0_becomes_a_current_one() -> None:
    """Provider and model come apart, and the two fields of 1.1 appear."""
    old = {
        "schema_version": "1.0",
        "request_id": "r-1",
        "model": "runway/gen4_turbo",
        "prompt": "a fox in snow",
        "media_type": "video",
        "parameters": {"duration": 5},
        "timestamp": "2026-11-21T09:30:00Z",
        "timeout": 600,
        "callback_url": "https://example.com/done",
    }

    assert migrate(old) == {
        "schema_version": "2.0",
        "request_id": "r-1",
        "provider": "runway",
        "model": "gen4_turbo",
        "prompt": "a fox in snow",
        "media_type": "video",
        "parameters": {"duration": 5},
        "metadata": {},
        "timestamp": "2026-11-21T09:30:00Z",
        "timeout": 600,
        "retry_config": None,
        "callback_url": "https://example.com/done",
    }


def test_a_failed_response_goes_back_to_1_0_as_it_was_then() -> None:
    """The error is a string, the names are one, and there is no metadata."""
    response = {
        "schema_version": "2.0",
        "provider": "replicate",
        "model": "black-forest-labs/flux",
        "status": "failed",
        "error": {
            "code": "RATE_LIMIT_EXCEEDED",
            "message": "slow down",
            "retryable": True,
            "retry_after": 3,
        },
        "metadata": {"scene": 7},
    }

    assert migrate(response, to_version="1.0") == {
        "schema_version": "1.0",
        "model": "replicate/black-forest-labs/flux",
        "status": "failed",
        "error": "RATE_LIMIT_EXCEEDED: slow down",
    }


def test_an_error_string_becomes_an_object() -> None:
    """Its code is understood, and with it whether trying again may help."""
    old = {"schema_version": "1.1", "status": "failed", "error": "TIMEOUT: no answer in 30 s"}

    assert migrate(old)["error"] == {
        "code": "TIMEOUT",
        "message": "no answer in 30 s",
        "retryable": True,
    }


def test_an_error_string_without_a_code_of_ours_is_kept_whole() -> None:
    """`HTTP: ...` is a message, not one of the codes."""
    old = {"schema_version": "1.0", "status": "failed", "error": "HTTP: teapot"}

    assert migrate(old)["error"] == {
        "code": "UNKNOWN_ERROR",
        "message": "HTTP: teapot",
        "retryable": False,
    }


def test_fields_come_out_in_the_order_of_the_contract() -> None:
    """So that a migrated file reads like the documentation."""
    scrambled = {"media_type": "text", "model": "a/b", "schema_version": "1.0", "prompt": "hi"}

    assert list(migrate(scrambled)) == [
        "schema_version",
        "provider",
        "model",
        "prompt",
        "media_type",
        "metadata",
        "retry_config",
    ]


# --- laws -------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("version", OLD)
@given(data=st.data())
def test_forward_and_back_is_the_same_document_to_the_letter(
    version: Version, kind: Kind, data: st.DataObject
) -> None:
    """Nothing that an older version says is lost in a newer one."""
    old = data.draw(documents(version, kind))

    for newer in VERSIONS[VERSIONS.index(version) :]:
        assert migrate(migrate(old, kind, newer), kind, version) == old


@pytest.mark.parametrize("kind", BOTH)
@pytest.mark.parametrize("version", OLD)
@given(data=st.data())
def test_back_and_forward_keeps_all_that_the_older_version_can_say(
    version: Version, kind: Kind, data: st.DataObject
) -> None:
    """What is lost is exactly what the module lists: nothing else changes its meaning."""
    current = data.draw(documents(CURRENT, kind))

    returned = read(migrate(migrate(current, kind, version), kind, CURRENT), kind)

    assert returned == expressible(read(current, kind), version)


def expressible(envelope: Any, version: Version) -> Any:
    """What a current envelope says in an older version's words."""
    said: dict[str, Any] = {}
    if version == "1.0":
        said["metadata"] = {}
        if "retry_config" in type(envelope).model_fields:
            said["retry_config"] = None
    error = getattr(envelope, "error", None)
    if error is not None:
        said["error"] = UnifiedError(
            code=error.code,
            message=error.message,
            retryable=error.code in RETRYABLE_CODES,
        )
    return envelope.model_copy(update=said)


RETRYABLE_CODES = {"RATE_LIMIT_EXCEEDED", "TIMEOUT", "NETWORK_ERROR", "STORAGE_ERROR"}


@pytest.mark.parametrize("kind", BOTH)
@given(data=st.data())
def test_whatever_is_migrated_is_valid_in_its_new_version(kind: Kind, data: st.DataObject) -> None:
    """From any version to any other."""
    start = data.draw(st.sampled_from(VERSIONS))
    goal = data.draw(st.sampled_from(VERSIONS))
    document = data.draw(documents(start, kind))

    moved = migrate(document, kind, goal)

    assert moved["schema_version"] == goal
    read(moved, kind)


@given(st.sampled_from(VERSIONS), st.data())
def test_a_migration_leaves_the_document_it_was_given_alone(
    goal: Version, data: st.DataObject
) -> None:
    """It is a function, not a change."""
    document = data.draw(requests("1.1") | responses("2.0"))
    before = copy.deepcopy(document)

    migrate(document, to_version=goal)

    assert document == before


@given(st.sampled_from(VERSIONS), st.data())
def test_the_kind_is_seen_from_the_fields(goal: Version, data: st.DataObject) -> None:
    """Nobody has to say whether a valid document is a request or a response."""
    kind = data.draw(st.sampled_from(BOTH))
    document = data.draw(documents(data.draw(st.sampled_from(VERSIONS)), kind))

    assert migrate(document, to_version=goal) == migrate(document, kind, goal)


@pytest.mark.parametrize("kind", BOTH)
def test_every_version_leads_to_every_other(kind: Kind) -> None:
    """By the fewest hops that the table allows, each from where the last one ended."""
    for start in VERSIONS:
        for goal in VERSIONS:
            hops = way(kind, start, goal)
            assert len(hops) == abs(VERSIONS.index(start) - VERSIONS.index(goal))
            stops = [start, *(version for version, _ in hops)]
            assert stops[-1] == goal
            assert all(
                HOPS[kind][pair] is hop
                for pair, (_, hop) in zip(pairwise(stops), hops, strict=True)
            )


# --- what is refused --------------------------------------------------------------------------


@given(json_values, st.none() | st.sampled_from(BOTH), st.sampled_from(VERSIONS))
def test_arbitrary_json_is_refused_and_nothing_else_happens(
    anything: Any, kind: Kind | None, goal: Version
) -> None:
    """Whatever is sent, the only exception is ours."""
    with pytest.raises(InvalidRequest):
        migrate(anything, kind, goal)


@given(st.data())
def test_nearly_valid_documents_are_refused_or_migrated(data: st.DataObject) -> None:
    """With any field replaced by anything, `InvalidRequest` is the worst that happens."""
    version = data.draw(st.sampled_from(VERSIONS))
    kind = data.draw(st.sampled_from(BOTH))
    document = data.draw(documents(version, kind))
    name = data.draw(st.sampled_from(sorted({*document, "provider", "error", "surprise"})))
    document[name] = data.draw(json_values)

    try:
        migrate(document, data.draw(st.none() | st.just(kind)))
    except GenerationError as error:
        assert isinstance(error, InvalidRequest)  # noqa: PT017 - either outcome is right


VALID: dict[str, Any] = {"schema_version": "1.1", "media_type": "text", "prompt": "hi"}


def nested(levels: int) -> Any:
    """Lists in lists."""
    value: Any = 0
    for _ in range(levels):
        value = [value]
    return value


@pytest.mark.parametrize(
    "change",
    [
        {"timeout": 10**400},
        {"timeout": float("nan")},
        {"timeout": True},
        {"timeout": "30"},
        {"timeout": 0},
        {"timestamp": 1_700_000_000},
        {"timestamp": "1700000000"},
        {"timestamp": "2026-11-21"},
        {"timestamp": "2026-11-21T09:30:00"},
        {"timestamp": "0001-01-01T00:00:00+14:00"},
        {"timestamp": "9999-12-31T23:59:59-14:00"},
        {"parameters": {"x": float("inf")}},
        {"parameters": {"deep": nested(100_000)}},
        {"parameters": None},
        {"parameters": []},
        {"metadata": "none"},
        {"model": ""},
        {"model": "/"},
        {"model": "/gpt-5"},
        {"model": 7},
        {"provider": "openai"},
        {"media_type": "smell"},
        {"callback_url": "javascript:alert(1)"},
        {"retry_config": {"max_attempts": 0}},
        {"retry_config": {"attempts": 3}},
        {"retry_config": {"base_delay": 1, "base_delay_ms": 1000}},
        {"request_id": ""},
        {"\ud800": 1},
        {"schema_version": "3.0"},
        {"schema_version": 2.0},
        {"schema_version": None},
        {"schema_version": ["2.0"]},
        {"schema_version": "2.0\n"},
    ],
)
def test_nasty_values_are_refused(change: dict[str, Any]) -> None:
    """Each is a mistake that somebody has made or will try."""
    with pytest.raises(InvalidRequest) as caught:
        migrate({**VALID, **change}, "request")

    assert str(caught.value).encode("utf-8")


@pytest.mark.parametrize(
    "response",
    [
        {"status": "failed"},
        {"status": "success"},
        {"status": "success", "result": {}, "error": "TIMEOUT: x"},
        {"status": "done", "result": {}},
        {"status": "success", "result": []},
        {"status": "success", "result": {}, "cost": "much"},
        {"status": "success", "result": {}, "cost": -1},
        {"status": "success", "result": {}, "cost": True},
        {"status": "success", "result": {}, "processing_time_ms": -1},
        {"status": "failed", "error": {"code": "TIMEOUT", "message": "", "retryable": True}},
    ],
)
def test_responses_that_contradict_themselves_are_refused(response: dict[str, Any]) -> None:
    """A status, and what belongs to it."""
    with pytest.raises(InvalidRequest):
        migrate({"schema_version": "1.1", **response}, "response")


def test_every_mistake_is_named_with_its_path_and_without_its_value() -> None:
    """Values may be prompts; paths are enough to mend a request."""
    with pytest.raises(InvalidRequest) as caught:
        migrate(
            {
                "schema_version": "1.1",
                "media_type": "smell of roses",
                "timeout": -5,
                "retry_config": {"max_attempts": 99},
                "promt": "my secret prompt",
            },
            "request",
        )

    message = str(caught.value)
    paths = [mistake["path"] for mistake in caught.value.details["mistakes"]]
    assert set(paths) == {"media_type", "timeout", "retry_config.max_attempts", "promt"}
    assert all(f"`{path}`" in message for path in paths)
    assert "did you mean `prompt`" in message
    assert "schemas/envelope-1.1.request.json" in message
    assert "secret" not in message
    assert "roses" not in message


def test_a_field_of_another_version_is_explained() -> None:
    """`metadata` in 1.0 is not a misspelling: it came later."""
    with pytest.raises(InvalidRequest, match=r"`metadata`: .*version 1\.1 has it"):
        migrate({**VALID, "schema_version": "1.0", "metadata": {}})


def test_an_unknown_version_is_named_with_those_that_are_known() -> None:
    """So that the next try can be right."""
    with pytest.raises(InvalidRequest, match=r'`3\.1`.*"1\.0", "1\.1", "2\.0"'):
        migrate({**VALID, "schema_version": "3.1"})
    with pytest.raises(InvalidRequest, match=r"the version to migrate to is `9`"):
        migrate(VALID, to_version="9")


def test_a_document_that_could_be_both_has_no_kind() -> None:
    """Then its kind has to be said."""
    with pytest.raises(InvalidRequest, match="fields of both"):
        migrate({**VALID, "status": "success"})
    with pytest.raises(InvalidRequest, match="no field of either"):
        migrate({"schema_version": "2.0", "request_id": "r"})


@pytest.mark.parametrize("document", [None, [], "{}", 3, True, 1.5])
def test_an_envelope_is_an_object(document: Any) -> None:
    """And the message says what was given instead."""
    with pytest.raises(InvalidRequest, match="an envelope is a JSON object"):
        migrate(document)


def test_times_are_kept_in_utc_and_inside_of_the_calendar() -> None:
    """A zone is needed; what has no place in the calendar in UTC is refused by validation."""
    facts: dict[str, Any] = {"media_type": "text", "prompt": "hi"}
    request = UnifiedRequest.model_validate(facts | {"timestamp": "2026-11-21T09:30:00+02:00"})

    assert json.loads(request.model_dump_json())["timestamp"] == "2026-11-21T07:30:00Z"
    for odd in ("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", datetime(2026, 1, 1)):  # noqa: DTZ001 - without a zone on purpose
        with pytest.raises(ValidationError):
            UnifiedRequest.model_validate(facts | {"timestamp": odd})


# --- with callers -----------------------------------------------------------------------------


@given(st.data())
def test_a_caller_is_answered_in_the_version_that_was_asked_in(data: st.DataObject) -> None:
    """In by `read_request`, out by `write_response`."""
    version = data.draw(st.sampled_from(VERSIONS))
    request, asked_in = read_request(data.draw(requests(version)))
    response = UnifiedResponse(
        request_id=request.request_id,
        provider="echo",
        model="hello",
        status="success",
        result={"text": "hi"},
    )

    written = write_response(response, asked_in)

    assert written["schema_version"] == version
    read(json.loads(json.dumps(written)), "response")
    assert written["model"] == ("hello" if version == "2.0" else "echo/hello")


def test_a_caller_who_names_no_version_means_the_current_one() -> None:
    """As the contract's default says; a file to migrate has to name it."""
    document = {"media_type": "text", "prompt": "hi"}

    request, version = read_request(document)

    assert version == CURRENT
    assert request.prompt == "hi"
    with pytest.raises(InvalidRequest, match="`schema_version` is missing"):
        migrate(document)
