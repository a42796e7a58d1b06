"""The benchmark of the gateway: it runs, its table has rows, and what it misses is told."""

from __future__ import annotations

import argparse
import io
import json
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from benchmarks.gateway import large, overload, slow_clients, soak, tools
from benchmarks.gateway.__main__ import chosen, main
from benchmarks.gateway.candidates import NGINX, OURS
from benchmarks.gateway.page import page
from benchmarks.gateway.peers import PEERS
from benchmarks.gateway.picture import Line, bars, marks, over_time
from benchmarks.gateway.report import BUSY, FIGURES, document, show
from rich.console import Console

SVG = "{http://www.w3.org/2000/svg}"


def installed() -> bool:
    """Whether nginx and wrk are there."""
    try:
        tools.checked(("nginx", "wrk"))
    except tools.Missing:
        return False
    return True


WITH_TOOLS = pytest.mark.skipif(not installed(), reason="nginx and wrk are not both installed")


# --- it runs --------------------------------------------------------------------------------


@WITH_TOOLS
def test_it_measures_the_gateway_beside_nginx(tmp_path: Path) -> None:
    """One short round: a document, a picture, a page."""
    file, picture = tmp_path / "found.json", tmp_path / "found.svg"
    words = ["--seconds", "0.3", "--rounds", "1", "--streams", "3", "--peers", "none"]
    assert main([*words, "--json", str(file), "--picture", str(picture)]) == 0
    found = json.loads(file.read_text())
    assert set(found["candidates"]) == {"anymedia", "nginx"}
    assert found["failures"] == {}
    for one in found["candidates"].values():
        assert set(one["median"]) >= {figure.name for figure in FIGURES}
        assert one["median"]["requests_per_second"] > 0
        assert one["median"]["chunks_per_second"] > 0
        assert one["median"]["open_streams"] == 3
        assert one["median"]["failed_requests"] == one["median"]["failed_streams"] == 0
    assert picture.read_text().startswith("<svg")
    assert "| requests/s, 32 at once |" in page(found)


@WITH_TOOLS
@pytest.mark.parametrize(
    ("work", "said"),
    [
        (soak.soaked, {"minutes": 0.02, "share": 0.5, "probe_seconds": 0.3, "picture": None}),
        (overload.overloaded, {"seconds": 0.3, "times": 2.0, "connections": 8, "more": ""}),
        (slow_clients.starved, {"number": 3, "seconds": 0.3, "settle": 20.0, "more": ""}),
        (large.disturbed, {"megabytes": 1, "seconds": 2.0, "rounds": 1}),
    ],
    ids=["soak", "overload", "slow_clients", "large"],
)
def test_what_no_comparison_shows_is_measured_too(work: Any, said: dict[str, Any]) -> None:
    """Each comes to a judgement of its own; which one is no matter of so short a time."""
    found = work(argparse.Namespace(**said))
    assert found["reached"] in {True, False}
    json.dumps(found)
    if work is slow_clients.starved:
        assert found["of_which_served"] == 3
    if work is large.disturbed:
        assert found["statuses_of_the_large"] == [200]
    if work is soak.soaked:
        assert found["samples"]
        assert found["chats"] > 0


# --- wrong usage ----------------------------------------------------------------------------


def test_what_has_to_be_installed_is_told_all_at_once(tmp_path: Path) -> None:
    """By the names of packages."""
    with pytest.raises(tools.Missing, match=r"package nginx-light .*package wrk"):
        tools.checked(("nginx", "wrk"), path=str(tmp_path))


def test_a_peer_that_is_named_has_to_be_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """One that is not named is left out, and it is told why."""
    for peer in PEERS.values():
        monkeypatch.delenv(peer.variable, raising=False)
    candidates, absent = chosen(None)
    assert [one.name for one in candidates] == ["nginx", "anymedia"]
    assert set(absent) == set(PEERS)
    with pytest.raises(tools.Missing, match="set `BENCH_LITELLM`"):
        chosen(("litellm",))
    monkeypatch.setenv("BENCH_LITELLM", str(tmp_path))
    with pytest.raises(tools.Missing, match=r"`bin/litellm` is not .*litellm\[proxy\]"):
        chosen(("litellm",))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--peers", "nobody"), "nobody is called nobody"),
        (("--seconds", "0"), "not a number above 0"),
        (("--rounds", "1.5"), "not a whole number above 0"),
        (("--json", "found.txt"), "does not end in .json"),
        (("--picture", "/nowhere/found.svg"), "does not exist"),
    ],
)
def test_words_that_make_no_sense_are_told(
    words: tuple[str, str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """Before anything is started."""
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


# --- what is made of figures ----------------------------------------------------------------


def figures(**more: float | None) -> dict[str, float | None]:
    """Of one round."""
    usual: dict[str, float | None] = {one.name: 10.0 for one in FIGURES}
    return usual | more


def told() -> dict[str, Any]:
    """A document of two candidates and a peer that failed."""
    rounds = {
        NGINX.name: [figures(requests_per_second=value) for value in (50_000.0, 60_000.0, 10.0)],
        OURS.name: [figures(requests_per_second=5_000.0, added_p50_ms=0.4)],
    }
    about = {
        "at": "2026-11-21T10:00:00+00:00",
        "machine": {
            "processor": "a <fast> one",
            "cores": 2,
            "python": "3.11",
            "nginx": "1.22",
            "wrk": "4.1",
            "load_at_start": 0.1,
        },
        "seconds": 5.0,
        "rounds": 3,
        "streams": 1000,
    }
    return document([NGINX, OURS], rounds, {"portkey": "it did not start"}, about)


def test_figures_are_medians_and_ratios_are_of_those() -> None:
    """A round that was disturbed does not count."""
    found = told()
    assert found["candidates"]["nginx"]["median"]["requests_per_second"] == 50_000
    assert found["anymedia_as_multiple_of"]["nginx"]["requests_per_second"] == 0.1


def test_what_was_to_be_reached_is_judged_as_far_as_it_can_be() -> None:
    """Nothing is said of who was not measured."""
    judged = {one["goal"]: one["reached"] for one in told()["goals"]}
    assert judged["added latency p50, ms"] is False
    assert judged["MB when ready"] is True
    assert not [goal for goal in judged if "LiteLLM" in goal]


def test_the_table_has_a_row_for_each_figure() -> None:
    """And a reason for who is missing."""
    console = Console(width=120, record=True, file=io.StringIO())
    show(told(), console)
    shown = console.export_text()
    for figure in FIGURES:
        assert figure.words in shown
    assert "50,000" in shown
    assert "not measured: portkey: it did not start" in shown
    assert BUSY not in shown


def test_a_machine_that_others_use_is_told() -> None:
    """Times are worth nothing then, and the page must not pretend."""
    found = told()
    assert BUSY not in page(found)
    found["machine"]["load_at_start"] = 1.5
    assert BUSY in page(found)


def test_a_figure_that_nobody_could_take_is_left_open() -> None:
    """A stream that never came has no cost."""
    rounds = {OURS.name: [figures(chunks_per_second=None), figures(chunks_per_second=None)]}
    about = {"streams": 1000}
    found = document([OURS], rounds, {}, about)
    assert found["candidates"]["anymedia"]["median"]["chunks_per_second"] is None
    assert not [one for one in found["goals"] if one["goal"] == "streamed chunks/s"]


def test_bars_are_as_long_as_their_figures() -> None:
    """Well-formed, each with its number, and words that are no markup."""
    root = ET.fromstring(bars(told()))
    drawn = [one for one in root.iter(f"{SVG}rect") if one.get("rx")]
    assert len(drawn) == 8
    words = [one.text for one in root.iter(f"{SVG}text")]
    assert "50,000" in words
    assert any("a <fast> one" in (word or "") for word in words)
    memory = [float(one.get("width", 0)) for one in drawn[-2:]]
    assert memory[0] == memory[1] > 100


def test_lines_go_from_the_beginning_to_the_end() -> None:
    """Of time, from left to right, higher for more."""
    drawn = over_time("Memory", "under load", "MB", [Line("resident", [(0, 100), (600, 50)])])
    root = ET.fromstring(drawn)
    line = next(root.iter(f"{SVG}polyline"))
    (x1, y1), (x2, y2) = (map(float, dot.split(",")) for dot in line.get("points", "").split())
    assert x1 < x2
    assert y1 < y2
    assert "10 min" in [one.text for one in root.iter(f"{SVG}text")]
    assert marks(110) == [0, 50, 100]


def test_growth_is_told_from_warming_up() -> None:
    """What comes in the first tenth is no growth; what comes afterwards is."""
    rising = [
        {"megabytes": 50.0 + (50.0 if number >= 10 else 5.0 * number)} for number in range(100)
    ]
    assert soak.growth(rising) == 1.0
    assert soak.growth([{"megabytes": 100.0 + number} for number in range(100)]) > 1.5
    assert soak.growth([{"megabytes": 80.0}]) == 1.0
