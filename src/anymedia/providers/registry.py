"""All providers by name, each loaded when it is first asked for.

Ours stand in `BUILT_IN`, OpenAI-compatible services without quirks are rows of `gateways.toml`,
and third parties add theirs through the entry point group `anymedia.providers`.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib import import_module, metadata, resources

from anymedia.contracts.errors import InvalidConfiguration
from anymedia.providers.spec import Provider

BUILT_IN: dict[str, str] = {
    "echo": "anymedia.providers.adapters.echo:ECHO",
    "flux": "anymedia.providers.adapters.flux:FLUX",
    "comfyui": "anymedia.providers.adapters.comfyui:COMFYUI",
    "kling": "anymedia.providers.adapters.kling:KLING",
    "luma": "anymedia.providers.adapters.luma:LUMA",
    "luma-dream-machine": "anymedia.providers.adapters.luma:LUMA_DREAM_MACHINE",
    "anthropic": "anymedia.providers.adapters.anthropic:ANTHROPIC",
    "openai": "anymedia.providers.adapters.openai:OPENAI",
    "runway": "anymedia.providers.adapters.runway:RUNWAY",
    "elevenlabs": "anymedia.providers.adapters.elevenlabs:ELEVENLABS",
    "fal": "anymedia.providers.adapters.fal:FAL",
    "pika": "anymedia.providers.adapters.pika:PIKA",
    "replicate": "anymedia.providers.adapters.replicate:REPLICATE",
    "deepseek": "anymedia.providers.adapters.deepseek:DEEPSEEK",
    "huggingface": "anymedia.providers.adapters.huggingface:HUGGINGFACE",
    "mistral": "anymedia.providers.adapters.mistral:MISTRAL",
    "openrouter": "anymedia.providers.adapters.openrouter:OPENROUTER",
    "google": "anymedia.providers.adapters.google:GOOGLE",
    "vertex": "anymedia.providers.adapters.vertex:VERTEX",
    "ideogram": "anymedia.providers.adapters.ideogram:IDEOGRAM",
    "recraft": "anymedia.providers.adapters.recraft:RECRAFT",
    "stability": "anymedia.providers.adapters.stability:STABILITY",
    "azure-openai": "anymedia.providers.adapters.azure_openai:AZURE_OPENAI",
    "bedrock": "anymedia.providers.adapters.bedrock:BEDROCK",
    "ditectrev": "anymedia.providers.adapters.ditectrev:DITECTREV",
    "minimax": "anymedia.providers.adapters.minimax:MINIMAX",
    "seedance": "anymedia.providers.adapters.seedance:SEEDANCE",
    "wan": "anymedia.providers.adapters.wan:WAN",
}
KEYS: dict[str, dict[str, tuple[str, ...]]] = {
    "anthropic": {
        "api_key": ("ANTHROPIC_API_KEY",),
        "auth_token": ("ANTHROPIC_AUTH_TOKEN",),
    },
    "comfyui": {"api_key": ()},
    "flux": {"api_key": ("BFL_API_KEY",)},
    "luma": {"api_key": ("LUMA_AGENTS_API_KEY",)},
    "luma-dream-machine": {"api_key": ("LUMAAI_API_KEY", "LUMA_API_KEY")},
    "kling": {
        "api_key": ("KLINGAI_API_KEY",),
        "access_key": ("KLINGAI_ACCESS_KEY",),
        "secret_key": ("KLINGAI_SECRET_KEY",),
    },
    "openai": {
        "api_key": ("OPENAI_API_KEY",),
        "organization": ("OPENAI_ORG_ID",),
        "project": ("OPENAI_PROJECT_ID",),
    },
    "runway": {"api_key": ("RUNWAYML_API_SECRET",)},
    "elevenlabs": {"api_key": ("ELEVENLABS_API_KEY",)},
    "fal": {"api_key": ("FAL_KEY", "FAL_AI_API_KEY")},
    "pika": {"api_key": ("FAL_KEY", "FAL_AI_API_KEY")},
    "replicate": {"api_key": ("REPLICATE_API_TOKEN",)},
    "deepseek": {"api_key": ("DEEPSEEK_API_KEY",)},
    "huggingface": {"api_key": ("HF_TOKEN", "HUGGINGFACE_API_TOKEN")},
    "mistral": {"api_key": ("MISTRAL_API_KEY",)},
    "openrouter": {"api_key": ("OPENROUTER_API_KEY",)},
    "google": {"api_key": ("GOOGLE_API_KEY", "GEMINI_API_KEY")},
    "vertex": {
        "credentials": ("GOOGLE_CREDENTIALS",),
        "project": ("GOOGLE_CLOUD_PROJECT", "GOOGLE_VERTEX_PROJECT"),
        "location": ("GOOGLE_CLOUD_LOCATION", "GOOGLE_VERTEX_LOCATION"),
        "api_key": ("GOOGLE_VERTEX_API_KEY",),
        "access_token": ("CLOUDSDK_AUTH_ACCESS_TOKEN",),
        "client_email": ("GOOGLE_CLIENT_EMAIL",),
        "private_key": ("GOOGLE_PRIVATE_KEY",),
        "private_key_id": ("GOOGLE_PRIVATE_KEY_ID",),
    },
    "ideogram": {"api_key": ("IDEOGRAM_API_KEY",)},
    "recraft": {"api_key": ("RECRAFT_API_TOKEN", "RECRAFT_API_KEY")},
    "stability": {"api_key": ("STABILITY_API_KEY",)},
    "minimax": {"api_key": ("MINIMAX_API_KEY",)},
    "seedance": {"api_key": ("ARK_API_KEY",)},
    "wan": {"api_key": ("DASHSCOPE_API_KEY", "ALIBABA_API_KEY")},
    "bedrock": {
        "api_key": ("AWS_BEARER_TOKEN_BEDROCK",),
        "access_key": ("AWS_ACCESS_KEY_ID",),
        "secret_key": ("AWS_SECRET_ACCESS_KEY",),
        "session_token": ("AWS_SESSION_TOKEN",),
        "region": ("AWS_REGION", "AWS_DEFAULT_REGION"),
        "endpoint": ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME",),
    },
    "ditectrev": {
        "api_key": ("DITECTREV_AI_KEY",),
        "endpoint": ("DITECTREV_BASE_URL",),
        "subscription_url": ("DITECTREV_SUBSCRIPTION_URL",),
        "subscription_key": ("DITECTREV_SUBSCRIPTION_KEY",),
    },
    "azure-openai": {
        "api_key": ("AZURE_OPENAI_API_KEY", "AZURE_API_KEY"),
        "endpoint": ("AZURE_OPENAI_ENDPOINT", "AZURE_API_BASE"),
        "resource": ("AZURE_RESOURCE_NAME",),
        "api_version": ("OPENAI_API_VERSION",),
        "ad_token": ("AZURE_OPENAI_AD_TOKEN",),
        "tenant_id": ("AZURE_TENANT_ID",),
        "client_id": ("AZURE_CLIENT_ID",),
        "client_secret": ("AZURE_CLIENT_SECRET",),
        "authority": ("AZURE_AUTHORITY_HOST",),
    },
}
"""Variables that each secret is read from, as the adapters say it (a test compares them): the
configuration is read without importing every adapter."""
ENTRY_POINTS = "anymedia.providers"


@cache
def rows() -> dict[str, dict[str, object]]:
    """The OpenAI-compatible services, by name."""
    text = resources.files("anymedia.providers").joinpath("gateways.toml").read_text("utf-8")
    return tomllib.loads(text)


@cache
def plugins() -> dict[str, metadata.EntryPoint]:
    """What third parties have installed, by name."""
    return {point.name: point for point in metadata.entry_points(group=ENTRY_POINTS)}


def names() -> tuple[str, ...]:
    """Every provider that can be used here, ours first."""
    return tuple(dict.fromkeys((*BUILT_IN, *rows(), *plugins())))


def variables(name: str) -> dict[str, tuple[str, ...]]:
    """By secret, the environment variables that a provider's credentials are read from."""
    if name in BUILT_IN:
        return KEYS.get(name, {})
    if name in rows():
        named = rows()[name].get("environment", ())
        return {"api_key": tuple(map(str, named))} if isinstance(named, list) and named else {}
    return {secret.name: secret.environment for secret in provider(name).auth.secrets}


@cache
def provider(name: str) -> Provider:
    """A provider by its name. `InvalidConfiguration` when there is none."""
    if name in BUILT_IN:
        module, _, attribute = BUILT_IN[name].partition(":")
        found = getattr(import_module(module), attribute)
    elif name in rows():
        from anymedia.providers.dialects.openai.compatible import from_row

        found = from_row(name, rows()[name])
    elif name in plugins():
        found = loaded(plugins()[name])
    else:
        raise InvalidConfiguration(
            f"there is no provider `{name}`. Known: {', '.join(names())}. "
            f"A server that speaks a known language is configured with `dialect: openai`."
        )
    if not isinstance(found, Provider):
        raise InvalidConfiguration(f"provider `{name}` is a {type(found).__name__}, not a Provider")
    return found


def loaded(plugin: metadata.EntryPoint) -> object:
    """What a plugin offers. One that cannot be imported is the operator's to mend."""
    try:
        return plugin.load()
    except (ImportError, AttributeError) as error:
        raise InvalidConfiguration(
            f"the plugin for provider `{plugin.name}` (`{plugin.value}`) cannot be loaded: {error}. "
            f"Mend it or uninstall it."
        ) from error


def speaking(dialect: str, name: str) -> Provider:
    """Another service that speaks a known provider's language.

    Whoever else speaks OpenAI's language speaks the common form of it, which is not quite
    OpenAI's own: other field names, no key needed, everything inside the request.
    """
    if dialect == name:
        return provider(name)
    if dialect == "openai":
        from anymedia.providers.dialects.openai.compatible import compatible

        return compatible(name, base_url="")
    spoken = provider(dialect)
    return replace(spoken, name=name, title=name, catalog=name)
