"""Batches as OpenAI's client handles them, whoever answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from openai.types import Batch
from tests.support.batching import Site, ended, site

CHAT: Any = "/v1/chat/completions"
EMBEDDINGS: Any = "/v1/embeddings"
IMAGES: Any = "/v1/images/generations"
OVER = frozenset({"completed", "failed", "expired", "cancelled"})
HERE, THERE = "echo/hello", "openai/gpt-6-luna"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """With keys, and doubles of OpenAI and Anthropic behind it."""
    with site(tmp_path_factory.mktemp("batches")) as found:
        yield found


@pytest.fixture
def client(gateway: Site) -> Iterator[OpenAI]:
    """The official client, with a key of its own."""
    with client_of(gateway) as found:
        yield found


def client_of(gateway: Site, **rights: Any) -> OpenAI:
    """The official client of somebody else."""
    return OpenAI(api_key=gateway.key(**rights), base_url=f"{gateway.url}/v1", max_retries=0)


def line(number: int, model: str = HERE, url: str = CHAT, **body: Any) -> dict[str, Any]:
    """A question."""
    asked = {"model": model, "messages": [{"role": "user", "content": f"Say {number}"}]}
    if url != CHAT:
        asked = {"model": model}
    return {"custom_id": f"q{number}", "method": "POST", "url": url, "body": {**asked, **body}}


def handed_in(client: OpenAI, lines: list[Any], endpoint: Any = CHAT, **further: Any) -> Batch:
    """A batch of them."""
    text = "\n".join(one if isinstance(one, str) else json.dumps(one) for one in lines)
    file = client.files.create(file=("in.jsonl", text.encode()), purpose="batch")
    return client.batches.create(
        input_file_id=file.id, endpoint=endpoint, completion_window="24h", **further
    )


def over(client: OpenAI, batch: Batch) -> Batch:
    """At its end."""
    return ended(lambda: client.batches.retrieve(batch.id), lambda one: one.status in OVER)


def read(client: OpenAI, file: str | None) -> dict[str, dict[str, Any]]:
    """The lines of an output by their ids."""
    assert file is not None
    lines = [json.loads(one) for one in client.files.content(file).text.splitlines()]
    return {one["custom_id"]: one for one in lines}


def test_answers_come_in_the_order_of_the_questions(client: OpenAI) -> None:
    """By a provider without a batch API; the batch says all that the client's type has."""
    batch = handed_in(client, [line(n) for n in range(4)], metadata={"for": "trial"})
    assert batch.status in {"validating", "in_progress", "completed"}
    assert batch.expires_at == batch.created_at + 86_400
    batch = over(client, batch)
    assert (batch.status, batch.errors, batch.error_file_id) == ("completed", None, None)
    assert batch.completed_at is not None
    assert batch.metadata == {"for": "trial"}
    assert batch.request_counts is not None
    counts = batch.request_counts
    assert (counts.total, counts.completed, counts.failed) == (4, 4, 0)
    found = read(client, batch.output_file_id)
    assert list(found) == ["q0", "q1", "q2", "q3"]
    one = found["q2"]["response"]
    assert (one["status_code"], found["q2"]["error"]) == (200, None)
    assert one["body"]["object"] == "chat.completion"
    assert one["body"]["choices"][0]["message"]["content"].endswith("2")
    kept = client.files.retrieve(str(batch.output_file_id))
    text = client.files.content(str(batch.output_file_id)).content
    assert (kept.purpose, kept.bytes) == ("batch_output", len(text))


@pytest.mark.parametrize(
    ("model", "name"), [(THERE, "openai"), ("anthropic/claude-haiku-5-5", "anthropic")]
)
def test_a_provider_with_a_batch_api_is_asked_through_it(
    gateway: Site, client: OpenAI, model: str, name: str
) -> None:
    """At half the price, which the batch and every answer tell."""
    alone = client.chat.completions.create(
        model=model, messages=[{"role": "user", "content": "Say 3"}], max_completion_tokens=100
    )
    assert alone.usage is not None
    full = Decimal(str(alone.usage.cost))  # type: ignore[attr-defined]  # ours beside OpenAI's
    before, orders = gateway.charged(name), len(gateway.doubles[name].batches.orders)
    asked = [line(n, model, max_completion_tokens=100) for n in range(5)]
    batch = over(client, handed_in(client, asked))
    assert batch.status == "completed"
    assert len(gateway.doubles[name].batches.orders) == orders + 1
    found = read(client, batch.output_file_id)
    bodies = [one["response"]["body"] for one in found.values()]
    assert all(one["model"].startswith(f"{name}/") for one in bodies)
    costs = [Decimal(str(one["usage"]["cost"])) for one in bodies]
    assert costs[3] == full / 2
    assert sum(costs) == gateway.charged(name) - before
    assert batch.cost == pytest.approx(float(sum(costs)))  # type: ignore[attr-defined]  # as above


def test_lines_that_fail_stand_in_a_file_of_their_own(client: OpenAI) -> None:
    """As each would have been answered alone; the others have their answers."""
    bad = line(1, anymedia={"options": {"fail": "moderation"}})
    batch = over(client, handed_in(client, [line(0), bad, line(2)]))
    assert batch.status == "completed"
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 1)
    assert list(read(client, batch.output_file_id)) == ["q0", "q2"]
    failed = read(client, batch.error_file_id)["q1"]
    assert failed["error"] is None
    assert failed["response"]["status_code"] == 400
    assert failed["response"]["body"]["error"]["message"]


def test_mistakes_in_lines_fail_the_batch_with_their_numbers(client: OpenAI) -> None:
    """Nothing is begun; `errors` has each with OpenAI's word for it, where that has one."""
    lines: list[Any] = [
        line(0),
        "nonsense",
        "[]",
        "",
        line(1, url=EMBEDDINGS),
        line(0),
        {**line(2), "method": "GET"},
        {name: value for name, value in line(3).items() if name != "body"},
        {**line(4), "custom_id": 7},
        {**line(5), "colour": "red"},
        line(6, stream=True),
        line(7, colour="red"),
        line(8, model="nobody/none"),
        line(9, temperature="hot"),
    ]
    batch = handed_in(client, lines)
    assert batch.status == "failed"
    assert batch.failed_at is not None
    assert (batch.output_file_id, batch.error_file_id) == (None, None)
    assert batch.errors is not None
    assert batch.errors.data is not None
    found = {one.line: (one.code, one.param) for one in batch.errors.data}
    assert found == {
        2: ("invalid_json_line", None),
        3: ("invalid_json_line", None),
        5: ("url_mismatch", "url"),
        6: ("duplicate_custom_id", "custom_id"),
        7: ("invalid_method", "method"),
        8: ("missing_required_parameter", "body"),
        9: ("missing_required_parameter", "custom_id"),
        10: ("invalid_request", None),
        11: ("invalid_request", "body.stream"),
        12: ("unsupported_parameter", "body.colour"),
        13: ("invalid_request", None),
        14: ("invalid_request", "body.temperature"),
    }
    assert all(one.message for one in batch.errors.data)
    assert client.batches.retrieve(batch.id) == batch
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_a_file_without_lines_fails(client: OpenAI) -> None:
    """And says so."""
    batch = handed_in(client, ["", " ", ""])
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert "no lines" in str(batch.errors.data[0].message)


def test_what_is_wrong_with_the_batch_itself_is_refused(client: OpenAI) -> None:
    """Endpoints, windows and fields that there are not, by their names."""
    file = client.files.create(file=("in.jsonl", json.dumps(line(0)).encode()), purpose="batch")
    good: dict[str, Any] = {
        "input_file_id": file.id,
        "endpoint": CHAT,
        "completion_window": "24h",
    }
    for wrong, words in (
        ({"endpoint": "/v1/responses"}, "endpoint"),
        ({"endpoint": "/v1/moderations"}, "endpoint"),
        ({"completion_window": "soon"}, "completion_window"),
        ({"metadata": {"a": 1}}, "metadata"),
        ({"metadata": {"a": "b" * 513}}, "metadata"),
        ({"metadata": {f"n{n}": "a" for n in range(17)}}, "metadata"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 3600}}, "output_expires"),
        ({"extra_body": {"colour": "red"}}, "colour"),
        ({"extra_body": {"anymedia": {"max_cost": -1}}}, "max_cost"),
        ({"extra_body": {"anymedia": {"on_invalid": "skip"}}}, "on_invalid"),
        ({"extra_headers": {"Idempotency-Key": "a b"}}, "Idempotency-Key"),
    ):
        with pytest.raises(openai.BadRequestError, match=words):
            client.batches.create(**{**good, **wrong})
    with pytest.raises(openai.NotFoundError) as refused:
        client.batches.create(**{**good, "input_file_id": "file-none"})
    assert refused.value.param == "input_file_id"
    assert list(client.batches.list()) == []


def test_the_same_idempotency_key_is_the_same_batch(client: OpenAI) -> None:
    """Something else under it is a conflict."""
    file = client.files.create(file=("in.jsonl", json.dumps(line(0)).encode()), purpose="batch")
    other = client.files.create(file=("in.jsonl", json.dumps(line(1)).encode()), purpose="batch")

    def once(name: str) -> str:
        return client.batches.create(
            input_file_id=name,
            endpoint=CHAT,
            completion_window="24h",
            extra_headers={"Idempotency-Key": "once"},
        ).id

    assert once(file.id) == once(file.id)
    with pytest.raises(openai.ConflictError):
        once(other.id)


def test_a_batch_is_cancelled_in_the_middle(client: OpenAI) -> None:
    """What was answered by then stands in the output, what was not in the errors."""
    slow = [line(n, anymedia={"options": {"delay_seconds": 0.3 if n else 0.0}}) for n in range(20)]
    batch = handed_in(client, slow, extra_body={"anymedia": {"concurrency": 1}})
    begun = ended(
        lambda: client.batches.retrieve(batch.id),
        lambda one: one.request_counts is not None and one.request_counts.completed > 0,
    )
    assert begun.status == "in_progress"
    assert client.batches.cancel(batch.id).status in {"cancelling", "cancelled"}
    batch = over(client, batch)
    assert batch.status == "cancelled"
    assert batch.cancelled_at is not None
    good, bad = read(client, batch.output_file_id), read(client, batch.error_file_id)
    assert len(good) + len(bad) == 20
    assert bad["q19"]["error"]["code"] == "batch_cancelled"
    assert bad["q19"]["response"] is None
    with pytest.raises(openai.ConflictError):
        client.batches.cancel(batch.id)


def test_lines_that_the_providers_day_did_not_reach_have_expired(
    gateway: Site, client: OpenAI
) -> None:
    """They cost nothing, and say so."""
    gateway.doubles["openai"].batches.most = 1
    try:
        batch = over(client, handed_in(client, [line(n, THERE) for n in range(3)]))
    finally:
        gateway.doubles["openai"].batches.most = None
    bad = read(client, batch.error_file_id)
    assert [one["error"]["code"] for one in bad.values()] == ["batch_expired"] * 2
    assert list(read(client, batch.output_file_id)) == ["q0"]


def test_money_that_would_not_do_ends_a_batch(client: OpenAI) -> None:
    """`anymedia` in the body says what OpenAI has no word for."""
    asked = [line(n, THERE) for n in range(3)]
    limit = {"anymedia": {"max_cost": "0.0000001", "tags": ["trial"]}}
    batch = over(client, handed_in(client, asked, extra_body=limit))
    assert batch.status == "failed"
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert batch.errors.data[0].code == "budget_exceeded"
    bad = read(client, batch.error_file_id)
    assert [one["error"]["code"] for one in bad.values()] == ["budget_exceeded"] * 3


def test_vectors_are_made_by_the_batch(client: OpenAI) -> None:
    """As numbers or packed, as each line says."""
    asked = [
        line(0, "echo/vectors", EMBEDDINGS, input=["fox", "snow"]),
        line(1, "echo/vectors", EMBEDDINGS, input="fox", encoding_format="base64"),
    ]
    batch = over(client, handed_in(client, asked, EMBEDDINGS))
    assert batch.status == "completed"
    found = read(client, batch.output_file_id)
    numbers = found["q0"]["response"]["body"]["data"]
    assert len(numbers) == 2
    packed = base64.b64decode(found["q1"]["response"]["body"]["data"][0]["embedding"])
    assert len(packed) == 4 * len(numbers[0]["embedding"])


def test_pictures_are_made_by_the_batch(gateway: Site, client: OpenAI) -> None:
    """Inside the line, or behind a link, as each line says."""
    asked = [
        line(0, "echo/picture", IMAGES, prompt="a fox", size="64x64"),
        line(1, "echo/picture", IMAGES, prompt="a fox", size="64x64", response_format="url"),
    ]
    batch = over(client, handed_in(client, asked, IMAGES))
    assert batch.status == "completed"
    found = read(client, batch.output_file_id)
    inside = found["q0"]["response"]["body"]["data"][0]["b64_json"]
    assert base64.b64decode(inside).startswith(b"\x89PNG")
    link = found["q1"]["response"]["body"]["data"][0]["url"]
    assert link.startswith(gateway.url)
    head = {"Authorization": f"Bearer {client.api_key}"}
    assert httpx.get(link, headers=head, timeout=60).content.startswith(b"\x89PNG")
    for picture in (gateway.data / "artifacts").rglob("*.png"):
        picture.unlink()
    found = read(client, batch.output_file_id)
    assert found["q0"]["error"]["code"] == "not_found"
    assert found["q1"]["response"]["body"]["data"][0]["url"] == link


def test_batches_are_listed_page_by_page(client: OpenAI) -> None:
    """The newest first; those that were handed in in other words are not among them."""
    made = [handed_in(client, [line(0)]).id for _ in range(3)]
    head = {"Authorization": f"Bearer {client.api_key}"}
    body = {"requests": [{"custom_id": "a", "media_type": "text", "prompt": "hi"}]}
    url = str(client.base_url).replace("/v1/", "/api/batches")
    ours = httpx.post(url, json=body, headers=head, timeout=60).json()["id"]
    assert [one.id for one in client.batches.list(limit=2)] == made[::-1]
    page = client.batches.list(limit=2)
    assert (len(page.data), page.has_more) == (2, True)
    with pytest.raises(openai.NotFoundError):
        client.batches.retrieve(ours)
    with pytest.raises(openai.NotFoundError):
        client.batches.list(after="batch_none")
    with pytest.raises(openai.BadRequestError, match="order"):
        client.batches.list(extra_query={"order": "asc"})


def test_batches_belong_to_their_key(gateway: Site, client: OpenAI) -> None:
    """For everybody else neither they nor what came of them is there."""
    batch = over(client, handed_in(client, [line(0)]))
    with client_of(gateway) as stranger:
        for ask in (stranger.batches.retrieve, stranger.batches.cancel):
            with pytest.raises(openai.NotFoundError):
                ask(batch.id)
        output = str(batch.output_file_id)
        for look in (stranger.files.retrieve, stranger.files.content, stranger.files.delete):
            with pytest.raises(openai.NotFoundError):
                look(output)
        assert list(stranger.batches.list()) == []
        with pytest.raises(openai.NotFoundError):
            stranger.batches.list(after=batch.id)
    assert read(client, batch.output_file_id)


def test_a_keys_rights_hold_for_every_line(gateway: Site) -> None:
    """A line that it may not ask for is a mistake."""
    with client_of(gateway, models=["echo/*"]) as bound:
        batch = handed_in(bound, [line(0), line(1, THERE)])
        assert batch.status == "failed"
        assert batch.errors is not None
        assert batch.errors.data is not None
        assert [one.line for one in batch.errors.data] == [2]
        assert "may not ask" in str(batch.errors.data[0].message)
    with client_of(gateway, media=["image"]) as bound:
        assert handed_in(bound, [line(0)]).status == "failed"


def test_removing_an_output_forgets_its_answers(client: OpenAI) -> None:
    """The batch stays and says how it ended, and what it cost."""
    batch = over(client, handed_in(client, [line(0), line(1)]))
    output = str(batch.output_file_id)
    assert client.files.delete(output).deleted
    for ask in (client.files.retrieve, client.files.content, client.files.delete):
        with pytest.raises(openai.NotFoundError):
            ask(output)
    after = client.batches.retrieve(batch.id)
    assert after.output_file_id is None
    assert after.request_counts == batch.request_counts
    head = {"Authorization": f"Bearer {client.api_key}"}
    url = str(client.base_url).replace("/v1/", f"/api/batches/{batch.id}/results")
    told = [json.loads(one) for one in httpx.get(url, headers=head, timeout=60).text.splitlines()]
    assert [("result" in one, one["status"]) for one in told] == [(False, "succeeded")] * 2


def test_the_input_can_be_removed_while_the_batch_is_under_way(client: OpenAI) -> None:
    """Its lines have been taken over."""
    slow = [line(n, anymedia={"options": {"delay_seconds": 0.2}}) for n in range(4)]
    batch = handed_in(client, slow)
    client.files.delete(batch.input_file_id)
    assert over(client, batch).status == "completed"


def test_hints_that_did_not_go_along_are_told(client: OpenAI) -> None:
    """As they are where the question is asked alone."""
    batch = over(client, handed_in(client, [line(0, prompt_cache_key="k")]))
    body = read(client, batch.output_file_id)["q0"]["response"]["body"]
    assert [one["option"] for one in body["warnings"]] == ["prompt_cache_key"]
