"""Batches as Anthropic's client handles them, whoever answers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import anthropic
import httpx
import pytest
from anthropic import Anthropic
from anthropic.types.messages import MessageBatch
from tests.support.batching import MOST_BYTES, Site, ended, site

HERE, THERE = "echo/hello", "anthropic/claude-haiku-5-5"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With keys, and doubles of OpenAI and Anthropic behind it."""
    with site(tmp_path_factory.mktemp("batches")) as found:
        yield found


@pytest.fixture
def client(gateway: Site) -> Iterator[Anthropic]:
    """The official client, with a key of its own."""
    with client_of(gateway) as found:
        yield found


def client_of(gateway: Site, **rights: Any) -> Anthropic:
    """The official client of somebody else."""
    return Anthropic(api_key=gateway.key(**rights), base_url=gateway.url, max_retries=0)


def asked(name: str, model: str = HERE, **params: Any) -> Any:
    """One message."""
    said = {"model": model, "max_tokens": 100}
    return {
        "custom_id": name,
        "params": {**said, "messages": [{"role": "user", "content": f"Say {name}"}], **params},
    }


def over(client: Anthropic, batch: MessageBatch) -> MessageBatch:
    """At its end."""
    return ended(
        lambda: client.messages.batches.retrieve(batch.id),
        lambda one: one.processing_status == "ended",
    )


def results(client: Anthropic, batch: MessageBatch) -> dict[str, Any]:
    """What became of each message."""
    return {one.custom_id: one.result for one in client.messages.batches.results(batch.id)}


def test_every_message_is_answered(client: Anthropic) -> None:
    """By a provider without a batch API; the batch says all that the client's type has."""
    batch = client.messages.batches.create(requests=[asked("a"), asked("b"), asked("c")])
    assert batch.id.startswith("msgbatch_")
    assert (batch.expires_at - batch.created_at).total_seconds() == 86_400
    batch = over(client, batch)
    assert batch.ended_at is not None
    assert batch.cancel_initiated_at is None
    counts = batch.request_counts
    assert (counts.processing, counts.succeeded, counts.errored) == (0, 3, 0)
    found = results(client, batch)
    assert list(found) == ["a", "b", "c"]
    assert found["b"].type == "succeeded"
    assert found["b"].message.content[0].text.endswith("b")
    assert found["b"].message.stop_reason == "end_turn"


@pytest.mark.parametrize(("model", "name"), [(THERE, "anthropic"), ("openai/gpt-6-luna", "openai")])
def test_a_provider_with_a_batch_api_is_asked_through_it(
    gateway: Site, client: Anthropic, model: str, name: str
) -> None:
    """At half the price, which the batch and every answer tell."""
    alone = client.messages.create(
        model=model, max_tokens=100, messages=[{"role": "user", "content": "Say c"}]
    )
    full = Decimal(str(alone.usage.cost))  # type: ignore[attr-defined]  # ours beside Anthropic's
    before, orders = gateway.charged(name), len(gateway.doubles[name].batches.orders)
    wanted = [asked(one, model) for one in "abcde"]
    batch = over(client, client.messages.batches.create(requests=wanted))
    assert len(gateway.doubles[name].batches.orders) == orders + 1
    found = results(client, batch)
    assert {one.type for one in found.values()} == {"succeeded"}
    costs = {one: Decimal(str(found[one].message.usage.cost)) for one in found}
    assert costs["c"] == full / 2
    assert sum(costs.values()) == gateway.charged(name) - before
    assert batch.cost == pytest.approx(float(sum(costs.values())))  # type: ignore[attr-defined]  # as above


def test_what_is_wrong_with_a_message_is_its_result(client: Anthropic) -> None:
    """The others are answered all the same; also where all are wrong."""
    wrong = {
        "stream": asked("stream", stream=True),
        "model": asked("model", "nobody/none"),
        "field": asked("field", colour="red"),
        "type": asked("type", temperature="hot"),
        "late": asked("late", anymedia={"options": {"fail": "moderation"}}),
    }
    for good in ([asked("good")], []):
        batch = client.messages.batches.create(requests=[*good, *wrong.values()])
        batch = over(client, batch)
        counts = batch.request_counts
        assert (counts.succeeded, counts.errored) == (len(good), len(wrong))
        found = results(client, batch)
        assert set(found) == {*wrong, *(one["custom_id"] for one in good)}
        for name in wrong:
            assert found[name].type == "errored"
            assert found[name].error.error.message
        assert found["field"].error.error.type == "invalid_request_error"
        assert "`colour`" in found["field"].error.error.message


def test_what_is_wrong_with_the_batch_itself_is_refused(gateway: Site, client: Anthropic) -> None:
    """Names that are none or come twice, and whatever is no list of messages."""
    cases: list[tuple[Any, str]] = [
        ([asked("a"), asked("a")], "same"),
        ([asked("a b")], "custom_id"),
        ([asked("a" * 65)], "custom_id"),
        ([], "at least one"),
        ([{"custom_id": "a"}], "params"),
        ([{**asked("a"), "colour": "red"}], "colour"),
    ]
    for requests, words in cases:
        with pytest.raises(anthropic.BadRequestError, match=words):
            client.messages.batches.create(requests=requests)
    head = {"x-api-key": str(client.api_key), "content-type": "application/json"}
    with httpx.Client(base_url=gateway.url, headers=head, timeout=60) as raw:
        for body in (
            b"",
            b"[]",
            b"{}",
            b'{"requests": 7}',
            b'{"requests": [7]}',
            b'{"requests": [{"custom_id": "a", "params": 7}], "colour": 1}',
            b'{"requests": [{"custom_id": "a", "params": {}}], "anymedia": 7}',
            b"[" * 50_000,
            b'{"requests": [{"custom_id": "a", "params": ' + b"[" * 50_000 + b"]" * 50_000 + b"}]}",
            b'{"requests": "\xff"}',
        ):
            answer = raw.post("/v1/messages/batches", content=body)
            assert answer.status_code == 400, (body[:60], answer.text)
            assert answer.json()["error"]["type"] == "invalid_request_error"
        large = raw.post("/v1/messages/batches", content=b"x" * (MOST_BYTES + 1))
        assert large.status_code == 413
    assert list(client.messages.batches.list()) == []


def test_params_that_are_no_object_are_the_messages_mistake(client: Anthropic) -> None:
    """As with any other mistake in them."""
    batch = client.messages.batches.create(requests=[{"custom_id": "a", "params": 7}])  # type: ignore[typeddict-item]  # that is the point
    assert results(client, over(client, batch))["a"].type == "errored"


def test_a_batch_is_cancelled_in_the_middle(client: Anthropic) -> None:
    """What was answered by then stands in the results beside what was not."""
    slow = [
        asked(f"m{n}", anymedia={"options": {"delay_seconds": 0.3 if n else 0.0}})
        for n in range(20)
    ]
    one = {"anymedia": {"concurrency": 1}}
    batch = client.messages.batches.create(requests=slow, extra_body=one)
    assert batch.request_counts.processing == 20
    with pytest.raises(anthropic.AnthropicError, match="results_url"):
        client.messages.batches.results(batch.id)
    with pytest.raises(anthropic.BadRequestError, match="not ended"):
        client.messages.batches.delete(batch.id)
    stopped = client.messages.batches.cancel(batch.id)
    assert stopped.processing_status in {"canceling", "ended"}
    assert stopped.cancel_initiated_at is not None
    batch = over(client, batch)
    counts = batch.request_counts
    assert counts.canceled + counts.succeeded == 20
    assert counts.canceled >= 15
    found = results(client, batch)
    assert sum(one.type == "canceled" for one in found.values()) == counts.canceled
    with pytest.raises(anthropic.BadRequestError, match="ended"):
        client.messages.batches.cancel(batch.id)


def test_messages_that_the_providers_day_did_not_reach_have_expired(
    gateway: Site, client: Anthropic
) -> None:
    """In the counts as in the results."""
    gateway.doubles["anthropic"].batches.most = 1
    try:
        wanted = [asked(one, THERE) for one in "abc"]
        batch = over(client, client.messages.batches.create(requests=wanted))
    finally:
        gateway.doubles["anthropic"].batches.most = None
    assert (batch.request_counts.succeeded, batch.request_counts.expired) == (1, 2)
    assert [one.type for one in results(client, batch).values()].count("expired") == 2


def test_batches_are_listed_in_both_directions(client: Anthropic) -> None:
    """The newest first; those that were handed in in other words are not among them."""
    made = [client.messages.batches.create(requests=[asked("a")]).id for _ in range(5)][::-1]
    url = str(client.base_url).rstrip("/") + "/api/batches"
    body = {"requests": [{"custom_id": "a", "media_type": "text", "prompt": "hi"}]}
    assert (
        httpx.post(
            url, json=body, headers={"x-api-key": str(client.api_key)}, timeout=60
        ).status_code
        == 202
    )
    listed = client.messages.batches.list
    assert [one.id for one in listed(limit=2)] == made
    page = listed(limit=2)
    assert ([one.id for one in page.data], page.has_more) == (made[:2], True)
    assert [one.id for one in listed(after_id=made[2], limit=2).data] == made[3:]
    assert [one.id for one in listed(before_id=made[3], limit=2).data] == made[1:3]
    assert [one.id for one in listed(before_id=made[1], limit=2).data] == made[:1]
    for wrong in ({"limit": 0}, {"limit": 1001}, {"after_id": made[0], "before_id": made[1]}):
        with pytest.raises(anthropic.BadRequestError):
            listed(**wrong)
    with pytest.raises(anthropic.NotFoundError):
        listed(after_id="msgbatch_none")


def test_batches_belong_to_their_key(gateway: Site, client: Anthropic) -> None:
    """For everybody else they are not there."""
    batch = over(client, client.messages.batches.create(requests=[asked("a")]))
    with client_of(gateway) as stranger:
        theirs = stranger.messages.batches
        for ask in (theirs.retrieve, theirs.cancel, theirs.delete):
            with pytest.raises(anthropic.NotFoundError):
                ask(batch.id)
        assert list(theirs.list()) == []
        with pytest.raises(anthropic.NotFoundError):
            theirs.list(after_id=batch.id)
        head = {"x-api-key": str(stranger.api_key)}
        assert httpx.get(str(batch.results_url), headers=head, timeout=60).status_code == 404
    told = pytest.raises(anthropic.PermissionDeniedError)
    with client_of(gateway, scopes=["costs"]) as reader, told:
        reader.messages.batches.create(requests=[asked("a")])
    with client_of(gateway, models=["openai/*"]) as bound:
        refused = over(bound, bound.messages.batches.create(requests=[asked("a")]))
        assert "may not ask" in results(bound, refused)["a"].error.error.message
    assert results(client, batch)


def test_a_batch_that_has_ended_can_be_removed(client: Anthropic) -> None:
    """Then it is not there any more."""
    batch = over(client, client.messages.batches.create(requests=[asked("a")]))
    assert client.messages.batches.delete(batch.id).id == batch.id
    with pytest.raises(anthropic.NotFoundError):
        client.messages.batches.retrieve(batch.id)
    assert list(client.messages.batches.list()) == []


def test_handing_in_again_under_a_key_is_the_same_batch(client: Anthropic) -> None:
    """Something else under it is a conflict."""
    once = {"Idempotency-Key": "once"}
    create = client.messages.batches.create
    first = create(requests=[asked("a")], extra_headers=once)
    assert create(requests=[asked("a")], extra_headers=once).id == first.id
    with pytest.raises(anthropic.ConflictError):
        create(requests=[asked("b")], extra_headers=once)


def test_betas_go_along_where_they_are_understood(gateway: Site, client: Anthropic) -> None:
    """A message with one cannot go through the provider's batch API, and is asked alone."""
    orders = len(gateway.doubles["anthropic"].batches.orders)
    beta = {"anthropic-beta": "some-beta-2026-01-01"}
    batch = client.messages.batches.create(requests=[asked("a", THERE)], extra_headers=beta)
    found = results(client, over(client, batch))
    assert found["a"].type == "succeeded"
    assert len(gateway.doubles["anthropic"].batches.orders) == orders


def test_results_are_lines(client: Anthropic) -> None:
    """One object each, as the raw client sees them."""
    batch = over(client, client.messages.batches.create(requests=[asked("a"), asked("b")]))
    answer = httpx.get(
        str(batch.results_url), headers={"x-api-key": str(client.api_key)}, timeout=60
    )
    assert answer.headers["content-type"].startswith("application/x-jsonl")
    assert [json.loads(one)["custom_id"] for one in answer.text.splitlines()] == ["a", "b"]
