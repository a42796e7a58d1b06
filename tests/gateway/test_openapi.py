"""The description is complete, and everything that is answered is as it says.

`make fuzz` asks the same of thousands of requests made up by schemathesis.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import pytest
from hypothesis import HealthCheck, given, settings as examples, strategies as st
from jsonschema import Draft202012Validator

from anymedia.gateway.app import dialects
from tests.gateway.serving import ADMIN, Running, serving, settings

METHODS = ("get", "post", "put", "patch", "delete")
JSON = "application/json"
DIALECTS = {"/api/": "problem", "/v1/messages": "anthropic", "/v1/": "openai"}


class Operation(NamedTuple):
    """One operation of the description."""

    method: str
    path: str
    said: dict[str, Any]

    def __repr__(self) -> str:
        return f"{self.method.upper()} {self.path}"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A gateway with keys that takes no large bodies and does not wait for media."""
    said = settings(admin=True, max_body_bytes=50_000, wait_seconds=0)
    with serving(tmp_path_factory.mktemp("described"), said) as running:
        yield running


@pytest.fixture(scope="module")
def described(running: Running) -> dict[str, Any]:
    """The description, as it is served."""
    with running.caller(ADMIN) as admin:
        found: dict[str, Any] = admin.get("/openapi.json").json()
    return found


@pytest.fixture(scope="module")
def admin(running: Running) -> Iterator[httpx.Client]:
    """The operator."""
    with running.caller(ADMIN) as admin:
        yield admin


def operations(described: dict[str, Any]) -> list[Operation]:
    """All of them."""
    return [
        Operation(method, path, said)
        for path, found in described["paths"].items()
        for method, said in found.items()
        if method in METHODS
    ]


def resolved(described: dict[str, Any], said: dict[str, Any]) -> dict[str, Any]:
    """What a reference leads to."""
    while "$ref" in said:
        found: Any = described
        for step in said["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        said = found
    return said


@cache
def validator(document: str) -> Draft202012Validator:
    """Checks values against a schema of the description."""
    return Draft202012Validator(json.loads(document))


def mistakes(described: dict[str, Any], operation: Operation, answer: httpx.Response) -> list[str]:
    """What of an answer is not as its operation says."""
    answers = operation.said["responses"]
    status = str(answer.status_code)
    if status not in answers:
        return [f"status {status} is not described: {answer.text[:200]}"]
    said = resolved(described, answers[status])
    missing = [
        name
        for name in resolved(described, said).get("headers", {})
        if name == "X-Request-Id" and name.lower() not in answer.headers
    ]
    if missing:
        return [f"no header {missing}"]
    contents = said.get("content")
    if contents is None:
        return [] if not answer.content else [f"{status} has a body"]
    kind = answer.headers["content-type"].partition(";")[0]
    fitting = (kind, f"{kind.partition('/')[0]}/*", "*/*")
    found = next((contents[one] for one in fitting if one in contents), None)
    if found is None:
        return [f"{status} is of type {kind}, not one of {list(contents)}"]
    if not kind.endswith("json"):
        return []
    schema = {**found.get("schema", {}), "components": described["components"]}
    checks = validator(json.dumps(schema))
    return [f"{one.json_path}: {one.message[:200]}" for one in checks.iter_errors(answer.json())]


# --- it is complete -------------------------------------------------------------------------


def test_every_operation_says_what_it_is_for_under_a_name_of_its_own(
    described: dict[str, Any],
) -> None:
    """In 3.1, with a summary, an id, tags, and who may."""
    found = operations(described)
    assert described["openapi"].startswith("3.1.")
    assert described["info"]["description"]
    assert len({one.said["operationId"] for one in found}) == len(found) > 80
    assert not [one for one in found if not (one.said.get("summary") and one.said.get("tags"))]
    assert not [one for one in found if "security" not in one.said]
    schemes = described["components"]["securitySchemes"].keys()
    assert {name for one in found for scheme in one.said["security"] for name in scheme} == schemes


def test_every_route_of_a_dialect_is_described_by_its_folder(
    running: Running, described: dict[str, Any]
) -> None:
    """A route without a description would be one that nobody finds."""
    plain, _ = dialects(running.gateway)
    served = {(m, one.path_format) for one in plain for m in (one.methods or set()) - {"HEAD"}}
    known = {(one.method.upper(), one.path) for one in operations(described)}
    assert served <= known
    assert not [one for one in operations(described) if "describes it" in one.said["summary"]]


def test_every_operation_says_how_it_refuses(described: dict[str, Any]) -> None:
    """By status, in the words of its path, each with an example; nothing goes without saying."""
    for one in operations(described):
        answers = one.said["responses"]
        assert "default" not in answers, one
        # What is never there says so and nothing else.
        assert any(status.startswith("2") for status in answers) or "404" in answers, one
        needed = {"500"} | ({"401", "403"} if one.said["security"] else set())
        needed |= {"413", "408"} if "requestBody" in one.said else set()
        assert needed <= answers.keys(), one
        for status, answer in answers.items():
            if status >= "400":
                content = resolved(described, answer).get("content", {})
                assert content, (one, status)
                assert all("schema" in kind for kind in content.values()), (one, status)


def test_every_example_is_as_its_schema_says(described: dict[str, Any]) -> None:
    """Of bodies and of refusals."""
    checked = 0
    for one in operations(described):
        contents = list(one.said.get("requestBody", {}).get("content", {}).values())
        for answer in one.said["responses"].values():
            contents += resolved(described, answer).get("content", {}).values()
        for content in contents:
            if "example" in content:
                schema = {**content["schema"], "components": described["components"]}
                found = list(validator(json.dumps(schema)).iter_errors(content["example"]))
                assert not found, (one, found[0].message[:300])
                checked += 1
    assert checked > 200


def test_a_body_in_json_has_an_example(described: dict[str, Any]) -> None:
    """Of our own all, so that `/docs` can be tried out."""
    for one in operations(described):
        content = one.said.get("requestBody", {}).get("content", {}).get(JSON)
        if content is not None and one.path.startswith("/api/"):
            assert "example" in content, one


def test_the_page_for_people_needs_nothing_from_elsewhere(
    running: Running, described: dict[str, Any]
) -> None:
    """Every operation is on it, and no program, picture or style that is not ours."""
    with running.caller() as anyone:
        answer = anyone.get("/docs")
    assert answer.headers["content-type"].startswith("text/html")
    assert answer.headers["content-security-policy"].startswith("default-src 'none'; style-src")
    assert not re.findall(r"<script|<link|<img|src=|@import|url\(", answer.text)
    assert set(re.findall(r'href="([^"]*)"', answer.text)) == {"/openapi.json"}
    for one in operations(described):
        assert f'id="{one.said["operationId"]}"' in answer.text


# --- it is true -----------------------------------------------------------------------------


def test_examples_work_as_they_stand(admin: httpx.Client, described: dict[str, Any]) -> None:
    """With the built-in provider, and answered as described."""
    worked = 0
    for one in operations(described):
        content = one.said.get("requestBody", {}).get("content", {}).get(JSON, {})
        if one.method != "post" or "{" in one.path or "example" not in content:
            continue
        answer = admin.post(one.path, json=content["example"], headers={"Prefer": "wait=0"})
        assert mistakes(described, one, answer) == [], one
        assert answer.status_code < 300, (one, answer.text[:300])
        worked += 1
    assert worked >= 14


def test_what_is_looked_at_is_as_described(admin: httpx.Client, described: dict[str, Any]) -> None:
    """Every GET that needs nothing to be there, and that finds nothing where it does."""
    ids = {"job_id": "job_none", "artifact_id": "art_none", "batch_id": "batch_none"}
    ids |= {"key_id": "key_none", "message_id": "msg_none", "name": "none", "id": "none"}
    for one in operations(described):
        if one.method == "get":
            answer = admin.get(one.path.format_map(ids))
            assert mistakes(described, one, answer) == [], one
            expected = {404} if "{" in one.path else {200}
            assert answer.status_code in expected, (one, answer.text[:200])


@pytest.mark.parametrize("bad", ["stranger", "huge", "text", "nothing", "list", "none"])
def test_what_is_refused_is_told_as_described(
    running: Running, described: dict[str, Any], bad: str
) -> None:
    """Without a key, too large, of another type, empty, no object: in each dialect's words."""
    expected = {"stranger": 401, "huge": 413, "text": 415}
    with running.caller("am_nobody" if bad == "stranger" else ADMIN) as caller:
        for one in operations(described):
            if "requestBody" not in one.said or one.path.startswith("/webhooks/"):
                continue
            json_only = list(one.said["requestBody"]["content"]) == [JSON]
            if not json_only:
                continue
            path = one.path.format_map(dict.fromkeys(PLACES, "none"))
            body = {"huge": b'"' + b"x" * 60_000 + b'"', "list": b"[]", "none": b""}.get(bad, b"{}")
            kind = "text/plain" if bad == "text" else JSON
            answer = caller.request(one.method, path, content=body, headers={"content-type": kind})
            assert mistakes(described, one, answer) == [], one
            assert answer.status_code == expected.get(bad, answer.status_code), one


PLACES = ("job_id", "artifact_id", "batch_id", "key_id", "message_id", "name", "id")


def test_a_method_that_a_path_does_not_take_is_refused_with_those_it_takes(
    admin: httpx.Client, described: dict[str, Any]
) -> None:
    """In the words of the path, whichever of our routers serves it."""
    for path, found in described["paths"].items():
        asked = path.format_map(dict.fromkeys((*PLACES, "provider", "token"), "none"))
        answer = admin.request("TRACE", asked)
        assert answer.status_code == 405, path
        taken = {one.upper() for one in found if one in METHODS}
        assert set(answer.headers["allow"].split(", ")) - {"HEAD"} == taken, path
        assert ("error" in answer.json()) is path.startswith("/v1/"), path


# --- made-up requests -----------------------------------------------------------------------

ASKED = (
    *("/api/ai/text", "/api/estimate", "/api/webhooks/secret/rotate", "/api/keys"),
    *("/v1/chat/completions", "/v1/messages", "/v1/embeddings"),
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["", "9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00", "\x00", "🦊"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)


@st.composite
def changed(draw: st.DrawFn, described: dict[str, Any]) -> tuple[Operation, dict[str, Any]]:
    """An operation, and its example with something in it that may make no sense."""
    path = draw(st.sampled_from(ASKED))
    one = Operation("post", path, described["paths"][path]["post"])
    content = one.said["requestBody"]["content"][JSON]
    body = dict(content["example"])
    schema = resolved(described, content["schema"])
    names = sorted({*body, *schema.get("properties", {})} - {"timeout", "timeout_seconds"})
    for name in draw(st.lists(st.sampled_from(names) if names else st.nothing(), max_size=3)):
        body[name] = draw(VALUES)
    if draw(st.booleans()):
        body.pop(draw(st.sampled_from(sorted(body))), None)
    return one, body


@examples(
    max_examples=120,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
@given(data=st.data())
def test_whatever_is_sent_is_answered_as_described(
    admin: httpx.Client, described: dict[str, Any], data: st.DataObject
) -> None:
    """Never with a fault of ours, never with what is not described."""
    one, body = data.draw(changed(described))
    sent = json.dumps(body).encode()
    answer = admin.post(one.path, content=sent, headers={"content-type": JSON})
    assert answer.status_code not in {500, 502, 503}, answer.text
    if answer.headers["content-type"].startswith("text/event-stream"):
        return
    assert mistakes(described, one, answer) == []


def test_a_time_beyond_all_calendars_is_refused_before_it_is_kept(
    running: Running, tmp_path: Path
) -> None:
    """Once written down, no list that it is in could be read again."""
    with running.caller(ADMIN) as admin:
        for when in ("9999-12-31T23:59:59-12:00", "0001-01-01T00:00:00+12:00"):
            job = {"prompt": "a fox", "not_before": when}
            assert admin.post("/api/ai/image", json=job).status_code == 400
            key = {"name": "a team", "expires_at": when}
            assert admin.post("/api/keys", json=key).status_code == 400
        assert admin.get("/api/jobs").status_code == 200
        assert admin.get("/api/keys").status_code == 200
