"""One contract for every generative model.

    client = anymedia.Client()
    video = client.video("a fox running through snow", duration_seconds=8)
    video.artifacts[0].save("fox.mp4")

Names are loaded when they are first used, so that importing costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from anymedia.contracts.version import __version__ as __version__

if TYPE_CHECKING:
    from anymedia import (
        contracts as contracts,
        providers as providers,
    )
    from anymedia.client import (
        AsyncClient as AsyncClient,
        Client as Client,
    )
    from anymedia.contracts.audio import (
        AudioRequest as AudioRequest,
        AudioResult as AudioResult,
    )
    from anymedia.contracts.caching import (
        Cache as Cache,
    )
    from anymedia.contracts.configuration import (
        ProviderSettings as ProviderSettings,
        Settings as Settings,
    )
    from anymedia.contracts.embedding import (
        EmbeddingRequest as EmbeddingRequest,
        EmbeddingResult as EmbeddingResult,
    )
    from anymedia.contracts.envelope import (
        UnifiedRequest as UnifiedRequest,
        UnifiedResponse as UnifiedResponse,
    )
    from anymedia.contracts.errors import (
        AuthenticationFailed as AuthenticationFailed,
        Cancelled as Cancelled,
        CircuitOpen as CircuitOpen,
        ContentRefused as ContentRefused,
        CostLimitExceeded as CostLimitExceeded,
        GenerationError as GenerationError,
        InsufficientCredits as InsufficientCredits,
        InvalidConfiguration as InvalidConfiguration,
        InvalidRequest as InvalidRequest,
        JobFailed as JobFailed,
        LimitReached as LimitReached,
        ModelUnavailable as ModelUnavailable,
        NetworkFailed as NetworkFailed,
        NoRouteSucceeded as NoRouteSucceeded,
        OutcomeUnknown as OutcomeUnknown,
        ProviderError as ProviderError,
        ProviderTimeout as ProviderTimeout,
        ProviderUnavailable as ProviderUnavailable,
        RateLimited as RateLimited,
        UnknownModel as UnknownModel,
        UnsupportedOption as UnsupportedOption,
    )
    from anymedia.contracts.image import (
        ImageRequest as ImageRequest,
        ImageResult as ImageResult,
    )
    from anymedia.contracts.job import (
        Job as Job,
    )
    from anymedia.contracts.ledger import (
        Costs as Costs,
    )
    from anymedia.contracts.media import (
        MediaBytes as MediaBytes,
        MediaUrl as MediaUrl,
        StoredArtifact as StoredArtifact,
    )
    from anymedia.contracts.request import (
        RetryConfig as RetryConfig,
    )
    from anymedia.contracts.route import (
        Routing as Routing,
    )
    from anymedia.contracts.speech import (
        SpeechRequest as SpeechRequest,
        SpeechResult as SpeechResult,
    )
    from anymedia.contracts.text import (
        TextRequest as TextRequest,
        TextResult as TextResult,
        Tool as Tool,
    )
    from anymedia.contracts.transcription import (
        TranscriptionRequest as TranscriptionRequest,
        TranscriptionResult as TranscriptionResult,
    )
    from anymedia.contracts.video import (
        VideoRequest as VideoRequest,
        VideoResult as VideoResult,
    )

HOMES: dict[str, tuple[str, ...]] = {
    "anymedia.client": ("AsyncClient", "Client"),
    "anymedia.contracts.audio": ("AudioRequest", "AudioResult"),
    "anymedia.contracts.caching": ("Cache",),
    "anymedia.contracts.configuration": ("ProviderSettings", "Settings"),
    "anymedia.contracts.embedding": ("EmbeddingRequest", "EmbeddingResult"),
    "anymedia.contracts.envelope": ("UnifiedRequest", "UnifiedResponse"),
    "anymedia.contracts.errors": (
        "AuthenticationFailed",
        "Cancelled",
        "CircuitOpen",
        "ContentRefused",
        "CostLimitExceeded",
        "GenerationError",
        "InsufficientCredits",
        "InvalidConfiguration",
        "InvalidRequest",
        "JobFailed",
        "LimitReached",
        "ModelUnavailable",
        "NetworkFailed",
        "NoRouteSucceeded",
        "OutcomeUnknown",
        "ProviderError",
        "ProviderTimeout",
        "ProviderUnavailable",
        "RateLimited",
        "UnknownModel",
        "UnsupportedOption",
    ),
    "anymedia.contracts.image": ("ImageRequest", "ImageResult"),
    "anymedia.contracts.job": ("Job",),
    "anymedia.contracts.ledger": ("Costs",),
    "anymedia.contracts.media": ("MediaBytes", "MediaUrl", "StoredArtifact"),
    "anymedia.contracts.request": ("RetryConfig",),
    "anymedia.contracts.route": ("Routing",),
    "anymedia.contracts.speech": ("SpeechRequest", "SpeechResult"),
    "anymedia.contracts.text": ("TextRequest", "TextResult", "Tool"),
    "anymedia.contracts.transcription": ("TranscriptionRequest", "TranscriptionResult"),
    "anymedia.contracts.video": ("VideoRequest", "VideoResult"),
}
"""Where the public names live (a test compares this with the imports above)."""

MODULES = {name: module for module, names in HOMES.items() for name in names}
__all__ = [*sorted(MODULES), "contracts", "providers"]  # noqa: PLE0604  all of them are strings


def __getattr__(name: str) -> Any:
    """Load a public name when it is first used."""
    if name in MODULES:
        value = getattr(import_module(MODULES[name]), name)
    elif name in {"contracts", "providers"}:
        value = import_module(f"anymedia.{name}")
    else:
        raise AttributeError(f"module `anymedia` has no attribute `{name}`")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
