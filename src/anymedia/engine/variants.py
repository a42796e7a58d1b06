"""One provider in several ways: with each of its credentials, in each of its regions."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from pydantic import SecretStr

from anymedia.contracts.configuration import ProviderSettings
from anymedia.contracts.masking import masked


@dataclass(frozen=True, slots=True)
class Variant:
    """A provider with one of its credentials, in one of its regions."""

    configured: ProviderSettings
    credential: str = ""
    """Names the credential without giving it away; empty where there is one."""
    region: str = ""

    @property
    def label(self) -> str:
        """Names it among the provider's variants; empty where there is one."""
        return "@".join(part for part in (self.credential, self.region) if part)


def variants_of(configured: ProviderSettings) -> tuple[tuple[Variant, ...], ...]:
    """Region by region, in each one variant for every credential. One at least."""
    keys = configured.api_keys
    if configured.api_key is not None and keys:
        keys = (configured.api_key, *(key for key in keys if key != configured.api_key))
    names = credentials(keys) if len(keys) > 1 else ("",) * len(keys)
    regions: dict[str, str | None] = {**configured.regions} or {"": configured.base_url}
    return tuple(
        tuple(
            Variant(
                configured.model_copy(
                    update={"base_url": base_url, **({"api_key": key} if key else {})}
                ),
                credential=name,
                region=region,
            )
            for key, name in zip(keys or (None,), names or ("",), strict=True)
        )
        for region, base_url in regions.items()
    )


def credentials(keys: tuple[SecretStr, ...]) -> tuple[str, ...]:
    """A name for each key that stays the same when the list is put in another order."""
    named: list[str] = []
    seen: Counter[str] = Counter()
    for key in keys:
        name = masked(key)
        seen[name] += 1
        named.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return tuple(named)
