"""A real Redis for tests that are about sharing, or the reason why there is none."""

from __future__ import annotations

import os
import secrets
import socket
from urllib.parse import urlsplit

import pytest

from anymedia.contracts.configuration import StateSettings

URL = os.environ.get("ANYMEDIA_TEST_REDIS_URL", "redis://127.0.0.1:6379/0")


def answers(url: str) -> bool:
    """Whether somebody listens there."""
    parts = urlsplit(url)
    try:
        with socket.create_connection((parts.hostname or "127.0.0.1", parts.port or 6379), 1.0):
            return True
    except OSError:
        return False


needs_redis = pytest.mark.skipif(
    not answers(URL), reason=f"no Redis at {URL} (ANYMEDIA_TEST_REDIS_URL names another)"
)


def fresh_state(**fields: object) -> StateSettings:
    """Settings with a namespace of their own, so that tests do not see each other."""
    facts: dict[str, object] = {
        "redis_url": URL,
        "namespace": f"test-{secrets.token_hex(6)}",
        "timeout_seconds": 2.0,
    }
    return StateSettings.model_validate(facts | fields)
