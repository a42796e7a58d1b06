"""The usual place for data, by operating system."""

from pathlib import Path

from anymedia.configuration.data_dir import usual_data_dir


def test_a_mac_keeps_application_data_in_its_library() -> None:
    """Apple's place for it; `XDG_DATA_HOME` is not asked there."""
    environment = {"HOME": "/Users/ann", "XDG_DATA_HOME": "/data"}
    found = usual_data_dir(environment, platform="darwin")
    assert found == Path("/Users/ann/Library/Application Support/anymedia")


def test_linux_follows_the_desktop_standard() -> None:
    """Below the home directory, unless another place is named."""
    assert usual_data_dir({"HOME": "/home/ann"}, platform="linux") == Path(
        "/home/ann/.local/share/anymedia"
    )
