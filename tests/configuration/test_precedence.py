"""Argument over environment over `.env` over file over default."""

from pathlib import Path

import pytest

from anymedia.configuration import load
from anymedia.contracts.configuration import Origin, ProviderSettings, Settings
from anymedia.contracts.errors import InvalidConfiguration


def test_without_anything_there_are_only_defaults(tmp_path: Path) -> None:
    """No file, no variables: no provider is configured, and data lie in the usual place."""
    settings = load(environment={"HOME": "/home/ann"}, directory=tmp_path)
    assert settings.providers == ()
    assert settings.data_dir == "/home/ann/.local/share/anymedia"
    assert settings.retry.max_attempts == 3


def test_each_source_wins_over_the_next(tmp_path: Path) -> None:
    """The same setting, said by one more source each time."""
    told: list[tuple[int, Origin]] = []

    def look(environment: dict[str, str], argument: dict[str, object] | None) -> None:
        settings = load(argument, environment=environment, directory=tmp_path)
        told.append((settings.retry.max_attempts, settings.origin("retry", "max_attempts")))

    look({}, None)
    (tmp_path / "anymedia.yaml").write_text("# ours\nretry: {max_attempts: 4}\n")
    look({}, None)
    (tmp_path / ".env").write_text("RETRY_MAX_ATTEMPTS=5\n")
    look({}, None)
    look({"RETRY_MAX_ATTEMPTS": "6"}, None)
    look({"RETRY_MAX_ATTEMPTS": "6"}, {"retry": {"max_attempts": 7}})

    assert told == [
        (3, Origin(layer="default")),
        (4, Origin(layer="file", where="anymedia.yaml:2")),
        (5, Origin(layer=".env", where="RETRY_MAX_ATTEMPTS")),
        (6, Origin(layer="environment", where="RETRY_MAX_ATTEMPTS")),
        (7, Origin(layer="argument")),
    ]


def test_overrides_win_over_the_configuration_that_was_passed(tmp_path: Path) -> None:
    """`Client(config=..., data_dir=...)`: the more specific argument is the last word."""
    settings = load(
        {"data_dir": "/from/config"},
        environment={},
        directory=tmp_path,
        overrides={"data_dir": tmp_path / "mine"},
    )
    assert settings.data_dir == str(tmp_path / "mine")


def test_an_override_of_nothing_says_nothing(tmp_path: Path) -> None:
    """`data_dir=None` is how a caller passes on that nobody asked."""
    settings = load(
        {"data_dir": "/from/config"},
        environment={},
        directory=tmp_path,
        overrides={"data_dir": None},
    )
    assert settings.data_dir == "/from/config"


def test_settings_of_one_provider_come_together_from_several_sources(tmp_path: Path) -> None:
    """Merging goes into mappings: the key from the environment, the limit from the file."""
    (tmp_path / "anymedia.yaml").write_text(
        "providers:\n  runway: {priority: 1, limits: {per_minute: 10, concurrent: 5}}\n"
    )
    settings = load(
        {"providers": {"runway": {"limits": {"per_minute": 2}}}},
        environment={"RUNWAYML_API_SECRET": "key_abcdefgh12345678"},
        directory=tmp_path,
    )
    (runway,) = settings.providers
    assert runway.api_key is not None
    assert runway.api_key.get_secret_value() == "key_abcdefgh12345678"
    assert (runway.priority, runway.limits.per_minute, runway.limits.concurrent) == (1, 2, 5)


def test_the_file_that_the_environment_names_is_read(tmp_path: Path) -> None:
    """`ANYMEDIA_CONFIG` wins over the usual names; relative paths start at the directory."""
    (tmp_path / "anymedia.yaml").write_text("retry: {max_attempts: 4}")
    (tmp_path / "other.yaml").write_text("retry: {max_attempts: 9}")
    settings = load(environment={"ANYMEDIA_CONFIG": "other.yaml"}, directory=tmp_path)
    assert settings.retry.max_attempts == 9


def test_the_second_usual_file_is_read_when_the_first_is_missing(tmp_path: Path) -> None:
    """`anymedia.yaml`, else `config/providers.yaml`."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "providers.yaml").write_text("retry: {max_attempts: 8}")
    assert load(environment={}, directory=tmp_path).retry.max_attempts == 8
    (tmp_path / "anymedia.yaml").write_text("retry: {max_attempts: 4}")
    assert load(environment={}, directory=tmp_path).retry.max_attempts == 4


def test_a_path_as_argument_is_the_file_to_read(tmp_path: Path) -> None:
    """The environment still wins over what stands in it."""
    (tmp_path / "anymedia.yaml").write_text("retry: {max_attempts: 4}")
    mine = tmp_path / "mine.yaml"
    mine.write_text("retry: {max_attempts: 9}")
    assert load(mine, environment={}, directory=tmp_path).retry.max_attempts == 9
    assert load("mine.yaml", environment={}, directory=tmp_path).retry.max_attempts == 9
    over = load(mine, environment={"RETRY_MAX_ATTEMPTS": "2"}, directory=tmp_path)
    assert over.retry.max_attempts == 2


def test_a_named_file_that_is_missing_is_a_mistake(tmp_path: Path) -> None:
    """Only the usual files may be missing; one that was asked for may not."""
    for source, environment in (("gone.yaml", {}), (None, {"ANYMEDIA_CONFIG": "gone.yaml"})):
        with pytest.raises(InvalidConfiguration, match=r"gone\.yaml: there is no such file"):
            load(source, environment=environment, directory=tmp_path)


def test_settings_are_taken_as_they_are(tmp_path: Path) -> None:
    """Whoever built `Settings` meant exactly those: nothing else is asked."""
    (tmp_path / "anymedia.yaml").write_text("retry: {max_attempts: 4}")
    given = Settings(providers=(ProviderSettings(name="echo", priority=3),), data_dir="/x")
    settings = load(
        given, environment={"OPENAI_API_KEY": "sk-1234567890abcdef"}, directory=tmp_path
    )
    assert [one.name for one in settings.providers] == ["echo"]
    assert (settings.providers[0].priority, settings.retry.max_attempts) == (3, 3)
    assert settings.data_dir == "/x"


def test_providers_may_be_listed_with_their_names(tmp_path: Path) -> None:
    """The form that `Settings` have themselves, also as contracts."""
    settings = load(
        {"providers": [ProviderSettings(name="echo", priority=2), {"name": "openai"}]},
        environment={},
        directory=tmp_path,
    )
    assert [(one.name, one.priority) for one in settings.providers] == [
        ("echo", 2),
        ("openai", 100),
    ]


# --- where data lie -------------------------------------------------------------------------


def test_data_lie_where_the_desktop_standard_says(tmp_path: Path) -> None:
    """`XDG_DATA_HOME` counts when it is absolute, as the standard demands."""
    absolute = {"HOME": "/home/ann", "XDG_DATA_HOME": "/data"}
    assert load(environment=absolute, directory=tmp_path).data_dir == "/data/anymedia"
    relative = {"HOME": "/home/ann", "XDG_DATA_HOME": "data"}
    expected = "/home/ann/.local/share/anymedia"
    assert load(environment=relative, directory=tmp_path).data_dir == expected


def test_a_relative_data_directory_belongs_to_whoever_names_it(tmp_path: Path) -> None:
    """In a file it is relative to the file, elsewhere to the directory one works in."""
    (tmp_path / "shared").mkdir()
    file = tmp_path / "shared" / "anymedia.yaml"
    file.write_text("data_dir: data")
    settings = load(file, environment={}, directory=tmp_path)
    assert settings.data_dir == str(tmp_path / "shared" / "data")
    settings = load(file, environment={"ANYMEDIA_DATA_DIR": "data"}, directory=tmp_path)
    assert settings.data_dir == str(tmp_path / "data")


def test_the_home_directory_can_be_written_as_a_tilde(tmp_path: Path) -> None:
    """As in a shell, with the home of the environment that was handed in."""
    environment = {"HOME": "/home/ann", "ANYMEDIA_DATA_DIR": "~/media"}
    assert load(environment=environment, directory=tmp_path).data_dir == "/home/ann/media"
