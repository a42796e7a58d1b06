"""Processes are started, measured and ended with all they have started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from anymedia.bench.processes import clean, fresh, line, running, used
from tests.bench.conftest import alive

ON_LINUX = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="only Linux has /proc")


@ON_LINUX
def test_what_a_process_and_its_children_use_is_added_up(tmp_path: Path) -> None:
    """A child counts too, and it holds what it holds."""
    code = (
        "import subprocess, sys\n"
        "inner = 'x = bytearray(50_000_000); print(len(x), flush=True); input()'\n"
        "one = subprocess.Popen([sys.executable, '-c', inner], stdin=subprocess.PIPE)\n"
        "one.wait()\n"
    )
    with running([sys.executable, "-c", code], directory=tmp_path) as process:
        assert line(process) == "50000000"
        found = used(process.pid)
    assert found is not None
    assert found.megabytes > 55
    assert found.threads >= 2
    assert found.files >= 6


def test_a_process_ends_with_the_block_and_so_does_what_it_has_started(tmp_path: Path) -> None:
    """Even where it does not want to hear of it."""
    code = (
        "import os, signal, sys, time\n"
        "child = os.fork()\n"
        "if child: print(child, flush=True)\n"
        "else: signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "time.sleep(600)\n"
    )
    with running([sys.executable, "-c", code], directory=tmp_path) as process:
        child = int(line(process))
    assert process.returncode is not None
    assert not alive(child)


def test_a_process_that_ends_early_leaves_its_last_words(tmp_path: Path) -> None:
    """Whoever waits for a line is told why there is none."""
    log = tmp_path / "log"
    code = "import sys; sys.exit('there is no such thing')"
    with (
        running([sys.executable, "-c", code], log=log) as process,
        pytest.raises(RuntimeError, match="there is no such thing"),
    ):
        line(process, log)


def test_nobodys_keys_and_settings_are_passed_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is measured does not depend on whose machine it is, nor touch what is theirs."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-theirs")
    monkeypatch.setenv("ANYMEDIA_CONFIG", "/theirs.yaml")
    found = clean(tmp_path)
    assert found["HOME"] == str(tmp_path)
    assert found["ANYMEDIA_DATA_DIR"].startswith(str(tmp_path))
    assert found["PATH"] == os.environ["PATH"]
    assert not {"OPENAI_API_KEY", "ANYMEDIA_CONFIG"} & set(found)


@ON_LINUX
def test_a_fresh_process_is_measured(tmp_path: Path) -> None:
    """What it holds is its own, not what started it."""
    _, small = fresh("pass", tmp_path, times=1)
    _, large = fresh("x = bytearray(60_000_000)", tmp_path, times=1)
    assert small is not None
    assert large is not None
    assert 50 < large - small < 70
