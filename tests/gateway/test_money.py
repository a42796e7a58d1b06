"""The bill over HTTP: narrowed, as JSON or CSV, with units, quality and a replay."""

from __future__ import annotations

import csv
import io

import httpx

from tests.gateway.serving import Running


def test_costs_are_narrowed_and_told_as_json_or_csv(anyone: httpx.Client) -> None:
    """By `Accept` or by `format`; the total is the last line."""
    for tag in ("film", "=evil()"):
        asked = {"prompt": "hi", "tags": [tag], "options": {"cost": "0.25"}}
        assert anyone.post("/api/ai/text", json=asked).status_code == 200
    found = anyone.get("/api/costs", params={"by": "tag", "tag": "film"}).json()
    assert (found["total"]["amount"], found["tag"], found["time_zone"]) == ("0.25", "film", "UTC")
    by_accept = anyone.get("/api/costs?by=tag", headers={"accept": "text/csv"})
    by_format = anyone.get("/api/costs?by=tag&format=csv")
    assert by_accept.headers["content-type"].startswith("text/csv")
    assert by_accept.text == by_format.text
    lines = list(csv.DictReader(io.StringIO(by_format.text)))
    assert lines[-1]["tag"] == "total"
    assert {"film", "'=evil()"} <= {line["tag"] for line in lines}, "no spreadsheet runs a tag"


def test_units_quality_and_a_replay_can_be_asked_for(anyone: httpx.Client) -> None:
    """What was used, how well, and what it would have cost."""
    assert anyone.post("/api/ai/speech", json={"text": "Good morning."}).status_code == 200
    used = anyone.get("/api/usage", params={"by": "media", "media": "speech"}).json()
    assert used["total"]["characters"] == len("Good morning.")
    assert used["total"]["requests"] == 1
    (line,) = anyone.get("/api/quality", params={"media": "speech"}).json()["lines"]
    assert (line["attempts"], line["completion_rate"]) == (1, 1.0)
    replay = anyone.get("/api/costs/replay?strategy=cost&strategy=latency").json()
    assert [one["name"] for one in replay["plans"]][:2] == ["cost", "latency"]


def test_what_cannot_be_asked_is_a_400_or_422(anyone: httpx.Client) -> None:
    """Never a 500."""
    for query in (
        "/api/costs?time_zone=Mars",
        "/api/costs?media=smell",
        "/api/costs?format=xml",
        "/api/costs/replay?strategy=luck",
        "/api/quality?since=yesterday",
        "/api/usage?by=colour",
    ):
        assert anyone.get(query).status_code in {400, 422}, query


def test_a_key_sees_its_own_quality_only(keyed_gateway: Running) -> None:
    """As with costs."""
    _, secret = keyed_gateway.key()
    _, other = keyed_gateway.key()
    with keyed_gateway.caller(secret) as caller:
        caller.post("/api/ai/text", json={"prompt": "hi"})
        assert len(caller.get("/api/quality").json()["lines"]) == 1
    with keyed_gateway.caller(other) as caller:
        assert caller.get("/api/quality", params={"key": "local"}).json()["lines"] == []
        assert caller.get("/api/costs/replay").json()["requests"] == 0
