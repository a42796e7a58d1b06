"""The command, for tests."""

from pathlib import Path

import pytest

from tests.cli.running import Cli


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    """The command in this process, answered by `echo`."""
    return Cli(tmp_path)
