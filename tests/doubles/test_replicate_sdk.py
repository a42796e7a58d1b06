"""Replicate's own client goes through its normal flow with our double of Replicate."""

from __future__ import annotations

import io
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
from replicate.client import Client
from replicate.exceptions import ModelError, ReplicateError
from replicate.helpers import FileOutput
from replicate.webhook import Webhooks, WebhookSigningSecret

from anymedia.testing.double import serving
from anymedia.testing.doubles.replicate import ReplicateDouble
from anymedia.testing.doubles.replicate.failures import no_credit

MODEL = "black-forest-labs/flux-schnell"


@pytest.fixture
def double() -> ReplicateDouble:
    """A fresh double."""
    return ReplicateDouble()


@pytest.fixture
def client(double: ReplicateDouble) -> Iterator[Client]:
    """The official client, pointed at the double."""
    with serving(double) as address:
        client = Client(api_token=double.key, base_url=address)
        client.poll_interval = 0
        yield client
        client._client.close()


def test_running_a_model_gives_its_files(client: Client, double: ReplicateDouble) -> None:
    """The client waits by header, and reads the files that are inside the answer."""
    double.inlines = True
    output = client.run(MODEL, input={"prompt": "a fox", "num_outputs": 2})
    assert isinstance(output, list)
    assert len(output) == 2
    assert isinstance(output[0], FileOutput)
    assert output[0].read().startswith(b"\x89PNG")
    assert double.record.headers[0]["prefer"] == "wait"
    assert len(double.record.invoice) == 1


def test_running_without_waiting_polls(client: Client) -> None:
    """Through every state."""
    output: Any = client.run(MODEL, input={"prompt": "a fox"}, wait=False)
    with urllib.request.urlopen(output[0], timeout=10) as answer:
        assert answer.read().startswith(b"\x89PNG")


def test_a_prediction_goes_through_its_states(client: Client, double: ReplicateDouble) -> None:
    """By name, and by version; the list shows them, newest first."""
    first = client.models.predictions.create(model=MODEL, input={"prompt": "a fox"})
    assert (first.status, first.model, first.version) == ("starting", MODEL, "hidden")
    seen: list[str] = []
    for _ in range(2):
        first.reload()
        seen.append(first.status)
    assert seen == ["starting", "processing"]
    assert first.progress is not None
    assert first.progress.percentage == 0.5
    first.wait()
    assert first.status == "succeeded"
    version = next(one.version for one in double.models.values() if one.version)
    second = client.predictions.create(version=version, input={"text": "Hi"})
    second.wait()
    assert str(second.output).endswith("output.wav")
    assert second.metrics is not None
    assert second.metrics["predict_time"] > 0
    assert [one.id for one in client.predictions.list()] == [second.id, first.id]


def test_a_prediction_can_be_cancelled(client: Client, double: ReplicateDouble) -> None:
    """It is charged for nothing."""
    made = client.models.predictions.create(model=MODEL, input={"prompt": "a fox"})
    made.reload()
    made.reload()
    made.cancel()
    assert made.status == "canceled"
    assert double.record.invoice == []


def test_a_refused_prompt_fails(client: Client) -> None:
    """With Replicate's words."""
    with pytest.raises(ModelError) as caught:
        client.run(MODEL, input={"prompt": "forbidden"})
    assert "E005" in str(caught.value)


def test_failures_are_problem_documents(client: Client, double: ReplicateDouble) -> None:
    """Missing input, unknown model, no credit, a wrong token."""
    with pytest.raises(ReplicateError) as missing:
        client.models.predictions.create(model=MODEL, input={})
    assert (missing.value.status, missing.value.title) == (422, "Input validation failed")
    with pytest.raises(ReplicateError) as unknown:
        client.models.predictions.create(model="acme/nope", input={"prompt": "x"})
    assert unknown.value.status == 404
    with pytest.raises(ReplicateError) as version:
        client.predictions.create(version="0" * 64, input={"prompt": "x"})
    assert version.value.status == 422
    double.fail(no_credit())
    with pytest.raises(ReplicateError) as empty:
        client.models.predictions.create(model=MODEL, input={"prompt": "x"})
    assert empty.value.status == 402
    double.key = "another"
    with pytest.raises(ReplicateError) as wrong:
        client.models.predictions.create(model=MODEL, input={"prompt": "x"})
    assert (wrong.value.status, wrong.value.title) == (401, "Unauthenticated")


def test_files_are_uploaded_and_used(client: Client, double: ReplicateDouble) -> None:
    """The client puts them there by itself."""
    put = client.files.create(io.BytesIO(b"abc"), filename="fox.png", content_type="image/png")
    assert (put.size, put.content_type) == (3, "image/png")
    veo = "google/veo-3.1"
    made = client.models.predictions.create(
        model=veo, input={"prompt": "a fox", "image": io.BytesIO(b"abc")}
    )
    assert str(double.predictions[made.id].input["image"]).startswith(
        client._client.base_url.scheme
    )


def test_a_call_passes_the_clients_check(client: Client, double: ReplicateDouble) -> None:
    """Signed as Replicate signs."""
    made = client.models.predictions.create(
        model=MODEL, input={"prompt": "a fox"}, webhook="http://127.0.0.1:9/hook"
    )
    made.wait()
    (delivery,) = double.deliveries
    secret = client.webhooks.default.secret()
    assert secret == WebhookSigningSecret(key=double.secret)
    Webhooks.validate(headers=delivery.headers, body=delivery.body.decode(), secret=secret)
