"""Settings as people see them: with their origins, without their secrets."""

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from anymedia.configuration import describe, load, masked

KEY = "sk-1234567890abcdef"


@pytest.mark.parametrize(
    ("secret", "shown"),
    [
        ("sk-1234567890abcdef", "****cdef"),
        ("exactly-13-ch", "****3-ch"),
        ("short-secret", "****"),
        ("", "****"),
    ],
)
def test_a_secret_shows_its_end_if_it_can_spare_it(secret: str, shown: str) -> None:
    """Four characters of a long key tell which it is; of a short one they would be too much."""
    assert masked(secret) == shown
    assert masked(SecretStr(secret)) == shown


def test_every_value_tells_where_it_comes_from(tmp_path: Path) -> None:
    """In the form of the file, with value and origin at each leaf."""
    (tmp_path / "anymedia.yaml").write_text(
        "providers:\n  openai: {limits: {per_minute: 10}, models: {text: gpt-5.2}}\n"
        "aliases: {quick.one: {model: echo/hello}}\n"
        "routes: [{media: image, providers: [openai]}]\n"
    )
    (tmp_path / ".env").write_text("RETRY_MAX_ATTEMPTS=5")
    settings = load({"max_cost": "2.50"}, environment={"OPENAI_API_KEY": KEY}, directory=tmp_path)
    shown = describe(settings)
    openai = shown["providers"]["openai"]
    assert openai["api_key"] == {
        "value": "****cdef",
        "origin": "environment",
        "from": "OPENAI_API_KEY",
    }
    in_file = {"origin": "file", "from": "anymedia.yaml:2"}
    assert openai["limits"]["per_minute"] == {"value": 10, **in_file}
    assert openai["limits"]["per_hour"] == {"value": None, "origin": "default"}
    assert openai["models"] == {"text": {"value": "gpt-5.2", **in_file}}
    assert openai["priority"] == {"value": 100, "origin": "default"}
    assert shown["aliases"]["quick.one"]["model"]["from"] == "anymedia.yaml:3"
    assert shown["routes"]["origin"] == "file"
    assert shown["retry"]["max_attempts"] == {
        "value": 5,
        "origin": ".env",
        "from": "RETRY_MAX_ATTEMPTS",
    }
    assert shown["max_cost"] == {"value": "2.50", "origin": "argument"}


def test_no_secret_is_ever_shown(tmp_path: Path) -> None:
    """Neither keys nor passwords inside addresses, in descriptions or in `repr`."""
    settings = load(
        {
            "providers": {
                "openai": {
                    "api_key": KEY,
                    "secrets": {"api_key": "another-long-secret"},
                    "base_url": "https://ann:password@proxy.example/v1",
                    "proxy": "http://bob:password@proxy.example",
                }
            }
        },
        environment={},
        directory=tmp_path,
    )
    for shown in (json.dumps(describe(settings)), repr(settings.providers[0].api_key)):
        assert KEY not in shown
        assert "another-long-secret" not in shown
        assert "password" not in shown
    assert (
        describe(settings)["providers"]["openai"]["proxy"]["value"] == "http://****@proxy.example"
    )
