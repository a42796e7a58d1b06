"""`anymedia bench`, as a user runs it."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from anymedia.bench.processes import family
from anymedia.cli.bench import FIGURES, Figure
from tests.bench.conftest import alive
from tests.cli.running import Cli, command, started


def test_everything_is_measured_and_nothing_of_the_users_is_touched(tmp_path: Path) -> None:
    """One JSON document, a figure for every line of the table, progress elsewhere."""
    home = tmp_path / "home"
    home.mkdir()
    (home / "broken.yaml").write_text("providers: 7\n")
    (home / ".env").write_text("ANYMEDIA_DATA_DIR=/nowhere/at/all\n")
    ran = command(
        home,
        *("bench", "--seconds", "0.1", "--json"),
        timeout=280.0,
        ANYMEDIA_CONFIG=str(home / "broken.yaml"),
    )
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout)
    assert found["missing"] == {}
    assert set(found["figures"]) == {one.name for one in FIGURES}
    # Times of importing may be nothing on a busy machine, where an empty Python took as long.
    unsure = {"import_seconds", "import_megabytes", "gateway_added_p50_milliseconds"}
    unsure |= {"gateway_added_p99_milliseconds", "first_answer_seconds"}
    counted = {name: value for name, value in found["figures"].items() if name not in unsure}
    assert all(value is not None and value >= 0 for value in counted.values()), counted
    assert found["figures"]["open_streams"] == 50
    assert found["figures"]["gateway_requests_per_second"] > 0
    assert "gateway: starts" in ran.stderr
    assert sorted(path.name for path in home.iterdir()) == [".env", "broken.yaml"]


def test_seconds_that_make_no_sense_are_told(cli: Cli) -> None:
    """Before anything is started."""
    for words in ("0", "-1", "61", "nan"):
        ran = cli("bench", f"--seconds={words}")
        assert ran.code == 2
        assert "`--seconds` is a number above 0, up to 60" in ran.err


def test_a_figure_is_shown_with_its_unit_and_its_aim() -> None:
    """What nobody could measure is unknown, not nothing."""
    figure = Figure("a", "calls", "/s", 0, 4000, at_least=True)
    assert figure.row(12345.6) == ("calls", "12,346 /s", ">= 4,000")
    assert figure.row(None) == ("calls", "unknown", ">= 4,000")
    assert Figure("b", "size", "MB", 1, 0.5).row(0.25) == ("size", "0.2 MB", "<= 0.5")


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux has /proc")
def test_who_interrupts_it_ends_all_that_it_has_started(tmp_path: Path) -> None:
    """Its processes have sessions of their own, so nobody else would."""
    home = tmp_path / "home"
    home.mkdir()
    process = started(home, ["bench"])
    assert process.stderr is not None
    while "fresh processes" not in process.stderr.readline():
        assert process.poll() is None
    below = [one for one in family(process.pid) if one != process.pid]
    assert below
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 130
    assert not [one for one in below if alive(one)]
