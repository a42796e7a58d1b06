"""fal's own client goes through its normal flow with our double of fal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import fal_client
import httpx
import pytest
from fal_client import Completed, FalClientHTTPError, InProgress, Queued, SyncClient

from anymedia.testing.double import serving
from anymedia.testing.doubles.fal import FalDouble
from anymedia.testing.doubles.fal.failures import locked

MODEL = "fal-ai/flux/schnell"


class Redirected(httpx.HTTPTransport):
    """The client names its hosts itself; here all of them are the double."""

    def __init__(self, address: str) -> None:
        super().__init__()
        self.address = httpx.URL(address)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send it to the double."""
        home = {"scheme": "http", "host": self.address.host, "port": self.address.port}
        request.url = request.url.copy_with(**home)
        return super().handle_request(request)


@pytest.fixture
def double() -> FalDouble:
    """A fresh double."""
    return FalDouble()


@pytest.fixture
def client(double: FalDouble) -> Iterator[SyncClient]:
    """The official client, pointed at the double."""
    with serving(double) as address:
        headers = {"Authorization": f"Key {double.key}"}
        with httpx.Client(transport=Redirected(address), headers=headers) as http:
            client = SyncClient(key=double.key)
            # The client makes its connection on first use, and keeps what is there.
            client.__dict__["_client"] = http
            yield client


def test_subscribing_waits_for_the_result(client: SyncClient, double: FalDouble) -> None:
    """Every state on the way, and pictures in the end."""
    seen: list[fal_client.Status] = []
    result = client.subscribe(
        MODEL,
        {"prompt": "a fox", "image_size": "square_hd", "num_images": 2, "seed": 3},
        with_logs=True,
        on_queue_update=seen.append,
        interval=0,
    )
    assert [type(one) for one in seen] == [Queued, InProgress, Completed]
    assert [(one["width"], one["height"]) for one in result["images"]] == [(1024, 1024)] * 2
    assert result["seed"] == 3
    picture = httpx.get(result["images"][0]["url"])
    assert picture.content.startswith(b"\x89PNG")
    assert len(double.record.invoice) == 1


def test_a_handle_gives_status_and_result(client: SyncClient) -> None:
    """And can be made anew from the id."""
    handle = client.submit("fal-ai/veo3.1/fast/image-to-video", {"prompt": "x", "duration": "8s"})
    again = client.get_handle("fal-ai/veo3.1/fast/image-to-video", handle.request_id)
    assert isinstance(again.status(), Queued)
    assert isinstance(again.status(with_logs=True), InProgress)
    assert isinstance(again.status(), Completed)
    result: dict[str, Any] = again.get()
    assert result["video"]["content_type"] == "video/mp4"


def test_the_models_errors_come_with_the_result(client: SyncClient) -> None:
    """The status looks clean."""
    handle = client.submit(MODEL, {"prompt": "forbidden"})
    with pytest.raises(FalClientHTTPError) as refused:
        handle.get(interval=0)
    assert refused.value.status_code == 422
    assert problems(refused.value)[0]["type"] == "content_policy_violation"
    with pytest.raises(FalClientHTTPError) as missing:
        client.submit(MODEL, {}).get(interval=0)
    assert problems(missing.value)[0]["type"] == "missing"


def problems(error: FalClientHTTPError) -> Any:
    """What the client keeps of `detail`: whatever it was."""
    return error.message


def test_the_platforms_errors_stand_in_the_status(client: SyncClient) -> None:
    """With their type."""
    handle = client.submit(MODEL, {"prompt": "it breaks"})
    states = list(handle.iter_events(interval=0))
    assert isinstance(states[-1], Completed)
    assert states[-1].error_type == "runner_disconnected"


def test_waiting_requests_can_be_cancelled(client: SyncClient, double: FalDouble) -> None:
    """They cost nothing."""
    handle = client.submit(MODEL, {"prompt": "a fox"})
    handle.cancel()
    assert isinstance(handle.status(), Completed)
    with pytest.raises(FalClientHTTPError):
        handle.get(interval=0)
    with pytest.raises(FalClientHTTPError) as late:
        handle.cancel()
    assert late.value.status_code == 400
    assert double.record.invoice == []


def test_wrong_keys_unknown_models_and_empty_accounts_are_refused(
    client: SyncClient, double: FalDouble
) -> None:
    """At the submission."""
    with pytest.raises(FalClientHTTPError) as unknown:
        client.submit("fal-ai/nope", {"prompt": "x"})
    assert unknown.value.status_code == 404
    double.fail(locked())
    with pytest.raises(FalClientHTTPError) as empty:
        client.submit(MODEL, {"prompt": "x"})
    assert "Exhausted balance" in str(empty.value)
    double.key = "another"
    with pytest.raises(FalClientHTTPError) as wrong:
        client.submit(MODEL, {"prompt": "x"})
    assert wrong.value.status_code == 401
