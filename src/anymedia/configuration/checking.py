"""Checks the whole: each setting against its contract, and the settings against each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import SecretStr, ValidationError

from anymedia.configuration.budgets import contradictions
from anymedia.configuration.catalogs import sheets_in
from anymedia.configuration.mistakes import Mistakes, expected, meant
from anymedia.configuration.said import Said, Tree, origins, values
from anymedia.configuration.tidying import providers_in
from anymedia.contracts.configuration import Settings
from anymedia.contracts.errors import InvalidConfiguration
from anymedia.contracts.mistakes import printable
from anymedia.providers import registry

KEY_OF_A_MAPPING = "[key]"


def checked(tree: Tree, mistakes: Mistakes) -> Settings:
    """The tree as settings. Without mistakes it is complete; with them it is not to be used."""
    finding = Findings(tree, mistakes)
    clean_secrets(providers_in(tree), finding)
    for name, provider in providers_in(tree).items():
        if isinstance(provider, dict) and not is_on(provider):
            mistakes.forgive_unset(("providers", name))
    document = values(tree)
    check_providers(document.get("providers"), finding)
    check_routes(document, finding)
    check_cache(document, finding)
    check_budgets(document, finding)
    check_artifacts(document.get("artifacts_url"), finding)
    check_aliases(document.get("aliases"), finding)
    sheets = sheets_in(document, finding.add)
    return contract(document, finding).with_sheets(sheets)


class Findings:
    """Mistakes, each with where it was made."""

    def __init__(self, tree: Tree, mistakes: Mistakes) -> None:
        self._origins = dict(origins(tree))
        self._mistakes = mistakes

    def add(self, path: tuple[str, ...], expected: str) -> None:
        """One more."""
        self._mistakes.add(path, expected, where=self.where(path))

    def where(self, path: tuple[str, ...]) -> str | None:
        """Who said what stands there, or around it, or else in it."""
        for length in range(len(path), 0, -1):
            if (origin := self._origins.get(path[:length])) is not None:
                return origin.where
        within = (o for other, o in self._origins.items() if path and other[: len(path)] == path)
        origin = next(within, None)
        return origin.where if origin else None


def contract(document: dict[str, Any], finding: Findings) -> Settings:
    """The settings, or what is wrong with each."""
    providers = document.get("providers")
    names = list(providers) if isinstance(providers, dict) else []
    if isinstance(providers, dict):
        listed = [
            {**one, "name": name} if isinstance(one, dict) else one
            for name, one in providers.items()
        ]
        document = {**document, "providers": listed}
    try:
        return Settings.model_validate(document)
    except ValidationError as error:
        for one in error.errors(include_url=False, include_input=False):
            finding.add(path_of(one["loc"], names), expected(one))
    return Settings()


def path_of(steps: tuple[int | str, ...], names: list[str]) -> tuple[str, ...]:
    """Where the setting stands in the file: providers by their names."""
    match steps:
        case ("providers", int() as index, "name") if names:
            steps = ("providers", names[index])
        case ("providers", int() as index, *rest) if names:
            steps = ("providers", names[index], *rest)
    return tuple(str(step) for step in steps if step != KEY_OF_A_MAPPING)


def is_on(provider: Tree) -> bool:
    """Whether a provider is not switched off."""
    said = provider.get("enabled")
    off = {"false", "0", "no", "off", "f", "n"}
    return not isinstance(said, Said) or str(said.value).strip().lower() not in off


# --- secrets --------------------------------------------------------------------------------


def clean_secrets(providers: Tree, finding: Findings) -> None:
    """Keys without the line end that files leave; empty ones are none."""
    for name, provider in providers.items():
        if not isinstance(provider, dict):
            continue
        clean(provider, "api_key", ("providers", name), finding)
        clean(provider, "webhook_secret", ("providers", name), finding)
        secrets = provider.get("secrets")
        if isinstance(secrets, dict):
            for secret in list(secrets):
                clean(secrets, secret, ("providers", name, "secrets"), finding)


def clean(tree: Tree, name: str, path: tuple[str, ...], finding: Findings) -> None:
    """One key, fit to be sent; a mistake if it cannot be one."""
    said = tree.get(name)
    if not isinstance(said, Said):
        return
    value = said.value.get_secret_value() if isinstance(said.value, SecretStr) else said.value
    if not isinstance(value, str):
        return
    value = value.strip()
    if not value:
        del tree[name]
        return
    one_line = path[-1] != "secrets"  # other secrets may be whole PEM blocks
    if not value.isascii() or (one_line and (not value.isprintable() or " " in value)):
        finding.add((*path, name), "expected a key: one word of ASCII, without spaces")
    tree[name] = Said(value, said.origin)


# --- settings against each other ------------------------------------------------------------


def check_providers(providers: Any, finding: Findings) -> None:
    """Each has a language that is known, and an address to speak it at."""
    if not isinstance(providers, dict):
        return
    for name, provider in providers.items():
        if not isinstance(provider, dict):
            continue
        path = ("providers", name)
        if provider.get("regions") and provider.get("base_url"):
            finding.add((*path, "base_url"), "expected either `base_url` or `regions`")
        dialect = provider.get("dialect")
        if dialect is None:
            if name not in registry.names():
                finding.add(path, no_such_provider(name))
                continue
        elif dialect not in registry.names():
            known = meant(str(dialect), registry.names(), "known are")
            finding.add((*path, "dialect"), f"there is no such dialect{known}")
            continue
        elif not provider.keys() & {"base_url", "regions"} and not has_address(str(dialect), name):
            finding.add((*path, "base_url"), "is missing: a server of your own has an address")
        check_secrets(provider.get("secrets"), str(dialect or name), path, finding)


def no_such_provider(name: str) -> str:
    """What to do about a name that nothing is known of."""
    known = meant(name, registry.names(), "known are")
    return (
        f"there is no provider of this name{known} (a server of your own needs `dialect`, such as "
        f"`openai`, and `base_url`)"
    )


def has_address(dialect: str, name: str) -> bool:
    """Whether whoever speaks the dialect is found at an address of the dialect's."""
    try:
        return bool(registry.speaking(dialect, name).base_url)
    except InvalidConfiguration:
        return True


def check_secrets(secrets: Any, dialect: str, path: tuple[str, ...], finding: Findings) -> None:
    """Each is one that the provider knows."""
    try:
        known = registry.variables(dialect)
    except InvalidConfiguration as error:
        finding.add(path, error.message)
        return
    for secret in secrets if isinstance(secrets, dict) and known else ():
        if secret not in known:
            why = "there is no such secret" + meant(secret, known, "known are")
            finding.add((*path, "secrets", secret), why)


def check_routes(document: Mapping[str, Any], finding: Findings) -> None:
    """Each leads to providers there are, and there is one at most for a medium."""
    routes, providers = document.get("routes"), document.get("providers")
    if not isinstance(routes, list | tuple):
        return
    configured = providers if isinstance(providers, dict) else {}
    known = dict.fromkeys((*configured, *registry.names()))
    seen: dict[str, int] = {}
    for index, route in enumerate(routes):
        if not isinstance(route, dict):
            continue
        path = ("routes", str(index))
        medium = route.get("media")
        if isinstance(medium, str) and seen.setdefault(medium, index) != index:
            finding.add((*path, "media"), f"routes.{seen[medium]} is already for {medium}")
        for where, strategy, names in lists_of(route):
            for name in names:
                if name not in known:
                    why = f"there is no provider `{printable(name)}`"
                    why += meant(name, known, "known are")
                    finding.add((*path, *where), why)
            if strategy == "weighted" and names and not any(weighs(configured, n) for n in names):
                why = "expected a weight above 0 for at least one of its providers"
                finding.add((*path, *where), why)


def lists_of(route: Mapping[str, Any]) -> Iterator[tuple[tuple[str, ...], Any, list[str]]]:
    """Each list of providers that a route has: where it stands, its strategy, the names."""

    def names(value: Any) -> list[str]:
        listed = value if isinstance(value, list | tuple) else [value]
        return [name for name in listed if isinstance(name, str)]

    yield ("providers",), route.get("strategy"), names(route.get("providers"))
    yield ("last_resort",), None, names(route.get("last_resort"))
    groups = route.get("groups")
    for index, group in enumerate(groups if isinstance(groups, list | tuple) else ()):
        if isinstance(group, dict):
            where = ("groups", str(index), "providers")
            yield where, group.get("strategy"), names(group.get("providers"))


def weighs(configured: Mapping[str, Any], name: str) -> bool:
    """Whether a provider has a weight above zero, as far as that can be told."""
    provider = configured.get(name)
    weight = provider.get("weight", 1) if isinstance(provider, dict) else 1
    try:
        return float(weight) > 0
    except (TypeError, ValueError):
        return True  # its own mistake, and told as such


def check_cache(document: Mapping[str, Any], finding: Findings) -> None:
    """Each of its tiers is somewhere."""
    cache, state = document.get("cache"), document.get("state")
    tiers = cache.get("tiers") if isinstance(cache, dict) else None
    if not isinstance(cache, dict) or not isinstance(tiers, list | tuple):
        return
    if "redis" in tiers and not (isinstance(state, dict) and state.get("redis_url")):
        why = "`redis` is where `state.redis_url` (or `ANYMEDIA_REDIS_URL`) says, which is not set"
        finding.add(("cache", "tiers"), why)
    if "memcached" in tiers and not cache.get("memcached_url"):
        finding.add(("cache", "tiers"), "`memcached` needs `cache.memcached_url`, which is not set")


def check_artifacts(url: object, finding: Findings) -> None:
    """The address of the artifact store can be understood; whether it answers is seen in use."""
    if not isinstance(url, str) or "://" not in url:
        return
    from anymedia.store.artifacts.address import shelf_at

    try:
        shelf_at(url)
    except InvalidConfiguration as error:
        finding.add(("artifacts_url",), error.message)


def check_budgets(document: Mapping[str, Any], finding: Findings) -> None:
    """Each is about something there is, and there is one at most for the same."""
    providers = document.get("providers")
    configured = providers if isinstance(providers, dict) else {}
    known = dict.fromkeys((*configured, *registry.names()))
    for path, why in contradictions(document, known):
        finding.add(path, why)


def check_aliases(aliases: Any, finding: Findings) -> None:
    """Each stands for something."""
    for name, alias in aliases.items() if isinstance(aliases, dict) else ():
        if isinstance(alias, dict) and not alias:
            finding.add(
                ("aliases", name), "expected at least one of `model`, `media`, `quality`, `options`"
            )
