"""Authentication as values."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from anymedia.wire.auth import Auth, BearerToken, GrantingAuth, HeaderKey, NoAuth, Secret
from anymedia.wire.http import get

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SECRETS = {"api_key": "k-1234"}


@pytest.mark.parametrize(
    ("auth", "headers"),
    [
        (BearerToken("ACME_API_KEY"), {"Authorization": "Bearer k-1234"}),
        (HeaderKey("xi-api-key", "ACME_API_KEY"), {"xi-api-key": "k-1234"}),
        (HeaderKey("Authorization", "FAL_KEY", prefix="Key "), {"Authorization": "Key k-1234"}),
        (NoAuth(), {}),
    ],
)
def test_the_key_goes_where_the_provider_wants_it(auth: Auth, headers: dict[str, str]) -> None:
    """In a copy of the request."""
    request = get("/x")

    assert auth.authorize(request, SECRETS, NOW).headers == headers
    assert request.headers == {}


def test_a_key_replaces_what_stood_in_its_header() -> None:
    """There is one proof."""
    request = get("/x", headers={"authorization": "Bearer other"})

    assert BearerToken("K").authorize(request, SECRETS, NOW).headers == {
        "Authorization": "Bearer k-1234"
    }


@pytest.mark.parametrize("secrets", [{}, {"api_key": ""}])
def test_an_optional_key_that_is_not_set_is_not_sent(secrets: dict[str, str]) -> None:
    """Local servers often want none."""
    request = get("/x")

    assert BearerToken("K", required=False).authorize(request, secrets, NOW) == request


def test_an_auth_says_what_has_to_be_configured() -> None:
    """The names of the variables, in the order they are looked at."""
    assert BearerToken("FAL_KEY", "FAL_AI_API_KEY").secrets == (
        Secret(name="api_key", environment=("FAL_KEY", "FAL_AI_API_KEY"), required=True),
    )
    assert BearerToken("K", required=False).secrets[0].required is False
    assert NoAuth().secrets == ()


def test_only_an_auth_with_a_grant_trades_its_secrets() -> None:
    """The engine asks before it does so."""
    assert not isinstance(BearerToken("K"), GrantingAuth)
    assert not isinstance(NoAuth(), GrantingAuth)
