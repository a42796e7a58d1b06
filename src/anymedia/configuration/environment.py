"""What variables say, as settings: keys under the vendors' own names, feature flags, and ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from anymedia.configuration.file import CONFIG
from anymedia.configuration.mistakes import Mistakes, meant
from anymedia.configuration.said import Said, Tree, grown, merged, put
from anymedia.configuration.variables import IN_FILE, Variables

OURS = "ANYMEDIA_"
OF_TESTS = "ANYMEDIA_TEST_"
"""Say where tests find the services they need; no settings."""
ENABLE = "ENABLE_PROVIDER_"
DEFAULTS = "PROVIDER_DEFAULTS_JSON"

SETTINGS: dict[str, tuple[str, ...]] = {
    "ANYMEDIA_DATA_DIR": ("data_dir",),
    "ANYMEDIA_DATABASE_URL": ("database_url",),
    "ANYMEDIA_REDIS_URL": ("state", "redis_url"),
    "ANYMEDIA_ARTIFACTS_URL": ("artifacts_url",),
    "ANYMEDIA_LOG_FORMAT": ("gateway", "log_format"),
    "FAILOVER_STRATEGY": ("failover", "strategy"),
    "FAILOVER_MAX_ATTEMPTS": ("failover", "max_attempts"),
    "CIRCUIT_BREAKER_FAILURE_THRESHOLD": ("circuit_breaker", "failure_threshold"),
    "RETRY_MAX_ATTEMPTS": ("retry", "max_attempts"),
    "RETRY_BACKOFF_FACTOR": ("retry", "backoff_factor"),
}
MILLISECONDS: dict[str, tuple[str, ...]] = {
    "CIRCUIT_BREAKER_RECOVERY_TIMEOUT": ("circuit_breaker", "recovery_timeout_seconds"),
    "RETRY_BASE_DELAY_MS": ("retry", "base_delay_seconds"),
}
SECRETS: dict[str, tuple[str, ...]] = {"ANYMEDIA_ADMIN_KEY": ("gateway", "admin_key")}
"""Of this installation, not of a vendor; `NAME_FILE` names a file here too."""
ALIASES: dict[str, tuple[str, ...]] = {
    "FAL_KEY": ("FAL_AI_API_KEY",),
    "HF_TOKEN": ("HUGGINGFACE_API_TOKEN",),
}
"""Further names that are in use for a vendor's variable."""

ACCOMPANYING = frozenset(
    {
        *("organization", "project", "location", "region", "bill_to"),
        *("tenant_id", "authority", "api_version"),
    }
)
"""Secrets that say on whose account it is, not who one is: alone they configure nobody."""
PLACES = {"api_key": ("api_key",)}
"""Where a secret stands among a provider's settings, unless it is under `secrets`."""

Keys: TypeAlias = Mapping[str, Mapping[str, tuple[str, ...]]]
"""Variables by provider and secret."""


def said_by_variables(
    variables: Variables, keys: Keys, configured: Tree, mistakes: Mistakes
) -> Tree:
    """Everything that variables say. `configured` is what others say about providers."""
    tree: Tree = {}
    for name, path in SETTINGS.items():
        if (said := variables.find(name)) is not None:
            put(tree, path, said)
    for name, path in SECRETS.items():
        if (said := variables.find_secret(name)) is not None:
            put(tree, path, Said(said.value.strip(), said.origin))
    for name, path in MILLISECONDS.items():
        if (said := variables.find(name)) is not None:
            put(tree, path, in_seconds(said, name, mistakes))
    known = tuple(dict.fromkeys((*keys, *configured)))
    defaults = provider_defaults(variables, known, mistakes)
    providers = with_keys(variables, keys, configured, defaults)
    for name, flag in flags(variables, known, mistakes).items():
        put(providers, (name, "enabled"), flag)
    if providers:
        tree["providers"] = providers
    refuse_unknown(variables, mistakes)
    return tree


def with_keys(variables: Variables, keys: Keys, configured: Tree, defaults: Tree) -> Tree:
    """Providers whose keys are set, and the defaults for whoever is configured at all."""
    providers: Tree = {}
    for name, secrets in keys.items():
        if speaks_otherwise(configured.get(name), name):
            continue
        found = secrets_set(variables, secrets)
        if name in configured or found.keys() - ACCOMPANYING:
            for secret, said in found.items():
                put(providers, (name, *PLACES.get(secret, ("secrets", secret))), said)
    for name, theirs in defaults.items():
        keyed = isinstance(theirs, dict) and theirs.keys() & {"api_key", "secrets"}
        if name in providers or name in configured or keyed:
            providers = merged(providers, {name: theirs})
    return providers


def secrets_set(variables: Variables, secrets: Mapping[str, tuple[str, ...]]) -> dict[str, Said]:
    """Those of a provider's secrets that are set, each under the first name that is."""
    found: dict[str, Said] = {}
    for secret, names in secrets.items():
        others = [other for name in names for other in ALIASES.get(name, ())]
        if (said := variables.find_secret(*names, *others)) is not None:
            found[secret] = said
    return found


def speaks_otherwise(configured: Said | Tree | None, name: str) -> bool:
    """Whether a vendor's name was given to something else, which must not get the vendor's key."""
    dialect = configured.get("dialect") if isinstance(configured, dict) else None
    return isinstance(dialect, Said) and dialect.value not in {None, name}


def provider_defaults(variables: Variables, known: Iterable[str], mistakes: Mistakes) -> Tree:
    """Settings of providers as one JSON object, in the form that the file has them."""
    said = variables.find(DEFAULTS)
    if said is None:
        return {}
    try:
        found: Any = json.loads(said.value)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(one, dict) for one in found.values()):
        mistakes.add((DEFAULTS,), 'expected JSON such as {"echo": {"priority": 1, "options": {}}}')
        return {}
    for name in found:
        if name not in known:
            why = "there is no such provider" + meant(name, known, "known are")
            mistakes.add((DEFAULTS, name), why)
    return grown({name: found[name] for name in found if name in known}, said.origin)


def flags(variables: Variables, known: Iterable[str], mistakes: Mistakes) -> dict[str, Said]:
    """Which providers are switched on and off by `ENABLE_PROVIDER_<NAME>`."""
    by_variable = {ENABLE + name.upper().replace("-", "_"): name for name in known}
    found: dict[str, Said] = {}
    for variable in dict.fromkeys(variables):
        if not variable.startswith(ENABLE):
            continue
        if variable not in by_variable:
            why = "there is no such provider" + meant(
                variable.removeprefix(ENABLE).lower(), known, "known are"
            )
            mistakes.add((variable,), why)
        elif (said := variables.find(variable)) is not None:
            found[by_variable[variable]] = said
    return found


def in_seconds(said: Said, name: str, mistakes: Mistakes) -> Said:
    """A number of milliseconds as the seconds that settings are in."""
    try:
        return Said(float(said.value) / 1000, said.origin)
    except ValueError:
        mistakes.add((name,), "expected a number of milliseconds")
        return Said(0.001, said.origin)  # stands in, so that it is one mistake and not two


def refuse_unknown(variables: Variables, mistakes: Mistakes) -> None:
    """A variable that is named as ours and is not ours was meant to do something."""
    ours = [CONFIG, *(name for name in SETTINGS if name.startswith(OURS))]
    ours += [name + ending for name in SECRETS for ending in ("", IN_FILE)]
    for name in dict.fromkeys(variables):
        if name.startswith(OURS) and name not in ours and not name.startswith(OF_TESTS):
            mistakes.add((name,), "there is no such variable" + meant(name, ours, "there are"))
