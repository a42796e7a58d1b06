"""Figures as people read them."""

from __future__ import annotations


def seconds_in_words(seconds: float) -> str:
    """Such as `0.35 s`, `1.2 s` or `140 s`."""
    if seconds < 1:
        return f"{seconds:.2g} s"
    return f"{seconds:.1f} s" if seconds < 10 else f"{seconds:.0f} s"


def price_in_words(price: float | None) -> str:
    """Such as `0.0042 USD`."""
    if price is None:
        return "price unknown"
    return f"{price:.4g} USD" if price else "free"


def share_in_words(share: float) -> str:
    """Such as `97 %`."""
    return f"{share * 100:.0f} %"
