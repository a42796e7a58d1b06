"""Provider and model in one string, as versions before 2.0 write them.

    1.x string                      provider     model
    openai/gpt-5                    openai       gpt-5
    replicate/black-forest-labs/f   replicate    black-forest-labs/f
    gpt-5                           any          gpt-5
    openai/                         openai       any
    /black-forest-labs/f            any          black-forest-labs/f

The first slash divides. A string without one is a model. A model with slashes of its own and no
provider starts with a slash; for one without slashes that would only be a second spelling, so
`/gpt-5` is refused. Every pair has exactly one string, and every valid string one pair.
"""

from __future__ import annotations


def divided(route: str | None) -> tuple[str | None, str | None]:
    """The provider and the model that a string names."""
    if route is None or "/" not in route:
        return None, route
    provider, _, model = route.partition("/")
    return provider or None, model or None


def joined(provider: str | None, model: str | None) -> str | None:
    """The string that names both."""
    if provider is None and (model is None or "/" not in model):
        return model
    return f"{provider or ''}/{model or ''}"
