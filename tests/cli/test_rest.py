"""The smaller commands, and what all of them have in common."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import anymedia
from anymedia.cli.app import COMMANDS, GROUPS, build
from tests.cli.running import Cli, command


def test_help_of_every_command_says_what_the_command_says() -> None:
    """The words in the table are the functions' own."""
    from importlib import import_module

    for name, (place, purpose) in COMMANDS.items():
        module, _, function = place.partition(":")
        found = getattr(import_module(f"anymedia.cli.{module}"), function)
        assert found.__doc__.splitlines()[0] == purpose, name


def test_every_group_and_command_is_in_the_tree() -> None:
    """Nothing is listed that cannot be called."""
    app = build()
    for name in (*GROUPS, *COMMANDS):
        found = app
        for word in name.split():
            found = found[word]


def test_the_version_is_told_without_loading_anything_heavy() -> None:
    """`--version` answers at once."""
    code = (
        "import sys; sys.argv = ['anymedia', '--version']\n"
        "from anymedia.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('pydantic', 'cyclopts', 'rich', 'sqlalchemy') if m in sys.modules])"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.splitlines() == [f"anymedia {anymedia.__version__}", "[]"]


def test_models_are_listed(cli: Cli) -> None:
    """What each can do, its price, how long it lives."""
    ran = cli("models", "--media", "image", "--json")
    assert ran.code == 0
    found = {(one["provider"], one["id"]): one for one in ran.json}
    assert found["echo", "picture"]["lifecycle"] == "live"
    assert "retired" in {one["lifecycle"] for one in cli("models", "--json").json}
    assert "echo" in cli("models", "--media", "speech").out


def test_providers_are_listed_with_what_they_miss(cli: Cli) -> None:
    """The variable to set is named."""
    ran = cli("providers", "list")
    assert ran.code == 0
    assert "OPENAI_API_KEY" in ran.out
    assert any(one["name"] == "echo" for one in cli("providers", "list", "--json").json)


def test_a_provider_is_checked_for_free(cli: Cli) -> None:
    """Echo needs nothing and answers."""
    ran = cli("providers", "check", "echo")
    assert ran.code == 0, ran.err
    assert "echo" in ran.out


ENVELOPE = {
    "schema_version": "1.0",
    "request_id": "r-1",
    "model": "echo/hello",
    "prompt": "Hello",
    "media_type": "text",
    "parameters": {"temperature": 0.5},
    "timestamp": "2026-11-21T09:00:00Z",
}


@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_an_older_envelope_is_brought_to_the_current_version(cli: Cli, version: str) -> None:
    """From a file or from stdin, onto stdout."""
    older = json.dumps({**ENVELOPE, "schema_version": version})
    ran = cli("migrate", "-", stdin=older)
    assert ran.code == 0, ran.err
    assert ran.json["schema_version"] == "2.0"
    assert (ran.json["provider"], ran.json["model"]) == ("echo", "hello")
    back = cli("migrate", "-", "--to", version, stdin=ran.out)
    assert back.json["model"] == "echo/hello"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "JSON"),
        ("[]", "object"),
        ('{"schema_version": "9.9"}', "9.9"),
        ('{"schema_version": "1.0"}', "media_type"),
    ],
)
def test_what_is_no_envelope_is_told(cli: Cli, text: str, words: str) -> None:
    """One line with what is wrong."""
    ran = cli("migrate", "-", stdin=text)
    assert ran.code == 2
    assert words in ran.err


def test_the_configuration_is_checked_whole(tmp_path: Path) -> None:
    """Every mistake at once, each with its place."""
    (tmp_path / "anymedia.yaml").write_text(
        "providers:\n  openai: {priority: high}\n  opnai: {}\nretry: {max_attempts: 0}\n"
    )
    ran = command(tmp_path, "config", "check")
    assert ran.returncode == 2
    for place in ("providers.openai.priority", "providers.opnai", "retry.max_attempts"):
        assert place in ran.stderr
    assert "anymedia.yaml:2" in ran.stderr


def test_the_configuration_is_shown_with_its_origins_and_without_secrets(tmp_path: Path) -> None:
    """Masked down to the last four."""
    ran = command(tmp_path, "config", "show", OPENAI_API_KEY="sk-secret-key-1234")
    assert ran.returncode == 0
    assert "****1234" in ran.stdout
    assert "sk-secret" not in ran.stdout
    assert "environment: OPENAI_API_KEY" in ran.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shells_are_taught_to_complete(cli: Cli, shell: str) -> None:
    """The script is printed, to be sourced."""
    ran = cli("completion", shell)
    assert ran.code == 0
    assert "anymedia" in ran.out


def test_bash_takes_the_completion(cli: Cli, tmp_path: Path) -> None:
    """It is a script that bash accepts."""
    script = tmp_path / "completion.bash"
    script.write_text(cli("completion", "bash").out)
    subprocess.run(["bash", "-n", str(script)], check=True)


def test_a_reader_that_has_had_enough_is_no_failure(tmp_path: Path) -> None:
    """As `head` does."""
    ran = subprocess.run(
        f"{sys.executable} -m anymedia models | head -1",
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in ran.stderr
    assert "BrokenPipe" not in ran.stderr


def test_no_words_at_all_show_what_there_is(tmp_path: Path) -> None:
    """And exit well."""
    ran = command(tmp_path)
    assert ran.returncode == 0
    assert "generate" in ran.stdout
