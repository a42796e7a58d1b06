"""What variables can say, and how they are refused."""

from pathlib import Path

import pytest

from anymedia.configuration import load
from anymedia.configuration.environment import Keys, said_by_variables
from anymedia.configuration.mistakes import Mistakes
from anymedia.configuration.said import values
from anymedia.configuration.variables import Variables
from anymedia.contracts.configuration import ProviderSettings
from anymedia.contracts.errors import InvalidConfiguration

KEY = "sk-1234567890abcdef"


def providers(tmp_path: Path, **environment: str) -> dict[str, ProviderSettings]:
    """Providers by name, as an environment configures them."""
    settings = load(environment=environment, directory=tmp_path)
    return {one.name: one for one in settings.providers}


def key_of(provider: ProviderSettings) -> str:
    """The key in clear."""
    assert provider.api_key is not None
    return provider.api_key.get_secret_value()


def refused(tmp_path: Path, **environment: str) -> str:
    """What is said about an environment with a mistake."""
    with pytest.raises(InvalidConfiguration) as raised:
        load(environment=environment, directory=tmp_path)
    assert KEY not in str(raised.value)
    return str(raised.value)


# --- keys -----------------------------------------------------------------------------------


def test_a_vendors_key_configures_the_vendor(tmp_path: Path) -> None:
    """Nothing else is needed."""
    assert key_of(providers(tmp_path, OPENAI_API_KEY=KEY)["openai"]) == KEY


def test_a_key_that_is_empty_is_none(tmp_path: Path) -> None:
    """Deployments set variables to nothing to say that there is nothing."""
    assert providers(tmp_path, OPENAI_API_KEY="", RUNWAYML_API_SECRET="") == {}


def test_a_key_of_a_service_in_the_table_configures_it(tmp_path: Path) -> None:
    """Rows of `gateways.toml` name their variables too."""
    assert (
        key_of(providers(tmp_path, VLLM_API_KEY="local-secret-key")["vllm"]) == "local-secret-key"
    )


def test_a_key_can_lie_in_a_file(tmp_path: Path) -> None:
    """As Docker and Kubernetes hand over secrets; the line end does not belong to it."""
    (tmp_path / "secret").write_text(KEY + "\n")
    found = providers(tmp_path, OPENAI_API_KEY_FILE=str(tmp_path / "secret"))
    assert key_of(found["openai"]) == KEY
    assert key_of(providers(tmp_path, OPENAI_API_KEY_FILE="secret")["openai"]) == KEY


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "No such file"), (b"\xff\xfe", "not text"), (b"x" * 70_000, "too large")],
)
def test_a_key_file_that_cannot_be_read_is_a_mistake(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    """The variable is named, and what is wrong with the file."""
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    message = refused(tmp_path, OPENAI_API_KEY_FILE="secret")
    assert "OPENAI_API_KEY_FILE: expected the path of a file that holds the key" in message
    assert why in message


def test_a_key_and_a_key_file_are_one_too_many(tmp_path: Path) -> None:
    """Nobody can know which of them was meant."""
    (tmp_path / "secret").write_text(KEY)
    message = refused(tmp_path, OPENAI_API_KEY=KEY, OPENAI_API_KEY_FILE="secret")
    assert "OPENAI_API_KEY: is set, and `OPENAI_API_KEY_FILE` is set too" in message


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_what_cannot_be_a_key_is_refused_without_showing_it(tmp_path: Path, key: str) -> None:
    """It would only fail later, in a header."""
    message = refused(tmp_path, OPENAI_API_KEY=key)
    assert "providers.openai.api_key (OPENAI_API_KEY): expected a key" in message
    assert key not in message


def test_a_server_of_ones_own_does_not_get_the_vendors_key(tmp_path: Path) -> None:
    """Who speaks OpenAI's language is not OpenAI, even under its name."""
    (tmp_path / "anymedia.yaml").write_text(
        "providers:\n"
        '  local: {dialect: openai, base_url: "http://127.0.0.1:8000/v1"}\n'
        '  runway: {dialect: openai, base_url: "http://127.0.0.1:8001/v1"}\n'
    )
    found = providers(tmp_path, OPENAI_API_KEY=KEY, RUNWAYML_API_SECRET=KEY)
    assert found["local"].api_key is None
    assert found["runway"].api_key is None
    assert key_of(found["openai"]) == KEY


def from_variables(tmp_path: Path, keys: Keys, **environment: str) -> dict[str, object]:
    """What variables say of providers that are made up."""
    mistakes = Mistakes()
    variables = Variables(environment, tmp_path, mistakes)
    said = values(said_by_variables(variables, keys, {}, mistakes))
    mistakes.raise_any()
    return said


def test_the_first_variable_that_is_set_counts(tmp_path: Path) -> None:
    """In the order in which the provider names them, and the environment before `.env`."""
    keys: Keys = {"acme": {"api_key": ("ACME_KEY", "ACME_TOKEN")}}
    both = from_variables(tmp_path, keys, ACME_TOKEN="second", ACME_KEY="first")
    assert both == {"providers": {"acme": {"api_key": "first"}}}
    (tmp_path / ".env").write_text("ACME_KEY=from-dotenv")
    one = from_variables(tmp_path, keys, ACME_TOKEN="second")
    assert one == {"providers": {"acme": {"api_key": "second"}}}


def test_providers_with_several_secrets_get_each_by_its_name(tmp_path: Path) -> None:
    """`api_key` has its own place; the others stand under `secrets`."""
    keys: Keys = {
        "acme": {"api_key": ("ACME_KEY",), "access_key": ("ACME_ID",), "other": ("ACME_X",)}
    }
    said = from_variables(tmp_path, keys, ACME_KEY="k", ACME_ID="i")
    assert said == {"providers": {"acme": {"api_key": "k", "secrets": {"access_key": "i"}}}}


def test_an_organisation_without_a_key_configures_nobody(tmp_path: Path) -> None:
    """It says on whose account it is, and goes along where there is a key."""
    assert providers(tmp_path, OPENAI_ORG_ID="org-1") == {}
    found = providers(tmp_path, OPENAI_ORG_ID="org-1", OPENAI_API_KEY=KEY)
    assert found["openai"].secrets["organization"].get_secret_value() == "org-1"


@pytest.mark.parametrize("name", ["AZURE_TENANT_ID", "AZURE_AUTHORITY_HOST", "OPENAI_API_VERSION"])
def test_what_other_programs_set_besides_configures_nobody(tmp_path: Path, name: str) -> None:
    """Else a machine with a tenant would have a provider that can never answer."""
    assert providers(tmp_path, **{name: "2024-10-21"}) == {}


@pytest.mark.parametrize(
    ("vendors", "alias"), [("FAL_KEY", "FAL_AI_API_KEY"), ("HF_TOKEN", "HUGGINGFACE_API_TOKEN")]
)
def test_keys_are_found_under_other_usual_names(tmp_path: Path, vendors: str, alias: str) -> None:
    """The vendor's own name wins where both are set."""
    keys: Keys = {"acme": {"api_key": (vendors,)}}
    assert from_variables(tmp_path, keys, **{alias: "other"}) == {
        "providers": {"acme": {"api_key": "other"}}
    }
    assert from_variables(tmp_path, keys, **{alias: "other", vendors: "own"}) == {
        "providers": {"acme": {"api_key": "own"}}
    }


# --- flags and defaults ---------------------------------------------------------------------


def test_a_flag_switches_a_provider_off(tmp_path: Path) -> None:
    """The key may stay where it is."""
    found = providers(tmp_path, OPENAI_API_KEY=KEY, ENABLE_PROVIDER_OPENAI="false")
    assert found["openai"].enabled is False


def test_a_flag_switches_on_what_needs_no_key(tmp_path: Path) -> None:
    """A local server is configured by saying that it is there."""
    assert providers(tmp_path, ENABLE_PROVIDER_OLLAMA="yes")["ollama"].enabled is True


def test_a_flag_reaches_servers_of_ones_own(tmp_path: Path) -> None:
    """Dashes in names are underscores in variables."""
    (tmp_path / "anymedia.yaml").write_text(
        'providers: {my-server: {dialect: openai, base_url: "http://127.0.0.1:8000/v1"}}'
    )
    assert providers(tmp_path, ENABLE_PROVIDER_MY_SERVER="0")["my-server"].enabled is False


def test_a_flag_for_nobody_and_one_that_says_nothing_are_mistakes(tmp_path: Path) -> None:
    """With the name that may have been meant."""
    message = refused(tmp_path, ENABLE_PROVIDER_OPENIA="true", ENABLE_PROVIDER_ECHO="perhaps")
    assert "ENABLE_PROVIDER_OPENIA: there is no such provider; did you mean `openai`" in message
    assert "providers.echo.enabled (ENABLE_PROVIDER_ECHO): expected true or false" in message


def test_defaults_of_providers_reach_those_that_are_configured(tmp_path: Path) -> None:
    """They do not configure anyone by themselves."""
    defaults = '{"openai": {"priority": 7, "options": {"store": false}}, "runway": {"weight": 2}}'
    found = providers(tmp_path, OPENAI_API_KEY=KEY, PROVIDER_DEFAULTS_JSON=defaults)
    assert list(found) == ["openai"]
    assert (found["openai"].priority, found["openai"].options) == (7, {"store": False})


@pytest.mark.parametrize(
    ("defaults", "why"),
    [
        ("{", "PROVIDER_DEFAULTS_JSON: expected JSON such as"),
        ('{"openai": 3}', "PROVIDER_DEFAULTS_JSON: expected JSON such as"),
        ('{"openia": {}}', "there is no such provider; did you mean `openai`"),
        ('{"openai": {"prioritty": 1}}', "did you mean `priority`?"),
    ],
)
def test_defaults_with_mistakes_are_refused(tmp_path: Path, defaults: str, why: str) -> None:
    """Whether it is the JSON, a provider's name or a setting's."""
    assert why in refused(tmp_path, OPENAI_API_KEY=KEY, PROVIDER_DEFAULTS_JSON=defaults)


# --- the others -----------------------------------------------------------------------------


def test_variables_for_reliability_are_settings(tmp_path: Path) -> None:
    """Milliseconds become the seconds that settings are in."""
    settings = load(
        environment={
            "FAILOVER_STRATEGY": "priority",
            "FAILOVER_MAX_ATTEMPTS": "4",
            "CIRCUIT_BREAKER_FAILURE_THRESHOLD": "7",
            "CIRCUIT_BREAKER_RECOVERY_TIMEOUT": "30000",
            "RETRY_MAX_ATTEMPTS": "5",
            "RETRY_BASE_DELAY_MS": "250",
            "RETRY_BACKOFF_FACTOR": "1.5",
        },
        directory=tmp_path,
    )
    assert (settings.failover.strategy, settings.failover.max_attempts) == ("priority", 4)
    assert settings.circuit_breaker.failure_threshold == 7
    assert settings.circuit_breaker.recovery_timeout_seconds == 30.0
    assert settings.retry.max_attempts == 5
    assert settings.retry.base_delay_seconds == 0.25
    assert settings.retry.backoff_factor == 1.5


def test_variables_with_wrong_values_are_named_in_the_mistakes(tmp_path: Path) -> None:
    """All at once, each once."""
    message = refused(
        tmp_path,
        RETRY_MAX_ATTEMPTS="many",
        RETRY_BASE_DELAY_MS="soon",
        CIRCUIT_BREAKER_RECOVERY_TIMEOUT="-5",
        FAILOVER_STRATEGY="best",
    )
    assert message.count("\n") == 4
    assert "retry.max_attempts (RETRY_MAX_ATTEMPTS): expected a whole number" in message
    assert "RETRY_BASE_DELAY_MS: expected a number of milliseconds" in message
    assert "(CIRCUIT_BREAKER_RECOVERY_TIMEOUT): expected more than 0" in message
    assert "failover.strategy (FAILOVER_STRATEGY): expected `priority`" in message


def test_a_variable_that_is_named_as_ours_must_be_ours(tmp_path: Path) -> None:
    """Otherwise a misspelt one would be ignored; others' variables are none of our business."""
    message = refused(tmp_path, ANYMEDIA_DATADIR="/data", OTHER_VARIABLE="x")
    assert (
        "ANYMEDIA_DATADIR: there is no such variable; did you mean `ANYMEDIA_DATA_DIR`" in message
    )
    assert "OTHER_VARIABLE" not in message


def test_a_dotenv_file_is_read_with_references_and_quotes(tmp_path: Path) -> None:
    """It may refer to the environment and to lines above; foreign lines do not disturb."""
    (tmp_path / ".env").write_text(
        "# keys\nexport TEAM=sk-team\nOPENAI_API_KEY='${TEAM}-1234567890'\n"
        "OTHER=${NOT_SET}\nRUNWAYML_API_SECRET=${GIVEN}\nODD=${\n"
    )
    found = providers(tmp_path, GIVEN="key_from_environment")
    assert key_of(found["openai"]) == "sk-team-1234567890"
    assert key_of(found["runway"]) == "key_from_environment"


def test_a_dotenv_line_that_is_none_is_a_mistake(tmp_path: Path) -> None:
    """With its number."""
    (tmp_path / ".env").write_text("A=1\nthis is not one\n")
    assert ".env:2: expected NAME=value" in refused(tmp_path)


def test_a_dotenv_file_in_another_encoding_is_a_mistake(tmp_path: Path) -> None:
    """And not a crash."""
    (tmp_path / ".env").write_bytes("KEY=ä".encode("latin-1"))
    assert ".env: expected UTF-8 text" in refused(tmp_path)
