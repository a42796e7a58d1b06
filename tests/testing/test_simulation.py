"""Mishaps, replay, and the command that serves doubles."""

from __future__ import annotations

import json
import signal
import urllib.request
from pathlib import Path

import pytest
from tests.cli.running import Cli, started

from anymedia import Client
from anymedia.contracts.errors import GenerationError
from anymedia.providers import registry
from anymedia.testing import Mishaps, Recorded, replaying
from anymedia.wire.http import HttpResponse


def test_a_line_says_what_goes_wrong() -> None:
    """Rates by kind, and a delay."""
    found = Mishaps.said("rate_limit=0.1, server=0.05,slow=250ms", seed=3)
    assert (dict(found.rates), found.delay_seconds) == ({"rate_limit": 0.1, "server": 0.05}, 0.25)
    again = Mishaps.said("rate_limit=0.1,server=0.05", seed=3)
    drawn = [found.next() for _ in range(400)]
    assert drawn == [again.next() for _ in range(400)]
    assert 20 < sum(one is not None and one.status == 429 for one in drawn) < 65


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command in this process."""
    return Cli(tmp_path)


@pytest.mark.parametrize(
    ("words", "wrong"),
    [("rain=0.1", "rain"), ("server=x", "server=0.1"), ("server=2", "rates"), ("slow=x", "slow")],
)
def test_what_is_wrong_in_the_line_is_named(words: str, wrong: str) -> None:
    """Before anything is served."""
    with pytest.raises(ValueError, match=wrong):
        Mishaps.said(words)


def test_recorded_exchanges_are_played_back(tmp_path: Path) -> None:
    """Through the whole engine, without key or network."""
    provider = next(name for name in registry.BUILT_IN if name == "openai")
    told = {
        "id": "c1",
        "model": "gpt-4.1",
        "choices": [
            {"message": {"role": "assistant", "content": "Hello"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
    recorded = Recorded(
        "POST", "/v1/chat/completions", HttpResponse(200, json.dumps(told).encode())
    )
    played = replaying(registry.provider(provider), [recorded])
    with Client({"providers": {}}, providers=[played], data_dir=tmp_path) as client:
        assert client.text("Hi", provider="openai", model="gpt-4.1").text == "Hello"
        with pytest.raises(GenerationError, match="nothing is recorded"):
            client.text("Hi", provider="openai", model="gpt-4.1")


def test_simulate_names_what_it_does_not_know(cli: Cli) -> None:
    """Providers and faults."""
    assert cli("simulate", "nobody").code == 2
    assert cli("simulate", "openai", "--faults", "rain=1").code == 2


def test_simulate_serves_until_it_is_stopped(tmp_path: Path) -> None:
    """Says how to reach the doubles, and at the end what they were asked."""
    process = started(tmp_path, ["simulate", "openai", "--port", "0", "--json"])
    assert process.stdout is not None
    lines: list[str] = []
    while not (lines and lines[-1].startswith("]")):
        lines.append(process.stdout.readline())
        assert lines[-1], "it ended early"
    (openai,) = json.loads("".join(lines))
    asked = urllib.request.Request(
        f"{openai['base_url']}/models", headers={"Authorization": f"Bearer {openai['api_key']}"}
    )
    with urllib.request.urlopen(asked, timeout=10) as answer:
        assert answer.status == 200
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=20)
    assert process.returncode == 0, err
    (counted,) = json.loads(out)
    assert (counted["requests"], counted["submissions"], counted["invoice"]) == (1, 0, "0")


def test_providers_test_runs_the_contract_suite(cli: Cli) -> None:
    """Against the double; every case with its verdict."""
    ran = cli("providers", "test", "anthropic", "--json")
    assert ran.code == 0
    assert {one["verdict"] for one in ran.json} == {"passed"}
    assert "rate limit" in cli("providers", "test", "anthropic").out
    assert cli("providers", "test", "nobody").code == 2
