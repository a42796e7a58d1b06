"""The configuration file: its form, its references, and every way in which it can be wrong."""

import os
import textwrap
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from anymedia.configuration import load
from anymedia.contracts.configuration import Alias, Settings
from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.limit import Limits
from anymedia.contracts.route import RouteSettings


def read(tmp_path: Path, text: str, **environment: str) -> Settings:
    """The settings in a file."""
    (tmp_path / "anymedia.yaml").write_text(textwrap.dedent(text))
    return load(environment=environment, directory=tmp_path)


def mistakes(tmp_path: Path, text: str, **environment: str) -> list[str]:
    """What is wrong with a file, line by line."""
    with pytest.raises(InvalidConfiguration) as raised:
        read(tmp_path, text, **environment)
    head, *lines = str(raised.value).splitlines()
    assert head.startswith("the configuration ")
    assert len(lines) == len(raised.value.details["mistakes"])
    return [line.strip() for line in lines]


# --- what can be said -----------------------------------------------------------------------


def test_a_whole_file_is_understood(tmp_path: Path) -> None:
    """The form that the documentation shows."""
    settings = read(
        tmp_path,
        """
        providers:
          runway:
            api_key: "${RUNWAYML_API_SECRET}"
            priority: 1
            weight: 3
            limits: {per_minute: 10, per_day: 1000, concurrent: 5}
          local: {dialect: openai, base_url: "http://127.0.0.1:8000/v1", unlisted_models: allow}
        routes:
          - {media: video, strategy: priority, providers: [runway, local]}
        aliases: {fast-clip: {media: video, quality: draft}}
        max_cost: 2.50
        """,
        RUNWAYML_API_SECRET="key_abcdefgh12345678",
    )
    runway, local = settings.providers
    assert (runway.name, runway.priority, runway.weight) == ("runway", 1, 3.0)
    assert runway.limits == Limits(per_minute=10, per_day=1000, concurrent=5)
    assert (local.dialect, local.base_url) == ("openai", "http://127.0.0.1:8000/v1")
    assert local.unlisted_models == "allow"
    assert settings.routes == (RouteSettings(media="video", providers=("runway", "local")),)
    assert settings.aliases == {"fast-clip": Alias(media="video", quality="draft")}
    assert settings.max_cost == Decimal("2.5")


def test_what_is_commented_out_says_nothing(tmp_path: Path) -> None:
    """YAML has a name with nothing behind it then; a provider's name alone configures it."""
    settings = read(
        tmp_path,
        """
        providers:
          echo:
          openai:
            limits:
            #  per_minute: 10
        routes:
        data_dir:
        """,
        HOME="/home/ann",
    )
    assert [one.name for one in settings.providers] == ["echo", "openai"]
    assert settings.data_dir == "/home/ann/.local/share/anymedia"


@pytest.mark.parametrize("text", ["", "# nothing yet\n", "---\n", "null"])
def test_an_empty_file_says_nothing(tmp_path: Path, text: str) -> None:
    """It is how files begin."""
    assert read(tmp_path, text).providers == ()


def test_nothing_is_kept_among_options(tmp_path: Path) -> None:
    """Options go to the provider as they are, and `null` may mean something there."""
    settings = read(tmp_path, "providers: {echo: {options: {seed: null, nested: {a: [1, null]}}}}")
    assert settings.providers[0].options == {"seed": None, "nested": {"a": [1, None]}}


def test_parts_of_a_file_can_be_shared(tmp_path: Path) -> None:
    """YAML's own anchors and merges work."""
    settings = read(
        tmp_path,
        """
        providers:
          echo: &usual {priority: 5, weight: 2}
          openai: {<<: *usual, weight: 3}
        """,
    )
    assert [(one.priority, one.weight) for one in settings.providers] == [(5, 2.0), (5, 3.0)]


# --- references -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${GIVEN}", "given"),
        ("a-${GIVEN}-${GIVEN}", "a-given-given"),
        ("${MISSING:-else}", "else"),
        ("${EMPTY:-else}", "else"),
        ("${GIVEN:-else}", "given"),
        ("${MISSING:-}", ""),
        ("$${GIVEN}", "${GIVEN}"),
        ("$GIVEN costs $5", "$GIVEN costs $5"),
    ],
)
def test_references_are_replaced(tmp_path: Path, text: str, value: str) -> None:
    """By variables, by their defaults, or not at all when they are none."""
    settings = read(
        tmp_path, f"providers: {{echo: {{options: {{x: '{text}'}}}}}}", GIVEN="given", EMPTY=""
    )
    assert settings.providers[0].options == {"x": value}


def test_references_work_for_numbers_and_in_lists(tmp_path: Path) -> None:
    """What they stand for is checked like anything else."""
    settings = read(
        tmp_path,
        """
        providers: {echo: {priority: "${P:-7}", enabled: "${ON:-false}"}}
        routes: [{media: "${M}", providers: ["${WHO}"]}]
        """,
        M="image",
        WHO="echo",
    )
    assert (settings.providers[0].priority, settings.providers[0].enabled) == (7, False)
    assert settings.routes[0].providers == ("echo",)


def test_references_find_secrets_in_dotenv_and_files(tmp_path: Path) -> None:
    """Wherever a variable may be set."""
    (tmp_path / ".env").write_text("FIRST=one-secret-word\nSECOND_FILE=second\n")
    (tmp_path / "second").write_text("two-secret-word\n")
    settings = read(
        tmp_path, "providers: {echo: {api_key: '${FIRST}'}, openai: {api_key: '${SECOND}'}}"
    )
    keys = [one.api_key.get_secret_value() for one in settings.providers if one.api_key]
    assert keys == ["one-secret-word", "two-secret-word"]


def test_a_reference_to_nothing_is_a_mistake(tmp_path: Path) -> None:
    """It says where, and how to allow it."""
    assert mistakes(tmp_path, "providers:\n  runway: {api_key: '${RUNWAY}'}") == [
        (
            "providers.runway.api_key (anymedia.yaml:2): `RUNWAY` is not set; set it, or write "
            "`${RUNWAY:-}` where it may be missing"
        )
    ]


@pytest.mark.parametrize("text", ["${", "${}", "${1}", "${A-b}", "${A:-${B}}", "${A"])
def test_a_reference_that_is_none_is_a_mistake(tmp_path: Path, text: str) -> None:
    """Rather than a key that is the reference itself."""
    (line,) = mistakes(tmp_path, f"providers: {{echo: {{api_key: '{text}'}}}}", A="x")
    assert "expected `${NAME}` or `${NAME:-default}`" in line


def test_the_key_of_a_provider_that_is_switched_off_is_not_missed(tmp_path: Path) -> None:
    """A team's file works for whoever has only some of the keys."""
    text = "providers: {runway: {api_key: '${RUNWAY}'}, echo: {}}"
    settings = read(tmp_path, text, ENABLE_PROVIDER_RUNWAY="false")
    assert [(one.name, one.enabled) for one in settings.providers] == [
        ("runway", False),
        ("echo", True),
    ]


# --- mistakes -------------------------------------------------------------------------------


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Each with its path, its line, and what should be there."""
    assert mistakes(
        tmp_path,
        """\
        providers:
          runway:
            priority: first
            limits: {per_minute: 0, per_dy: 3}
          local: {dialect: openay, base_url: "127.0.0.1:8000"}
          Bad Name: {dialect: openai, base_url: "http://127.0.0.1"}
        routes:
          - {media: vidio, providers: [runwy]}
          - {media: image, strategy: random, providers: []}
        aliases: {fast: {quality: quick}, none: {}}
        cash: {}
        """,
    ) == [
        (
            "providers.local.dialect (anymedia.yaml:5): there is no such dialect; "
            "did you mean `openai`?"
        ),
        (
            "routes.0.providers (anymedia.yaml:8): there is no provider `runwy`; "
            "did you mean `runway`?"
        ),
        "aliases.none: expected at least one of `model`, `media`, `quality`, `options`",
        "providers.runway.priority (anymedia.yaml:3): expected a whole number",
        "providers.runway.limits.per_minute (anymedia.yaml:4): expected at least 1",
        (
            "providers.runway.limits.per_dy (anymedia.yaml:4): there is no such setting; "
            "did you mean `per_day` or `usd_per_day`?"
        ),
        (
            "providers.local.base_url (anymedia.yaml:5): "
            "expected a URL that begins with http:// or https://"
        ),
        (
            "providers.Bad Name (anymedia.yaml:6): "
            "expected a name of lower-case letters, digits, `-` and `_`"
        ),
        (
            "routes.0.media (anymedia.yaml:8): "
            "expected `text`, `image`, `video`, `audio`, `speech`, `transcription` or `embedding`"
        ),
        (
            "routes.1.strategy (anymedia.yaml:8): expected `priority`, `round_robin`, `weighted`, "
            "`least_loaded`, `latency`, `cost`, `quality` or `adaptive`"
        ),
        (
            "aliases.fast.quality (anymedia.yaml:10): "
            "expected `draft`, `standard`, `high` or `cinematic`"
        ),
        "cash: there is no such setting; did you mean `cache`?",
    ]


@pytest.mark.parametrize(
    ("text", "mistake"),
    [
        ("providers: {openia: {}}", "providers.openia: there is no provider of this name; did you"),
        ("provider: {}", "provider: there is no such setting; did you mean `providers`?"),
        ("providers: [1]", "providers.0 (anymedia.yaml:1): expected settings by name"),
        ("providers: 3", "providers (anymedia.yaml:1): expected a list"),
        ("providers: {echo: 3}", "providers.echo (anymedia.yaml:1): expected settings by name"),
        ("providers: {echo: {api-key: x}}", "did you mean `api_key` or `api_keys`?"),
        (
            "providers: {echo: {api_key: 123}}",
            "providers.echo.api_key (anymedia.yaml:1): expected text",
        ),
        ("providers: {echo: {enabled: perhaps}}", "expected true or false"),
        ("providers: {echo: {weight: heavy}}", "expected a number"),
        ("providers: {echo: {weight: .inf}}", "expected a finite number"),
        ("providers: {echo: {models: {vidio: x}}}", "providers.echo.models.vidio"),
        ("providers: {echo: {unlisted_models: maybe}}", "expected `allow` or `refuse`"),
        ("providers: {openai: {secrets: {api_kee: x}}}", "did you mean `api_key`?"),
        ("providers: {mine: {dialect: openai}}", "providers.mine.base_url"),
        ("routes: {media: video}", "routes"),
        ("routes: [video]", "routes.0 (anymedia.yaml:1): expected settings by name"),
        ("routes: [{providers: [echo]}]", "routes.0.media (anymedia.yaml:1): is missing"),
        (
            "routes: [{media: image, providers: [echo]}, {media: image, providers: [openai]}]",
            "routes.1.media (anymedia.yaml:1): routes.0 is already for image",
        ),
        (
            "routes: [{media: image}]",
            "routes.0 (anymedia.yaml:1): expected either `providers` or `groups`",
        ),
        (
            "routes: [{media: image, providers: [echo], groups: [{name: a, providers: [echo]}]}]",
            "routes.0 (anymedia.yaml:1): expected either `providers` or `groups`",
        ),
        (
            "routes: [{media: image, groups: [{name: a, providers: [ecco]}]}]",
            "routes.0.groups.0.providers (anymedia.yaml:1): there is no provider `ecco`; did you",
        ),
        (
            "routes: [{media: image, providers: [echo], last_resort: ecco}]",
            "routes.0.last_resort (anymedia.yaml:1): there is no provider `ecco`; did you",
        ),
        (
            """\
providers: {echo: {weight: 0}}
routes: [{media: image, strategy: weighted, providers: [echo]}]
""",
            "routes.0.providers (anymedia.yaml:2): expected a weight above 0 for at least one",
        ),
        (
            "routes: [{media: image, providers: 3}]",
            "routes.0.providers (anymedia.yaml:1): expected",
        ),
        ("routes: [{media: image, groups: [3]}]", "routes.0.groups.0 (anymedia.yaml:1): expected"),
        ("cache: {tiers: [redis]}", "cache.tiers (anymedia.yaml:1): `redis` is where `state.redis"),
        ("cache: {tiers: [memcached]}", "`memcached` needs `cache.memcached_url`"),
        ("state: {redis_url: 'http://x'}", "state.redis_url (anymedia.yaml:1): expected"),
        ("aliases: [a]", "aliases"),
        ("max_cost: cheap", "max_cost (anymedia.yaml:1): expected an amount in US dollars"),
        ("max_cost: -1", "expected at least 0"),
        ("timeouts: {read_seconds: 0}", "timeouts.read_seconds (anymedia.yaml:1): expected more"),
        ("data_dir: [a]", "data_dir (anymedia.yaml:1): expected text"),
        ("[1, 2]", "anymedia.yaml:1: expected settings by name"),
        ("just words", "anymedia.yaml:1: expected settings by name"),
        ("a: b: c", "anymedia.yaml:1: expected YAML: mapping values are not allowed here"),
        ("a:\n\t- b", "anymedia.yaml:2: expected YAML"),
        ("a: 'b", "anymedia.yaml:1: expected YAML"),
        ("a: 1\n---\nb: 2", "anymedia.yaml:2: expected YAML"),
        ("a: !!python/object:os.system {}", "anymedia.yaml"),
        ("x: \x00", "anymedia.yaml: expected YAML text without control characters"),
        ("max_cost: 1\nmax_cost: 2", "max_cost (anymedia.yaml:2): is given twice"),
        ("? [a, b]\n: c", "expected names in front of the colons"),
        ("data_dir: &a [*a]", "anymedia.yaml: expected fewer levels"),
        ("data_dir: " + "[" * 2000, "anymedia.yaml"),
    ],
)
def test_mistakes_are_named(tmp_path: Path, text: str, mistake: str) -> None:
    """One wrong thing each; never anything but our own error."""
    assert any(mistake in line for line in mistakes(tmp_path, text))


def test_what_was_given_is_not_repeated(tmp_path: Path) -> None:
    """It may be a key that was put in the wrong place."""
    secret = "sk-1234567890abcdef"
    for text in (
        f"providers: {{openai: {{base_url: {secret}}}}}",
        f"providers: {{openai: {{priority: {secret}}}}}",
        f"providers: {{openai: {{dialect: {secret}}}}}",
        f"providers: {{openai: {{limits: {secret}}}}}",
        f"routes: [{{media: {secret}, providers: [echo]}}]",
    ):
        assert secret not in "".join(mistakes(tmp_path, text))


def test_a_file_in_another_encoding_is_a_mistake(tmp_path: Path) -> None:
    """And not a crash; a byte order mark is fine."""
    (tmp_path / "anymedia.yaml").write_bytes("x: ä".encode("latin-1"))
    with pytest.raises(InvalidConfiguration, match="expected UTF-8 text"):
        load(environment={}, directory=tmp_path)
    (tmp_path / "anymedia.yaml").write_bytes("retry: {max_attempts: 4}".encode("utf-8-sig"))
    assert load(environment={}, directory=tmp_path).retry.max_attempts == 4


def test_a_directory_instead_of_a_file_is_a_mistake(tmp_path: Path) -> None:
    """With the system's reason."""
    (tmp_path / "anymedia.yaml").mkdir()
    with pytest.raises(InvalidConfiguration, match="cannot be read: Is a directory"):
        load(environment={}, directory=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_a_mistake(tmp_path: Path) -> None:
    """With the system's reason."""
    (tmp_path / "anymedia.yaml").write_text("x: 1")
    (tmp_path / "anymedia.yaml").chmod(0)
    with pytest.raises(InvalidConfiguration, match="cannot be read: Permission denied"):
        load(environment={}, directory=tmp_path)


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "providers",
                    "routes",
                    "aliases",
                    "echo",
                    "api_key",
                    "secrets",
                    "limits",
                    "media",
                    "dialect",
                    "base_url",
                    "enabled",
                    "options",
                    "data_dir",
                    "retry",
                    "name",
                    "x",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(document=ANYTHING)
def test_whatever_is_passed_is_understood_or_refused_in_our_words(document: Any) -> None:
    """Nothing but `Settings` or `InvalidConfiguration` ever comes of it."""
    source = document if isinstance(document, dict) else {"providers": document}
    with suppress(InvalidConfiguration):
        settings = load(source, environment={"HOME": "/home/ann"}, directory=Path("/nowhere"))
        assert isinstance(settings, Settings)
