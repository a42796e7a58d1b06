"""The files that people copy."""

from pathlib import Path

from anymedia.configuration import load
from anymedia.contracts.configuration import Settings
from anymedia.providers.catalog import catalogued

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "anymedia.example.yaml"


def settings(tmp_path: Path) -> Settings:
    """The example, read on a machine where nothing is set."""
    return load(EXAMPLE, environment={"HOME": str(tmp_path)}, directory=tmp_path)


def test_the_example_is_valid_without_any_variable(tmp_path: Path) -> None:
    """Whoever copies it as it is gets a configuration, not a list of mistakes."""
    assert [one.name for one in settings(tmp_path).providers] == [
        "openai",
        "runway",
        "local",
        "echo",
    ]


def test_models_in_the_example_exist(tmp_path: Path) -> None:
    """An example that names a retired model would be the first thing to fail."""
    found = settings(tmp_path)
    listed = {(name, one.id): one for name in ("openai", "runway") for one in catalogued(name)}
    named = [(one.name, model) for one in found.providers for model in one.models.values()]
    for alias in found.aliases.values():
        if alias.model:
            name, _, model = alias.model.partition("/")
            named.append((name, model))
    assert named
    for name, model in named:
        assert listed[name, model].retires_on is None, model


def test_the_example_of_variables_is_valid_when_everything_in_it_is_filled_in(
    tmp_path: Path,
) -> None:
    """Every variable that it names is one that is read."""
    lines = (ROOT / ".env.example").read_text("utf-8").splitlines()
    wanted = [line.removeprefix("#").split("  # ")[0] for line in lines if line.startswith("#")]
    assignments = [line for line in wanted if "=" in line.split(" ")[0]]
    filled = [line + "filled-in-key" if line.endswith("=") else line for line in assignments]
    filled = [line for line in filled if not line.startswith("ANYMEDIA_CONFIG")]
    (tmp_path / ".env").write_text("\n".join(filled))
    found = load(environment={"HOME": str(tmp_path)}, directory=tmp_path)
    keyed = {one.name for one in found.providers if one.api_key or one.secrets}
    assert {"openai", "runway"} <= keyed
