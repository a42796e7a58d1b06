"""A provider that does as it is told, through the whole client."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from anymedia import Client, ContentRefused
from anymedia.testing import MockProvider, ProviderTestSuite


def client_of(mock: MockProvider, directory: Path) -> Client:
    """A client that knows the mock."""
    return Client({"providers": {}}, providers=[mock.provider], data_dir=directory)


def test_text_is_what_was_configured_and_costs_what_it_says(tmp_path: Path) -> None:
    """Whole, and as it comes."""
    mock = MockProvider(text=str.upper, cost="0.01")
    with client_of(mock, tmp_path) as client:
        result = client.text("say it", provider="mock")
        assert (result.text, result.cost.amount) == ("SAY IT", Decimal("0.01"))
        pieces = list(client.stream_text("say it", provider="mock"))
    assert "".join(getattr(one, "text", "") for one in pieces) == "SAY IT"
    assert mock.invoice == [Decimal("0.01")] * 2


def test_files_are_what_was_given(tmp_path: Path) -> None:
    """At once and as a job."""
    mock = MockProvider(content={"video": ("video/mp4", b"a clip")}, polls=1)
    with client_of(mock, tmp_path) as client:
        clip = client.video("a fox", provider="mock")
        assert clip.artifacts[0].size_bytes == len(b"a clip")
        picture = client.image("a fox", provider="mock")
    assert (picture.artifacts[0].width, picture.artifacts[0].height) == (64, 64)


def test_failures_follow_the_script(tmp_path: Path) -> None:
    """A limit is waited out, a refusal is told."""
    mock = MockProvider(script=("rate_limit", "ok", "refusal"))
    with client_of(mock, tmp_path) as client:
        assert client.text("Hi", provider="mock").text
        with pytest.raises(ContentRefused):
            client.text("Hi", provider="mock")
    assert len(mock.requests) == 3


def test_failures_by_rate_are_the_same_for_the_same_seed() -> None:
    """Dice that can be thrown again."""

    def thrown(seed: int) -> list[str]:
        mock = MockProvider(failure_rate=0.5, failures=("server", "overloaded"), seed=seed)
        return [mock._next() for _ in range(50)]

    assert thrown(1) == thrown(1) != thrown(2)
    assert {"ok", "server", "overloaded"} == set(thrown(1))


def test_two_mocks_answer_for_themselves(tmp_path: Path) -> None:
    """Each has its own far end."""
    one, two = MockProvider(name="one", text="1"), MockProvider(name="two", text="2")
    with Client(
        {"providers": {}}, providers=[one.provider, two.provider], data_dir=tmp_path
    ) as client:
        assert client.text("Hi", provider="one").text == "1"
        assert client.text("Hi", provider="two").text == "2"


def test_latency_is_waited_for(tmp_path: Path) -> None:
    """By the sleep that is handed in."""
    slept: list[float] = []
    mock = MockProvider(latency_seconds=3.0, sleep=slept.append)
    with client_of(mock, tmp_path) as client:
        client.text("Hi", provider="mock")
    assert slept == [3.0]


def test_the_mock_keeps_the_contract() -> None:
    """Whatever can be tried without a double passes."""
    outcomes = ProviderTestSuite(MockProvider().provider).run()
    assert [one for one in outcomes if one.verdict == "failed"] == []
    assert {one.case.medium for one in outcomes if one.verdict == "passed"} == {
        "text",
        "image",
        "video",
        "audio",
        "speech",
        "transcription",
        "embedding",
    }
